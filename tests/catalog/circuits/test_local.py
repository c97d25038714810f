import networkx as nx
import pytest

from catalog.circuits.circuit import Circuit
from catalog.circuits.local import enrichment_circuit, induced_subgraph, neighbourhood
from catalog.errors import CircuitError
from catalog.labels.labels import Labels
from extract.errors import UnknownUnit
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


def edges(circuit: Circuit, target: str) -> set[tuple[str, str]]:
    return {(str(edge.source), edge.kind) for edge in circuit.edges if str(edge.target) == target}


def test_a_neighbourhood_has_the_strongest_of_either_sign_and_the_sums(
    planted_store: ModelStore, planted: Extraction
) -> None:
    circuit = neighbourhood(planted_store, Unit.parse("4/2/5/7"), limit=3)

    rows = planted.table("edges").to_pylist()
    into = [row for row in rows if (row["target"], row["target_channel"]) == ("4/2/5", 7)]
    into.sort(key=lambda row: -row["magnitude"])
    wanted = [[row for row in into if row["mean"] * sign > 0][:3] for sign in (1, -1)]
    names = {f"{row['source']}/{row['source_channel']}" for half in wanted for row in half}
    assert edges(circuit, "4/2/5/7") == {(name, "CONTRIBUTES") for name in names}
    assert edges(circuit, "4/2/6/7") == {("4/2/5/7", "ADDS")}
    assert [node.role for node in circuit.units][:2] == ["unit", "sum"]
    assert (circuit.kind, circuit.model, dict(circuit.settings)) == ("neighbourhood", MODEL, {"limit": 3})


def test_a_sum_in_the_middle_has_its_branches_below_and_is_the_shortcut_above(planted_store: ModelStore) -> None:
    circuit = neighbourhood(planted_store, Unit.parse("4/1/6/7"), limit=2)

    adds = {(str(edge.source), str(edge.target), edge.branch) for edge in circuit.edges if edge.kind == "ADDS"}
    assert adds == {
        ("4/0/8/7", "4/1/6/7", "shortcut"),
        ("4/1/5/7", "4/1/6/7", "conv"),
        ("4/1/6/7", "4/2/6/7", "shortcut"),
    }
    roles = {str(node.id): node.role for node in circuit.units}
    assert roles["4/1/6/7"] == "unit"
    assert (roles["4/0/8/7"], roles["4/1/5/7"], roles["4/2/6/7"]) == ("shortcut", "conv", "sum")


def test_a_source_has_outputs(planted_store: ModelStore) -> None:
    circuit = neighbourhood(planted_store, Unit.parse("4/2/3/1"), limit=4)

    assert {node.role for node in circuit.units[1:]} == {"output"}
    assert {str(edge.target) for edge in circuit.edges} == {f"4/2/5/{channel}" for channel in (31, 30, 29, 28)}


def test_a_downsample_is_the_shortcut_of_its_block(planted_store: ModelStore) -> None:
    circuit = neighbourhood(planted_store, Unit.parse("4/0/7/3"), limit=1)

    assert ("4/0/7/3", "4/0/8/3", "shortcut") in {(str(e.source), str(e.target), e.branch) for e in circuit.edges}


def test_an_enrichment_circuit_joins_both_branches_and_their_direct_inputs(planted_store: ModelStore) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/0"), limit=5)  # 4 direct of a sign

    assert edges(circuit, "4/2/6/0") == {("4/1/6/0", "ADDS"), ("4/2/5/0", "ADDS")}
    assert edges(circuit, "4/2/5/0") == {(f"4/2/3/{channel}", "CONTRIBUTES") for channel in range(8)}
    assert edges(circuit, "4/1/6/0") == {("4/0/8/0", "ADDS"), ("4/1/5/0", "ADDS")}
    assert edges(circuit, "4/1/5/0") == {(f"4/1/3/{channel}", "CONTRIBUTES") for channel in range(8)}
    assert all(edge.direct for edge in circuit.edges)
    roles = {str(node.id): node.role for node in circuit.units}
    assert (roles["4/2/6/0"], roles["4/1/6/0"], roles["4/2/5/0"]) == ("sum", "shortcut", "conv")
    assert roles["4/2/3/7"] == "input"


def test_only_a_sum_ends_an_enrichment_circuit(planted_store: ModelStore) -> None:
    with pytest.raises(CircuitError, match="Try 4/2/6/0"):
        enrichment_circuit(planted_store, Unit.parse("4/2/5/0"))


def test_among_units_lie_their_kept_edges_and_residual_sums(planted_store: ModelStore, planted: Extraction) -> None:
    chosen = ["4/2/6/7", "4/2/5/7", "4/2/3/2", "4/2/3/5", "4/1/6/7", "4/0/8/1", "4/0/8/30"]

    circuit = induced_subgraph(planted_store, map(Unit.parse, [*chosen, chosen[0]]))

    rows = planted.table("edges").to_pylist()
    pairs = {(f"{row['source']}/{row['source_channel']}", f"{row['target']}/{row['target_channel']}") for row in rows}
    kept = {pair for pair in pairs if set(pair) <= set(chosen)}
    found = {(str(edge.source), str(edge.target), edge.kind) for edge in circuit.edges}
    assert found == {(*pair, "CONTRIBUTES") for pair in kept} | {
        ("4/1/6/7", "4/2/6/7", "ADDS"),
        ("4/2/5/7", "4/2/6/7", "ADDS"),
    }
    assert [str(node.id) for node in circuit.units] == chosen


def test_among_units_that_the_model_does_not_have_there_is_nothing(planted_store: ModelStore) -> None:
    with pytest.raises(UnknownUnit):
        induced_subgraph(planted_store, [Unit.parse("4/2/6/0"), Unit.parse("4/2/6/32")])


@pytest.mark.parametrize("trace", [neighbourhood, enrichment_circuit])
def test_a_unit_that_the_model_does_not_have_is_refused(planted_store: ModelStore, trace: object) -> None:
    with pytest.raises(UnknownUnit):
        trace(planted_store, Unit.parse("4/2/6/32"))  # type: ignore[operator]


def test_units_carry_labels_their_flag_and_what_was_measured(planted_store: ModelStore) -> None:
    labels = Labels(planted_store)
    labels.add(Unit.parse("4/2/6/30"), "you", "ada")
    labels.add(Unit.parse("4/2/5/30"), "wound", "ada", sensitive=True)

    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/30"), limit=1)

    total, conv, other = (circuit.unit(Unit.parse(name)) for name in ("4/2/6/30", "4/2/5/30", "4/1/6/30"))
    assert (total.labels, total.sensitive) == (("you",), False)
    assert (conv.labels, conv.sensitive) == (("wound",), True)
    assert (other.labels, other.sensitive) == ((), False)
    assert total.statistics["share_exact"] == pytest.approx(0.9)
    assert "share_published" not in total.statistics  # which nobody measured


def test_the_graph_is_of_plain_attributes_and_leaves_out_what_is_not_known(planted_store: ModelStore) -> None:
    circuit = neighbourhood(planted_store, Unit.parse("4/1/6/7"), limit=2)

    graph = circuit.graph()

    assert isinstance(graph, nx.MultiDiGraph)
    assert set(graph) == {str(node.id) for node in circuit.units}
    assert graph.number_of_edges() == len(circuit.edges)
    assert graph.nodes["4/1/6/7"]["layer"] == "4/1/6"
    assert graph.nodes["4/1/6/7"]["channel"] == 7
    attributes = [data for _, data in graph.nodes(data=True)] + [data for *_, data in graph.edges(data=True)]
    assert {type(value) for data in attributes for value in data.values()} <= {str, int, float, bool}
    assert graph.graph == {"name": circuit.name, "kind": "neighbourhood", "model": MODEL, "limit": 2}
