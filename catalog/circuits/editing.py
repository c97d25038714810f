"""A circuit changed by hand: another joined to it, a unit expanded or left out. Each gives a new one.

What part of the influence a trace holds is told of the trace alone, so a changed one tells it no more.
"""

from collections.abc import Sequence
from dataclasses import replace

from catalog.circuits.circuit import Circuit, Plain
from catalog.circuits.local import neighbourhood
from catalog.errors import CircuitError
from extract.units import Unit
from graph.model_store import ModelStore


def joined(one: Circuit, other: Circuit) -> Circuit:
    """The units and edges of both, under the name of the first, whose account of what they share holds.

    Raises CircuitError for circuits of two models.
    """
    if one.model != other.model:
        raise CircuitError(f"One circuit is of {one.model}, the other of {other.model}. Join circuits of one model.")
    units = {node.id: node for node in one.units}
    edges = {(edge.source, edge.target, edge.kind): edge for edge in one.edges}
    for node in other.units:
        units.setdefault(node.id, node)
    for edge in other.edges:
        edges.setdefault((edge.source, edge.target, edge.kind), edge)
    return replace(one, units=tuple(units.values()), edges=tuple(edges.values()), settings=_untold(one))


def without(circuit: Circuit, unit: Unit) -> Circuit:
    """The circuit without a unit, its edges, and the units that had edges only with it; the same if it is not there."""
    if unit not in {node.id for node in circuit.units}:
        return circuit
    edges = tuple(edge for edge in circuit.edges if unit not in (edge.source, edge.target))
    left = {end for edge in edges for end in (edge.source, edge.target)}
    lonely = {end for edge in circuit.edges for end in (edge.source, edge.target)} - left | {unit}
    units = tuple(node for node in circuit.units if node.id not in lonely)
    return replace(circuit, units=units, edges=edges, settings=_untold(circuit))


def expanded(store: ModelStore, circuit: Circuit, unit: Unit, limit: int) -> Circuit:
    """The circuit with a unit's `limit` strongest inputs and outputs of each sign, and the sums it stands in."""
    return joined(circuit, neighbourhood(store, unit, limit))


def edited(store: ModelStore, circuit: Circuit, expand: Sequence[Unit], drop: Sequence[Unit], limit: int) -> Circuit:
    """The circuit with some units expanded in turn, then others left out; its settings name them."""
    for unit in expand:
        circuit = expanded(store, circuit, unit, limit)
    for unit in drop:
        circuit = without(circuit, unit)
    changes = {"expanded": expand, "removed": drop}
    told = {name: ", ".join(map(str, units)) for name, units in changes.items() if units}
    return replace(circuit, settings={**circuit.settings, **told})


def _untold(circuit: Circuit) -> dict[str, Plain]:
    return {name: value for name, value in circuit.settings.items() if name not in ("share", "of")}
