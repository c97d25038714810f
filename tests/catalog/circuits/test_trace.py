"""Traces against every path enumerated one by one, on a catalog of random edges."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from catalog.circuits.circuit import Circuit
from catalog.circuits.export import decode, encode
from catalog.circuits.influence import prune, share_at, shares
from catalog.circuits.trace import Tracing, backward, forward
from catalog.errors import CircuitError
from extract.errors import UnknownUnit
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.errors import NotExtracted
from graph.loading.load import load
from graph.model_store import ModelStore
from graph.store import Store
from tests.builders.servers import emptied

MODEL = "random:traced"
ALL = Tracing(steps=4, strongest=1000)
ROOTS = ("2/1/6/5", "2/1/5/9", "2/0/7/2")


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("traced") / "x.extraction", MODEL, seed=3, width=4, density=0.4)


@pytest.fixture(scope="module")
def store(extraction: Extraction, embedded: Path) -> Iterator[ModelStore]:
    with emptied(embedded) as database:
        load(extraction, database, progress=False)
        yield Store(database).model(MODEL)


def ways(extraction: Extraction, scaled: bool = False) -> "nx.DiGraph[str]":
    """Every direct edge and residual sum, from source to target, with its weight."""
    active = {f"{row['layer']}/{row['channel']}": row["activity"] for row in extraction.table("activity").to_pylist()}
    graph: nx.DiGraph[str] = nx.DiGraph()
    for row in extraction.table("edges").to_pylist():
        if row["direct"]:
            source, target = (f"{row[end]}/{row[end + '_channel']}" for end in ("source", "target"))
            graph.add_edge(source, target, weight=row["magnitude"] * (active[source] if scaled else 1))
    shape = extraction.manifest.architecture
    for total in (layer for layer in shape.layers if layer.role == "sum"):
        branches = shape.branches(total)
        for channel in range(shape.channels(total)):
            for branch in ("shortcut", "conv"):
                source = f"{branches[branch]}/{channel}"
                graph.add_edge(source, f"{total}/{channel}", weight=active[source] if scaled else 1.0)
    return graph


def paths(graph: "nx.DiGraph[str]", root: str, steps: int) -> Iterator[list[str]]:
    """Every path from the root along the graph that ends after so many steps, or where no way goes on."""
    waiting = [[root]]
    while waiting:
        path = waiting.pop()
        onward = list(graph.successors(path[-1])) if len(path) <= steps else []
        if not onward:
            yield path
        waiting += [[*path, unit] for unit in onward]


def part(graph: "nx.DiGraph[str]", path: list[str]) -> float:
    """What part of the root's influence takes this path: of all that leads on at each unit, the share of its weight."""
    out = dict(graph.out_degree(weight="weight"))
    return float(prod(graph.edges[here, there]["weight"] / out[here] for here, there in pairwise(path)))


def influences(circuit: Circuit) -> dict[str, float]:
    return {str(node.id): node.influence or 0.0 for node in circuit.units}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("root", ROOTS)
def test_a_backward_trace_of_everything_is_the_sum_over_all_paths(
    store: ModelStore, extraction: Extraction, root: str, scaled: bool
) -> None:
    back = ways(extraction, scaled).reverse()
    circuit = backward(store, Unit.parse(root), replace(ALL, steps=3, scaled=scaled))

    within = nx.single_source_shortest_path_length(back, root, cutoff=3)  # no unit is reached at two distances
    routes = {unit: nx.all_simple_paths(back, root, unit, cutoff=3) if unit != root else [[root]] for unit in within}
    wanted = {unit: sum(part(back, path) for path in some) for unit, some in routes.items()}
    assert influences(circuit) == pytest.approx(wanted, rel=1e-5)
    assert circuit.settings["share"] == pytest.approx(1.0, rel=1e-5)
    assert circuit.settings["of"] == "kept edges"
    assert (circuit.kind, str(circuit.units[0].id), circuit.units[0].role) == ("backward", root, "unit")


def test_the_strongest_edges_alone_hold_their_part(store: ModelStore, extraction: Extraction) -> None:
    back = ways(extraction).reverse()
    root = "2/1/5/9"
    circuit = backward(store, Unit.parse(root), Tracing(steps=2, strongest=2))

    best = {
        unit: sorted(back.successors(unit), key=lambda other: -back.edges[unit, other]["weight"])[:2] for unit in back
    }
    followed = [[root, one, two] for one in best[root] for two in best[one]]
    assert {(str(e.target), str(e.source)) for e in circuit.edges} == {pair for p in followed for pair in pairwise(p)}
    assert circuit.settings["share"] == pytest.approx(sum(part(back, path) for path in followed), rel=1e-5)
    assert 0 < float(circuit.settings["share"]) < 1
    carried = {(str(e.target), str(e.source)): e.influence for e in circuit.edges}
    assert carried[root, best[root][0]] == pytest.approx(part(back, [root, best[root][0]]), rel=1e-5)


def test_a_forward_trace_follows_sums_and_direct_edges(store: ModelStore, extraction: Extraction) -> None:
    onward = ways(extraction)
    root = "1/1/6/3"
    circuit = forward(store, Unit.parse(root), replace(ALL, steps=2))

    wanted = {unit for path in paths(onward, root, 2) for unit in path}
    assert set(influences(circuit)) == wanted
    assert circuit.settings["share"] == pytest.approx(1.0, rel=1e-5)
    first = {unit: part(onward, [root, unit]) for unit in onward.successors(root)}
    assert {unit: influences(circuit)[unit] for unit in first} == pytest.approx(first, rel=1e-5)


def test_what_leads_to_a_unit_beside_the_kept_edges_counts_where_it_is_known(
    store: ModelStore, extraction: Extraction
) -> None:
    back, root = ways(extraction).reverse(), "2/1/5/11"
    total = back.out_degree(root, weight="weight")
    key = f"{MODEL}/{root}"
    store.database.write("MATCH (u:Unit {key: $key}) SET u.inflow = $flow", key=key, flow=4 * total)
    circuit = backward(store, Unit.parse(root), Tracing(steps=1, strongest=1000))
    store.database.write("MATCH (u:Unit {key: $key}) REMOVE u.inflow", key=key)

    assert circuit.settings["share"] == pytest.approx(0.25, rel=1e-5)
    assert circuit.settings["of"] == "all edges"


def test_no_weaker_edge_than_asked_for_is_followed(store: ModelStore) -> None:
    circuit = backward(store, Unit.parse("2/1/6/5"), replace(ALL, steps=3, least=1.5))

    weights = [edge.magnitude for edge in circuit.edges if edge.kind == "CONTRIBUTES"]
    assert weights
    assert min(weights) >= 1.5
    assert float(circuit.settings["share"]) < 1


def test_pruning_leaves_fewer_units_that_all_lie_on_the_way(store: ModelStore) -> None:
    root = Unit.parse("2/1/6/5")
    whole = backward(store, root, ALL)
    some = backward(store, root, replace(ALL, nodes=0.8, edges=0.98))

    assert 1 < len(some.units) < len(whole.units)
    assert 0.8 * 0.98 * float(whole.settings["share"]) <= float(some.settings["share"]) < float(whole.settings["share"])
    forward_edges: nx.DiGraph[str] = nx.DiGraph((str(edge.source), str(edge.target)) for edge in some.edges)
    assert nx.ancestors(forward_edges, str(root)) == {str(node.id) for node in some.units} - {str(root)}
    strongest = max(whole.units[1:], key=lambda node: node.influence or 0.0)
    assert str(strongest.id) in influences(some)


@pytest.mark.parametrize("seed", range(8))
def test_shares_are_powers_of_the_matrix_and_pruning_leaves_the_part_that_was_asked_for(seed: int) -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    full = nx.gnp_random_graph(14, 0.4, seed=seed, directed=True)
    for a, b in full.edges:
        if a < b:
            graph.add_edge(str(a), str(b), part=(1 + (a * b) % 5) / 100)
    graph = nx.DiGraph(graph.subgraph({"0"} | nx.descendants(graph, "0")))
    names = sorted(graph, key=int)
    matrix = nx.to_numpy_array(graph, names, weight="part")
    total, power = 0.0 * matrix, matrix
    for _ in names:
        total, power = total + power, power @ matrix
    found = shares(graph, "0")
    assert [found[name] for name in names[1:]] == pytest.approx(total[0, 1:].tolist())

    ends = [name for name in names if not list(graph.successors(name))]
    assert share_at(graph, "0", ends) == pytest.approx(sum(found[end] for end in ends))
    assert set(prune(graph, "0", ends, 1.0, 1.0)) == set(names)
    for nodes, edges in ((0.9, 1.0), (1.0, 0.8), (0.7, 0.9)):
        fewer = prune(graph, "0", ends, nodes, edges)
        assert fewer.number_of_edges() < graph.number_of_edges()
        assert nodes * edges * share_at(graph, "0", ends) <= share_at(fewer, "0", ends) < share_at(graph, "0", ends)
        for unit in fewer:
            assert unit == "0" or nx.has_path(fewer, "0", unit)
            assert any(nx.has_path(fewer, unit, end) for end in ends if end in fewer)


def test_the_unit_through_which_least_passes_goes_first() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    for near, far, part in (
        ("0", "a", 0.6),
        ("0", "b", 0.3),
        ("0", "c", 0.1),
        ("a", "d", 0.1),
        ("b", "e", 1.0),
        ("c", "f", 1.0),
    ):
        graph.add_edge(near, far, part=part)
    ends = ("d", "e", "f")  # through a 0.06 of 0.46 passes, through b 0.3, through c 0.1
    assert set(prune(graph, "0", ends, 0.8, 1.0)) == {"0", "b", "e", "c", "f"}
    assert set(prune(graph, "0", ends, 0.6, 1.0)) == {"0", "b", "e"}


def test_a_trace_that_has_nowhere_to_go_says_why(store: ModelStore) -> None:
    with pytest.raises(CircuitError, match="reads the stem, which has no units"):
        backward(store, Unit.parse("1/0/1/0"))
    with pytest.raises(CircuitError, match="last layer"):
        forward(store, Unit.parse("2/1/6/0"))
    with pytest.raises(CircuitError, match="Lower the least weight"):
        backward(store, Unit.parse("2/1/5/0"), Tracing(least=1e9))
    with pytest.raises(UnknownUnit):
        backward(store, Unit.parse("9/9/9/9"))


def test_without_activity_nothing_is_scaled_by_it(planted_store: ModelStore) -> None:
    with pytest.raises(NotExtracted, match=r"The activity of .* was not measured"):
        backward(planted_store, Unit.parse("4/2/6/0"), Tracing(scaled=True))


@pytest.mark.parametrize("form", ["json", "graphml", "csv"])
def test_a_trace_is_written_with_its_influences_and_reads_back_equal(store: ModelStore, form: Any) -> None:
    circuit = backward(store, Unit.parse("2/1/6/5"), Tracing(steps=2, strongest=2))

    assert decode(encode(circuit, form), form) == circuit
    assert f"hold {float(circuit.settings['share']):.1%} of the influence over 2 steps" in circuit.sentence
