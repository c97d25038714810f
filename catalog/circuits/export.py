"""Circuits as files that other graph tools read, each of which reads back as the same circuit.

json      node-link JSON as networkx, D3 and sigma read it, the edges under `edges`
graphml   GraphML for Gephi, Cytoscape, yEd, igraph and networkx
csv       a zip with nodes.csv and edges.csv for spreadsheets, pandas and LOAD CSV, and circuit.json: name and settings

All hold `Circuit.graph()`: plain attributes, nothing for what is not known, the flag `sensitive` on every unit.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import networkx as nx
from pydantic import TypeAdapter

from catalog.circuits.circuit import Circuit
from catalog.errors import ExportError
from extract.errors import UnknownUnit
from extract.files import replace_file
from extract.folder.statistics import STATISTICS

Format = Literal["json", "graphml", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {".json": "json", ".graphml": "graphml", ".zip": "csv"}

# What the parsers and pydantic raise for a file that is not theirs; the XML parser's error is a SyntaxError.
_UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, SyntaxError),
    *(nx.NetworkXException, zipfile.BadZipFile, csv.Error, UnknownUnit),
)
_HEADER = ("name", "kind", "model")
_CIRCUIT = TypeAdapter(Circuit)

_Graph: TypeAlias = "nx.MultiDiGraph[Any]"


def write(circuit: Circuit, path: Path, form: Format | None = None) -> None:
    """Write a circuit; the format is that of the name's suffix where it is not given. Raises ExportError."""
    replace_file(path, encode(circuit, form or _format(path)), ExportError)


def read(path: Path, form: Format | None = None) -> Circuit:
    """The circuit that `write` wrote; ExportError for a file that holds none."""
    chosen = form or _format(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return decode(data, chosen)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error


def encode(circuit: Circuit, form: Format) -> bytes:
    """A circuit as the bytes of a file; equal circuits give equal bytes."""
    return _CODECS[form][0](circuit.graph())


def decode(data: bytes, form: Format) -> Circuit:
    """The circuit in a file's bytes; ExportError where there is none."""
    try:
        return _circuit(_CODECS[form][1](data))
    except _UNREADABLE as error:
        raise ExportError(
            f"This holds no circuit as {form} ({type(error).__name__}). "
            "It is of another format or was altered: export again."
        ) from error


def _format(path: Path) -> Format:
    if path.suffix not in SUFFIXES:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise ExportError(f"The name {path.name!r} tells no format. Name the format, or end it in one of {known}.")
    return SUFFIXES[path.suffix]


def _circuit(graph: _Graph) -> Circuit:
    """The records behind a graph; what other tools have added to it is left aside."""
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2])
    settings = {name: value for name, value in graph.graph.items() if name not in _HEADER}
    return _CIRCUIT.validate_python(
        {name: graph.graph[name] for name in _HEADER}
        | {"units": [_node(str(name), attributes) for name, attributes in graph.nodes(data=True)]}
        | {"edges": [{"source": s, "target": t, **attributes} for s, t, _, attributes in edges], "settings": settings}
    )


def _node(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    statistics = {column: attributes[column] for column in STATISTICS if column in attributes}
    labels = json.loads(attributes.get("labels", "[]"))
    part = {"role": attributes["role"], "sensitive": attributes["sensitive"]}
    return {"id": name, "labels": labels, "statistics": statistics, **part, "influence": attributes.get("influence")}


def _to_json(graph: _Graph) -> bytes:
    return json.dumps(nx.node_link_data(graph, edges="edges"), indent=1, ensure_ascii=False).encode()


def _from_json(data: bytes) -> _Graph:
    content = json.loads(data)
    return _directed(nx.node_link_graph(content, edges="edges" if "edges" in content else "links"))


def _to_graphml(graph: _Graph) -> bytes:
    file = io.BytesIO()
    nx.write_graphml_xml(graph, file)
    return file.getvalue()


def _from_graphml(data: bytes) -> _Graph:
    graph = nx.read_graphml(io.BytesIO(data), force_multigraph=True)
    for default in ("node_default", "edge_default"):  # which networkx adds
        graph.graph.pop(default, None)
    return _directed(graph)


def _directed(graph: "nx.Graph[Any]") -> _Graph:
    if not isinstance(graph, nx.MultiDiGraph):
        raise ValueError("not a directed graph with several edges between two units")
    return graph


def _to_csv(graph: _Graph) -> bytes:
    nodes = [{"id": name, **attributes} for name, attributes in graph.nodes(data=True)]
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in (
            ("circuit.json", json.dumps(graph.graph, indent=1, ensure_ascii=False)),
            ("nodes.csv", _csv(nodes)),
            ("edges.csv", _csv([{"source": s, "target": t, **attributes} for s, t, _, attributes in edges])),
        ):
            bundle.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # with no date, so equal bytes
    return file.getvalue()


def _from_csv(data: bytes) -> _Graph:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        graph: _Graph = nx.MultiDiGraph(**json.loads(bundle.read("circuit.json")))
        for row in _rows(bundle.read("nodes.csv")):
            graph.add_node(row.pop("id"), **row)
        for key, row in enumerate(_rows(bundle.read("edges.csv"))):
            graph.add_edge(row.pop("source"), row.pop("target"), key=key, **row)
    return graph


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows under the union of their columns; an empty cell is what is not known."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(data: bytes) -> Iterable[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        yield {name: value for name, value in row.items() if value}


_CODECS: Mapping[Format, tuple[Callable[[_Graph], bytes], Callable[[bytes], _Graph]]] = {
    "json": (_to_json, _from_json),
    "graphml": (_to_graphml, _from_graphml),
    "csv": (_to_csv, _from_csv),
}
