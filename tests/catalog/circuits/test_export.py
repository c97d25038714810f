import csv
import io
import json
import math
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import networkx as nx
import pytest

from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.circuits.export import FORMATS, Format, decode, encode, read, write
from catalog.errors import ExportError
from extract.folder.statistics import STATISTICS
from extract.units import Unit
from graph.records import Branch

AWKWARD = (
    "hat",
    'a "quoted", label; with\nbreaks\tand tabs',
    "carriage\r\nreturn\rand trailing \n",
    "<script>alert('x')</script> &amp; ]]> &#0;",
    "👩‍🚀 🏳️‍🌈 e\u0301 עברית",
    "bell\x07 null\x00 escape\x1b[31m \ufffe",
    "\u2028 = 1+1",
    "  spaces  ",
    "true",
    "1.5",
    "[]",
    "MATCH (n) DETACH DELETE n //'\\`$x",
)

STORED = (  # of a circuit saved by the first version that saved any
    '{"directed": true, "multigraph": true, '
    '"graph": {"limit": 2, "name": "c", "kind": "enrichment", "model": "m:t"}, '
    '"nodes": [{"layer": "4/2/6", "channel": 9, "role": "sum", "label": "you", "labels": "[\\"you\\"]", '
    '"influence": 1.0, "sensitive": true, "scale": 0.5, "id": "4/2/6/9"}, '
    '{"layer": "4/2/5", "channel": 9, "role": "conv", "sensitive": false, "id": "4/2/5/9"}, '
    '{"layer": "4/2/3", "channel": 10, "role": "input", "influence": 0.25, "sensitive": false, "id": "4/2/3/10"}], '
    '"edges": [{"kind": "ADDS", "magnitude": 1.0, "mean": 1.0, "sum": 1.0, "span": 1, "direct": true, '
    '"branch": "conv", "source": "4/2/5/9", "target": "4/2/6/9", "key": 0}, '
    '{"kind": "CONTRIBUTES", "magnitude": 0.5, "mean": -0.1, "sum": -0.9, "span": 9, "direct": true, "rank_in": 1, '
    '"source": "4/2/3/10", "target": "4/2/5/9", "key": 1}]}'
)

KINDS: tuple[Literal["CONTRIBUTES", "ADDS"], ...] = ("CONTRIBUTES", "ADDS")
BRANCHES: tuple[Branch | None, ...] = (None, "conv", "shortcut")


def random_circuit(seed: int) -> Circuit:
    chance = random.Random(seed)  # noqa: S311

    def number() -> float:
        return chance.choice((0.0, -0.0, 1.0, 1e-45, -1e300, 1 / 3, chance.gauss(0, 1), float(chance.randint(-9, 9))))

    ids = chance.sample([f"{block}/3/{channel}" for block in ("3/0", "4/0", "4/1") for channel in range(40)], 12)
    units = tuple(
        Node(
            Unit.parse(name),
            chance.choice(("unit", "input", "output", "sum", "shortcut", "conv")),
            tuple(chance.sample(AWKWARD, chance.randrange(4))),
            chance.random() < 0.5,
            {name: number() for name in chance.sample(STATISTICS, chance.randrange(4))},
            note=chance.choice(("", "you; bloody wound")),
        )
        for name in ids
    )
    edges = tuple(
        CircuitEdge(
            source=Unit.parse(chance.choice(ids)),
            target=Unit.parse(chance.choice(ids)),
            kind=chance.choice(KINDS),
            magnitude=number(),
            mean=number(),
            sum=number(),
            span=chance.randrange(1, 200),
            direct=chance.random() < 0.5,
            rank_in=chance.choice((None, 1, 7)),
            rank_out=chance.choice((None, 2)),
            branch=chance.choice(BRANCHES),
        )
        for _ in range(chance.randrange(30))
    )
    settings: dict[str, str | int | float | bool] = {"layer": "4/2/6"}
    settings |= {"limit": chance.randrange(9), "floor": number(), "whole": chance.random() < 0.5}
    return Circuit(chance.choice(AWKWARD[:2]), "neighbourhood", "RN50:openai", units, edges, settings)


def types(graph: "nx.MultiDiGraph[str]") -> list[object]:
    kinds = [{name: type(value) for name, value in data.items()} for _, data in graph.nodes(data=True)]
    return [*kinds, *({name: type(value) for name, value in data.items()} for *_, data in graph.edges(data=True))]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_reads_back_equal(form: Format, seed: int) -> None:
    circuit = random_circuit(seed)

    again = decode(encode(circuit, form), form)

    assert again == circuit
    assert nx.utils.graphs_equal(again.graph(), circuit.graph())
    assert again.graph().graph == circuit.graph().graph
    assert types(again.graph()) == types(circuit.graph())
    assert math.copysign(1, again.settings["floor"]) == math.copysign(1, circuit.settings["floor"])  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMATS)
def test_equal_circuits_give_equal_bytes(form: Format) -> None:
    assert encode(random_circuit(3), form) == encode(random_circuit(3), form)


def small() -> Circuit:
    conv, total = Unit.parse("4/2/5/9"), Unit.parse("4/2/6/9")
    edges = (
        CircuitEdge(conv, total, "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch="conv"),
        CircuitEdge(Unit.parse("4/2/3/10"), conv, "CONTRIBUTES", 0.5, -0.1, -0.9, 9, direct=True, rank_in=1),
    )
    units = (
        Node(total, "sum", ("you",), True, {"scale": 0.5}, 1.0),
        Node(conv, "conv"),
        Node(Unit.parse("4/2/3/10"), "input", influence=0.25),
    )
    return Circuit("c", "enrichment", "m:t", units, edges, {"limit": 2})


def test_the_json_of_a_circuit_is_what_it_always_was_but_for_the_weights_of_its_edges() -> None:
    content = json.loads(encode(small(), "json"))
    assert [edge.pop("weight") for edge in content["edges"]] == [1.0, 0.5]
    assert json.dumps(content, ensure_ascii=False) == STORED
    assert decode(STORED.encode(), "json") == small()


def test_other_tools_weigh_every_edge_by_its_magnitude() -> None:
    graphml = nx.read_graphml(io.BytesIO(encode(small(), "graphml")), force_multigraph=True)
    bundle = zipfile.ZipFile(io.BytesIO(encode(small(), "csv")))
    rows = csv.DictReader(io.StringIO(bundle.read("edges.csv").decode(), newline=""))
    for weights in (
        [data["weight"] for *_, data in small().graph().edges(data=True)],
        [data["weight"] for *_, data in graphml.edges(data=True)],
        [float(row["weight"]) for row in rows],
    ):
        assert sorted(weights) == [0.5, 1.0]


def as_spreadsheets_save(table: str, separator: str, encoding: str, truth: dict[str, str]) -> bytes:
    """A table of ours as a spreadsheet of another language saves it, with the decimal comma where that is free."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    for row in csv.reader(io.StringIO(table, newline="")):
        cells = [truth.get(cell, cell) for cell in row]
        writer.writerow(
            [re.sub(r"^(-?\d+)\.(\d+(e.\d+)?)$", r"\1,\2", cell) if separator != "," else cell for cell in cells]
        )
    return text.getvalue().encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("separator", "truth"),
    [(",", {"True": "TRUE", "False": "FALSE"}), (";", {"True": "WAHR", "False": "FALSCH"}), ("\t", {"True": "VRAI"})],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_zip_that_a_spreadsheet_saved_and_somebody_packed_anew_comes_back(
    seed: int, separator: str, truth: dict[str, str], encoding: str
) -> None:
    circuit, file = random_circuit(seed), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(encode(circuit, "csv"))) as old, zipfile.ZipFile(file, "w") as new:
        new.writestr("__MACOSX/unit/._nodes.csv", "x")
        new.writestr("unit/circuit.json", old.read("circuit.json").decode().encode("utf-8-sig"))
        for name in ("nodes.csv", "edges.csv"):
            table = as_spreadsheets_save(old.read(name).decode(), separator, encoding, truth)
            new.writestr(f"unit/{name}", table)
    assert decode(file.getvalue(), "csv") == circuit


@pytest.mark.parametrize("name", ["igraph.graphml", "cytoscape.cyjs", "cytoscape.graphml"])
def test_an_export_that_another_tool_saved_comes_back(name: str) -> None:
    again = read(Path(__file__).parent / "saved_by" / name)
    assert {node.id: node for node in again.units} == {node.id: node for node in small().units}
    assert (again.edges, again.name, again.kind, again.model) == (small().edges, "c", "enrichment", "m:t")
    assert again.settings == small().settings


def test_what_another_tool_left_out_is_named() -> None:
    content = json.loads(encode(small(), "json"))
    del content["graph"]["model"]
    with pytest.raises(
        ExportError, match=r"No circuit can be read from this as json: it lacks 'model'\. .*`circuits export`"
    ):
        decode(json.dumps(content).encode(), "json")


@pytest.mark.parametrize(
    ("words", "differences"),
    [
        ({}, {"word_share_difference": 0.4}),
        ({"words_shortcut": 0.1, "words_conv": 0.5}, {"word_share_difference": 0.4}),
        (
            {"words_shortcut": 0.25, "words_conv": 1.0},
            {"word_share_difference": 0.75, "selectivity_difference": 0.4},
        ),
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_the_one_difference_in_modality_of_older_files_is_read_as_what_it_was(
    form: Format, words: dict[str, float], differences: dict[str, float]
) -> None:
    old = {"modality_difference": 0.4, **words}
    circuit = Circuit("c", "enrichment", "m:t", (Node(Unit.parse("4/2/6/9"), "sum", statistics=old),), ())
    (node,) = decode(encode(circuit, form), form).units
    assert node.statistics == pytest.approx(words | differences)


@pytest.mark.parametrize("form", FORMATS)
def test_a_circuit_of_one_unit_and_no_edge_survives(form: Format) -> None:
    lonely = Circuit("lonely", "neighbourhood", "demo:emoji", (Node(Unit.parse("4/2/6/34"), "unit"),), ())

    assert decode(encode(lonely, form), form) == lonely


@pytest.mark.parametrize(("name", "form"), [("a.json", "json"), ("b.graphml", "graphml"), ("c.zip", "csv")])
def test_the_name_tells_the_format(tmp_path: Path, name: str, form: Format) -> None:
    circuit = random_circuit(1)

    write(circuit, tmp_path / name)

    assert (tmp_path / name).read_bytes() == encode(circuit, form)
    assert read(tmp_path / name) == circuit


def test_graphml_gives_every_edge_an_id_of_its_own() -> None:
    circuit = random_circuit(2)

    tree = ElementTree.fromstring(encode(circuit, "graphml"))  # noqa: S314, our own

    ids = [edge.get("id") for edge in tree.iter("{http://graphml.graphdrawing.org/xmlns}edge")]
    assert len(set(ids)) == len(circuit.edges) > 1


def test_every_format_says_which_units_are_sensitive() -> None:
    circuit = random_circuit(5)
    sensitive = {str(node.id) for node in circuit.units if node.sensitive}

    bundle = zipfile.ZipFile(io.BytesIO(encode(circuit, "csv")))
    rows = csv.DictReader(io.StringIO(bundle.read("nodes.csv").decode()))
    nodes = json.loads(encode(circuit, "json"))["nodes"]
    graphml = nx.read_graphml(io.BytesIO(encode(circuit, "graphml")))

    assert {row["id"] for row in rows if row["sensitive"] == "True"} == sensitive
    assert {node["id"] for node in nodes if node["sensitive"] is True} == sensitive
    assert {name for name, data in graphml.nodes(data=True) if data["sensitive"] is True} == sensitive
    assert 0 < len(sensitive) < len(circuit.units)


def test_a_label_stands_readable_beside_its_exact_list() -> None:
    circuit = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit", ("you 🩸", "wound\x00")),), ())

    attributes = circuit.graph().nodes["4/2/6/34"]

    assert attributes["label"] == "you 🩸; wound\N{REPLACEMENT CHARACTER}"
    assert json.loads(attributes["labels"]) == ["you 🩸", "wound\x00"]


FORMULAS = ("=1+2", "@SUM(1)", "+1", "-x", "\t=1", "'=1", '=HYPERLINK("http://x")', "\uff1d1+2")


@pytest.mark.parametrize("label", FORMULAS)
def test_no_cell_of_a_table_is_a_formula_and_the_labels_come_back(label: str) -> None:
    circuit = Circuit("=c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit", (label,)),), (), {"of": "=1"})
    data = encode(circuit, "csv")
    bundle = zipfile.ZipFile(io.BytesIO(data))
    cells = [
        cell
        for name in ("nodes.csv", "edges.csv")
        for row in csv.reader(io.StringIO(bundle.read(name).decode(), newline=""))
        for cell in row
    ]
    assert f"'{label}" in cells
    assert decode(data, "csv") == circuit


def bundle_of(original: Circuit, **tables: str) -> bytes:
    """The zip of a circuit with other texts in place of its tables."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(encode(original, "csv"))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, tables.get(name.partition(".")[0], old.read(name).decode()))
    return file.getvalue()


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        ({"nodes": "id,role,sensitive,role\r\n4/2/6/34,unit,False,sum\r\n"}, "column 'role'"),
        ({"nodes": "id,role,sensitive\r\n4/2/6/34,unit,False\r\n4/2/6/34,sum,True\r\n"}, "unit '4/2/6/34'"),
        ({"circuit": '{"name": "a", "kind": "k", "model": "m", "name": "b"}'}, "key 'name'"),
    ],
)
def test_what_stands_twice_in_a_zip_is_refused_by_its_name(tables: dict[str, str], name: str) -> None:
    circuit = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit"),), ())
    with pytest.raises(ExportError, match=f"the {name} occurs twice. Rename or remove one of the two"):
        decode(bundle_of(circuit, **tables), "csv")


def test_what_stands_twice_in_json_is_refused_by_its_name() -> None:
    content = json.loads(encode(Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit"),), ()), "json"))
    content["nodes"] *= 2
    with pytest.raises(ExportError, match=r"the unit '4/2/6/34' occurs twice"):
        decode(json.dumps(content).encode(), "json")
    with pytest.raises(ExportError, match=r"the key 'name' occurs twice"):
        decode(b'{"graph": {"name": "a", "name": "b"}, "nodes": [], "edges": []}', "json")


def test_numbers_that_json_lacks_are_left_out() -> None:
    statistics = {"scale": math.inf, STATISTICS[0]: math.nan, STATISTICS[1]: 0.5}
    circuit = Circuit(
        "c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit", statistics=statistics),), (), {"x": math.nan}
    )
    for form in FORMATS:
        (node,) = decode(encode(circuit, form), form).units
        assert node.statistics == {STATISTICS[1]: 0.5}
    assert not {"NaN", "Infinity"} & set(re.findall(r"\w+", encode(circuit, "json").decode()))


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda content: content["edges"][0].update(magnitude=math.inf), "a number of edge .* is infinite"),
        (lambda content: content["edges"][0].update(influence=math.inf), "a number of edge .* - .* is infinite"),
        (lambda content: content["edges"][0].update(sum=-math.inf), "a number of edge .* - .* is infinite"),
        (
            lambda content: content["edges"][0].update(magnitude=math.nan),
            "the magnitude of edge .* - .* is not a number",
        ),
        (lambda content: content["graph"].update(share=math.inf), "a number of setting share is infinite"),
        (lambda content: content["nodes"][0].update(scale=-math.inf), "a number of unit .* is infinite"),
        (lambda content: content["edges"][0].update(source="1/0/1/0"), "an edge leads to 1/0/1/0, which is not one of"),
        (lambda content: content.update(nodes=5), "it is JSON, but not of a circuit|No circuit can be read"),
    ],
)
def test_a_circuit_edited_by_hand_is_refused_by_what_is_wrong(
    alter: Callable[[dict[str, Any]], object], reason: str
) -> None:
    content = json.loads(encode(random_circuit(4), "json"))
    alter(content)
    with pytest.raises(ExportError, match=reason):
        decode(json.dumps(content).encode(), "json")


@pytest.mark.parametrize("data", [b"5", b"null", b"[]", b'"x"'])
def test_json_of_another_kind_is_called_so(data: bytes) -> None:
    with pytest.raises(ExportError, match="it is JSON, but not of a circuit"):
        decode(data, "json")


def test_labels_may_be_a_list_in_json() -> None:
    circuit = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit", ("hat", "Infinity")),), ())
    content = json.loads(encode(circuit, "json"))
    content["nodes"][0]["labels"] = ["hat", "Infinity"]
    assert decode(json.dumps(content).encode(), "json") == decode(encode(circuit, "json"), "json") == circuit


def test_a_table_that_a_zip_lacks_is_named() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr("circuit.json", "{}")
    with pytest.raises(ExportError, match=r"it lacks 'nodes\.csv'\."):
        decode(file.getvalue(), "csv")


def test_what_other_tools_add_is_left_aside() -> None:
    circuit = random_circuit(4)
    content = json.loads(encode(circuit, "json"))
    for node in content["nodes"]:
        node |= {"x": 1.0, "colour": "red"}
    content["links"] = content.pop("edges")

    assert decode(json.dumps(content).encode(), "json") == circuit


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe\x00", b"{}", b"[]", b"null", b'{"nodes": [], "edges": []}', b"<graphml/>", b"<a", b"PK\x03\x04"],
)
def test_bytes_that_hold_no_circuit_are_refused(form: Format, data: bytes) -> None:
    with pytest.raises(ExportError, match=f"No circuit can be read from this as {form}"):
        decode(data, form)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_short_is_refused(form: Format) -> None:
    data = encode(random_circuit(6), form)

    with pytest.raises(ExportError):
        decode(data[: len(data) // 2], form)


def test_an_undirected_graph_is_refused() -> None:
    data = encode(random_circuit(6), "graphml").replace(b'edgedefault="directed"', b'edgedefault="undirected"')

    with pytest.raises(ExportError):
        decode(data, "graphml")


def test_an_edge_to_a_unit_that_is_not_there_is_refused() -> None:
    content = json.loads(encode(random_circuit(6), "json"))
    content["edges"][0]["target"] = "1/0/1/0"

    with pytest.raises(ExportError):
        decode(json.dumps(content).encode(), "json")


def test_a_name_that_is_no_unit_s_is_refused() -> None:
    data = encode(Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit"),), ()), "json").replace(
        b"4/2/6/34", b"hat"
    )

    with pytest.raises(ExportError):
        decode(data, "json")


def test_places_that_cannot_be_written_or_read_are_told(tmp_path: Path) -> None:
    circuit = random_circuit(0)

    with pytest.raises(ExportError, match="does not show the format"):
        write(circuit, tmp_path / "circuit.txt")
    with pytest.raises(ExportError, match="cannot be written"):
        write(circuit, tmp_path / "nowhere" / "circuit.json")
    with pytest.raises(ExportError, match="cannot be read"):
        read(tmp_path / "missing.json")

    assert list(tmp_path.iterdir()) == []
