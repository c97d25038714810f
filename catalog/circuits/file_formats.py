"""Encode a circuit as node-link JSON, GraphML or a zip of CSV tables with networkx, and decode it."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from math import isclose, isinf
from pathlib import PurePath
from typing import Any, TypeAlias
from xml.etree import ElementTree

import networkx as nx
from pydantic import TypeAdapter

from catalog.circuits.circuit import Circuit
from extract import csv_tables
from extract.errors import UnknownUnit
from extract.folder.statistics import STATISTICS
from extract.unique_names import json_object, refuse_doubled

# The errors that parsers and pydantic raise for a file of another format. The XML parser raises SyntaxError; too deeply
# nested brackets, and zips that are encrypted or packed in an unknown way, raise RuntimeErrors.
UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, SyntaxError, ArithmeticError, RuntimeError, EOFError),
    *(nx.NetworkXException, zipfile.BadZipFile, zlib.error, *csv_tables.UNREADABLE, UnknownUnit),
)
_LARGEST = 1 << 26  # bytes of an unpacked zip: a small one may unpack to more than the memory
_GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
_HEADER = ("name", "kind", "model")
_CIRCUIT = TypeAdapter(Circuit)
_TOOLS_NAME = re.compile(r"n?\d+")  # a name that igraph or Cytoscape gives a node
_OF_TOOLS = ("node_default", "edge_default", "SUID", "shared_name", "selected")  # added by networkx and Cytoscape

_NUMBERS = ("magnitude", "mean", "sum", "span")  # numbers that every edge has

_Graph: TypeAlias = "nx.MultiDiGraph[Any]"


def encode(circuit: Circuit, form: str) -> bytes:
    """Encode a circuit as the bytes of a file."""
    return _WRITERS[form](circuit.graph())


def decode(data: bytes, form: str) -> Circuit:
    """Decode the circuit in a file's bytes. Raises one of the errors of UNREADABLE for bytes without a circuit."""
    return _circuit(_READERS[form](data))


def _circuit(graph: _Graph) -> Circuit:
    """Convert a graph to a circuit; attributes added by other tools are ignored. Raises Doubled for a repeated unit."""
    about = {str(name).replace(" ", "_"): value for name, value in _known(graph.graph).items()}
    names = {node: _unit_name(str(node), attributes) for node, attributes in graph.nodes(data=True)}
    refuse_doubled(names.values(), "unit")
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2])
    plain = {name: value for name, value in about.items() if isinstance(value, str | int | float)}
    circuit = _CIRCUIT.validate_python(
        {name: about[name] for name in _HEADER}
        | {"units": [_node(names[node], _known(attributes)) for node, attributes in graph.nodes(data=True)]}
        | {"edges": [_edge(names[source], names[target], attributes) for source, target, _, attributes in edges]}
        | {"settings": {name: value for name, value in plain.items() if name not in (*_HEADER, *_OF_TOOLS)}}
    )
    _refuse_infinite(circuit)
    return circuit


def _refuse_infinite(circuit: Circuit) -> None:
    """Raise ValueError for an infinite number, which cannot be drawn or compared; the error names its place."""
    numbers: dict[str, tuple[object, ...]] = {}
    numbers |= {f"unit {node.id}": (*node.statistics.values(), node.influence) for node in circuit.units}
    numbers |= {f"edge {e.source} - {e.target}": (e.magnitude, e.mean, e.sum, e.influence) for e in circuit.edges}
    numbers |= {f"setting {name}": (value,) for name, value in circuit.settings.items()}
    for part, values in numbers.items():
        if any(isinstance(value, float) and isinf(value) for value in values):
            raise ValueError(f"a number of {part} is infinite")


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out unknown attributes, which some tools write as an empty text or NaN."""
    return {name: value for name, value in attributes.items() if value not in ("", None) and value == value}


def _unit_name(name: str, attributes: Mapping[str, Any]) -> str:
    """Return the unit name of a node, even if a tool renamed the node."""
    if _TOOLS_NAME.fullmatch(name) and {"layer", "channel"} <= set(attributes):
        return f"{attributes['layer']}/{float(attributes['channel']):.0f}"
    return name


def _node(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    if not attributes:
        raise ValueError(f"an edge leads to {name}, which is not one of its units")
    attributes = _renamed(attributes)
    statistics = {column: attributes[column] for column in STATISTICS if column in attributes}
    labels = attributes.get("labels", "[]")
    labels = json.loads(labels) if isinstance(labels, str) else labels
    part = {"role": attributes["role"], "sensitive": attributes["sensitive"], "note": attributes.get("note", "")}
    return {"id": name, "labels": labels, "statistics": statistics, **part, "influence": attributes.get("influence")}


def _edge(source: str, target: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NUMBERS:
        if str(attributes.get(name)).casefold() == "nan":
            raise ValueError(f"the {name} of edge {source} - {target} is not a number")
    return {**_known(attributes), "source": source, "target": target}


def _renamed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rename a node's attributes of earlier versions, in which `modality_difference` was one of two differences.

    It becomes `word_share_difference` if it equals the difference of the branches' word shares, or if these shares are
    unknown; otherwise it becomes `selectivity_difference`.
    """
    attributes = _of_schema_4(attributes)
    if "modality_difference" not in attributes:
        return attributes
    old = float(attributes["modality_difference"])
    shares = [float(attributes[name]) for name in ("words_shortcut", "words_conv") if name in attributes]
    word_shares = abs(shares[0] - shares[1]) if len(shares) == 2 else old
    if isclose(old, word_shares, abs_tol=1e-6):
        return {**attributes, "word_share_difference": old}
    return {**attributes, "word_share_difference": word_shares, "selectivity_difference": old}


_SCHEMA_4 = {"reach_shortcut", "reach_conv", "p_facets", "p_reach_shortcut", "p_reach_conv"}  # no later schema has them


def _of_schema_4(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rename the measurements of ablation in a node of schema 4, and leave out the tests that the census replaced."""
    if not _SCHEMA_4 & attributes.keys():
        return attributes
    known = {name: value for name, value in attributes.items() if name not in ("p", "q")}
    return {f"nearby_{name}" if name.startswith("rise_") else name: value for name, value in known.items()}


def _to_json(graph: _Graph) -> bytes:
    return json.dumps(nx.node_link_data(graph, edges="edges"), indent=1, ensure_ascii=False).encode()


def _from_json(data: bytes) -> _Graph:
    content = json.loads(data, object_pairs_hook=json_object)
    if not isinstance(content, dict):
        raise ValueError("it is JSON, but not of a circuit")
    if "elements" in content:
        content = _from_cytoscape(content)
    refuse_doubled((str(node["id"]) for node in content["nodes"]), "unit")
    return _directed(nx.node_link_graph(content, edges="edges" if "edges" in content else "links"))


def _from_cytoscape(content: Mapping[str, Any]) -> dict[str, Any]:
    """Convert Cytoscape's JSON to node-link content."""
    nodes, edges = ([part["data"] for part in content["elements"][kind]] for kind in ("nodes", "edges"))
    numbered = [{**edge, "key": key} for key, edge in enumerate(edges)]
    return {"directed": True, "multigraph": True, "graph": content["data"], "nodes": nodes, "edges": numbered}


def _to_graphml(graph: _Graph) -> bytes:
    file = io.BytesIO()
    nx.write_graphml_xml(graph, file)
    return file.getvalue()


def _from_graphml(data: bytes) -> _Graph:
    return _directed(nx.read_graphml(io.BytesIO(_numbered(data)), force_multigraph=True))


def _numbered(data: bytes) -> bytes:
    """Number the edges of GraphML by their place if another tool gave them other ids, or none.

    Raises Doubled for a node that occurs twice.
    """
    root = ElementTree.fromstring(data)  # noqa: S314, networkx parses it likewise
    refuse_doubled((node.get("id", "") for node in root.iter(f"{_GRAPHML}node")), "unit")
    edges = list(root.iter(f"{_GRAPHML}edge"))
    if all(edge.get("id", "").isdecimal() for edge in edges):
        return data
    for place, edge in enumerate(edges):
        edge.set("id", str(place))
    return ElementTree.tostring(root)


def _directed(graph: "nx.Graph[Any]") -> _Graph:
    if not isinstance(graph, nx.MultiDiGraph):
        raise ValueError("it is not a directed graph that allows several edges between two units")
    return graph


def _to_csv(graph: _Graph) -> bytes:
    nodes = [{"id": name, **attributes} for name, attributes in graph.nodes(data=True)]
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in (
            ("circuit.json", json.dumps(graph.graph, indent=1, ensure_ascii=False)),
            ("nodes.csv", _table(nodes)),
            ("edges.csv", _table([{"source": s, "target": t, **attributes} for s, t, _, attributes in edges])),
        ):
            bundle.writestr(
                zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED
            )  # without a date, so that equal circuits give equal bytes
    return file.getvalue()


def _from_csv(data: bytes) -> _Graph:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        if sum(file.file_size for file in bundle.infolist()) > _LARGEST:
            raise ValueError("it unpacks to more than any circuit needs")
        about, nodes, edges = (
            bundle.read(_member(bundle, name)) for name in ("circuit.json", "nodes.csv", "edges.csv")
        )
    graph: _Graph = nx.MultiDiGraph(**json.loads(about, object_pairs_hook=json_object))
    rows = list(_rows(nodes))
    refuse_doubled((row["id"] for row in rows), "unit")
    for row in rows:
        graph.add_node(row.pop("id"), **row)
    for key, row in enumerate(_rows(edges)):
        graph.add_edge(row.pop("source"), row.pop("target"), key=key, **row)
    return graph


def _member(bundle: zipfile.ZipFile, name: str) -> str:
    """Find the file of this name in a zip, even inside a folder, because repacking a zip may add one.

    Raises Doubled for two such files, KeyError for none.
    """
    files = [file for file in bundle.namelist() if PurePath(file).name == name and not file.startswith("__MACOSX")]
    refuse_doubled((PurePath(file).name for file in files), "file")
    if not files:
        raise KeyError(name)
    return files[0]


def _table(rows: list[dict[str, Any]]) -> str:
    """Encode rows as CSV under the union of their columns; unknown values are empty cells."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return csv_tables.encode(columns, ([row.get(name) for name in columns] for row in rows))


def _rows(data: bytes) -> Iterable[dict[str, str]]:
    """Decode the rows of a CSV table, without empty cells."""
    return (
        {name: csv_tables.english_cell(cell) for name, cell in row.items() if cell} for row in csv_tables.decode(data)
    )


_WRITERS: Mapping[str, Callable[[_Graph], bytes]] = {"json": _to_json, "graphml": _to_graphml, "csv": _to_csv}
_READERS: Mapping[str, Callable[[bytes], _Graph]] = {"json": _from_json, "graphml": _from_graphml, "csv": _from_csv}
