import random
from dataclasses import replace

import networkx as nx
import pytest

from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.circuits.editing import edit, expand, join, without
from catalog.circuits.export import decode, encode
from catalog.circuits.local import enrichment_circuit, neighbourhood
from catalog.circuits.trace import Tracing, backward
from catalog.errors import CircuitError
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


def random_circuit(seed: int, model: str = "m") -> Circuit:
    """Ten of thirty units and edges between them, each from a lower layer to a higher."""
    chance = random.Random(seed)  # noqa: S311
    names = sorted(chance.sample([f"{block}/3/{c}" for block in ("3/0", "4/0", "4/1") for c in range(10)], 10))
    units = {name: Unit.parse(name) for name in names}
    pairs = [(s, t) for s in names for t in names if s[:3] < t[:3] and chance.random() < 0.3]
    edges = tuple(
        CircuitEdge(units[s], units[t], "CONTRIBUTES", 1.0 + len(s + t), 1.0, 1.0, 1, direct=True) for s, t in pairs
    )
    return Circuit(
        f"random {seed}", "random", model, tuple(Node(units[name], "input") for name in names), edges, {"s": seed}
    )


def plain(circuit: Circuit) -> "nx.DiGraph[str]":
    return nx.DiGraph(circuit.graph())


@pytest.mark.parametrize("seed", range(20))
def test_joined_circuits_hold_the_units_and_edges_of_both_once(seed: int) -> None:
    one, other = random_circuit(seed), random_circuit(seed + 100)
    both = join(one, other)
    composed = nx.compose(plain(one), plain(other))
    assert {str(node.id) for node in both.units} == set(composed)
    assert {(str(edge.source), str(edge.target)) for edge in both.edges} == set(composed.edges)
    assert len(both.units) == composed.number_of_nodes()
    assert len(both.edges) == composed.number_of_edges()
    assert both.units[: len(one.units)] == one.units
    assert (both.name, both.settings) == (one.name, one.settings)
    assert join(both, other) == both


def test_the_first_circuit_says_what_a_shared_unit_is() -> None:
    one = Circuit("a", "k", "m", (Node(Unit.parse("4/2/6/0"), "sum", ("you",)),), ())
    other = Circuit("b", "k", "m", (Node(Unit.parse("4/2/6/0"), "output"), Node(Unit.parse("4/2/5/0"), "conv")), ())
    assert join(one, other).units == (*one.units, other.units[1])


def test_circuits_of_two_models_are_not_joined() -> None:
    with pytest.raises(CircuitError, match=r"belongs to .* Join circuits of the same model"):
        join(random_circuit(0), random_circuit(0, "other"))


@pytest.mark.parametrize("seed", range(20))
def test_a_unit_goes_with_its_edges_and_those_that_hung_on_it_alone(seed: int) -> None:
    circuit = random_circuit(seed)
    for node in circuit.units:
        left = without(circuit, node.id)
        graph, name = plain(circuit), str(node.id)
        alone = {n for n in nx.all_neighbors(graph, name) if set(nx.all_neighbors(graph, n)) == {name}}
        graph.remove_nodes_from([name, *alone])
        assert {str(unit.id) for unit in left.units} == set(graph)
        assert {(str(edge.source), str(edge.target)) for edge in left.edges} == set(graph.edges)


def test_a_unit_that_is_not_there_changes_nothing() -> None:
    assert without(random_circuit(1), Unit.parse("1/0/1/0")) == random_circuit(1)


def test_a_lone_unit_beside_others_stays(planted_store: ModelStore) -> None:
    lone = Node(Unit.parse("1/0/1/0"), "unit")
    circuit = random_circuit(1)
    beside = replace(circuit, units=(*circuit.units, lone))
    assert lone in without(beside, circuit.units[0].id).units


def test_an_expanded_unit_brings_its_neighbourhood(planted_store: ModelStore) -> None:
    start = enrichment_circuit(planted_store, Unit.parse("4/2/6/3"), 2)
    shortcut = Unit.parse("4/1/6/3")
    near = neighbourhood(planted_store, shortcut, 2)
    grown = expand(planted_store, start, shortcut, 2)
    assert {node.id for node in grown.units} == {node.id for node in (*start.units, *near.units)}
    assert set(grown.edges) == {*start.edges, *near.edges}
    assert len(grown.units) > len(start.units)
    assert grown.unit(shortcut).role == "shortcut"


def test_what_is_removed_stays_away_whatever_is_expanded(planted_store: ModelStore) -> None:
    start = enrichment_circuit(planted_store, Unit.parse("4/2/6/3"), 2)
    conv = Unit.parse("4/2/5/3")
    changed = edit(planted_store, start, [Unit.parse("4/2/6/3"), conv], [conv], 2)
    assert conv not in {node.id for node in changed.units}
    assert not [edge for edge in changed.edges if conv in (edge.source, edge.target)]
    assert edit(planted_store, start, [], [], 2) == start


def test_a_changed_circuit_says_how_and_no_longer_what_it_holds(planted_store: ModelStore) -> None:
    traced = backward(planted_store, Unit.parse("4/2/6/3"), Tracing(steps=2))
    shortcut, conv = Unit.parse("4/1/6/3"), Unit.parse("4/2/5/3")
    changed = edit(planted_store, traced, [shortcut], [conv], 2)
    assert "influence" in traced.sentence
    assert "influence" not in changed.sentence
    assert changed.settings == {
        **{name: value for name, value in traced.settings.items() if name not in ("share", "of")},
        "expanded": "4/1/6/3",
        "removed": "4/2/5/3",
    }
    assert decode(encode(changed, "graphml"), "graphml") == changed


def test_an_edge_of_both_is_there_once_as_the_first_has_it(planted_store: ModelStore) -> None:
    traced = backward(planted_store, Unit.parse("4/2/5/3"), Tracing(steps=1))
    both = join(traced, neighbourhood(planted_store, Unit.parse("4/2/5/3"), 10))
    ends = [(edge.source, edge.target, edge.kind) for edge in both.edges]
    assert len(set(ends)) == len(ends) > len(traced.edges)
    assert both.edges[: len(traced.edges)] == traced.edges
    assert all(edge.influence is not None for edge in traced.edges)
