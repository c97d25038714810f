"""A circuit changed by hand: another joined to it, a unit expanded or left out. Each gives a new one."""

from collections.abc import Iterable
from dataclasses import replace

from catalog.circuit import Circuit
from catalog.errors import CircuitError
from catalog.trace import neighbourhood
from extract.units import Unit
from graph.store import CircuitStore


def joined(one: Circuit, other: Circuit) -> Circuit:
    """The units and edges of both, under the name and settings of the first, whose account of a shared unit holds.

    Raises CircuitError for circuits of two models.
    """
    if one.model != other.model:
        raise CircuitError(f"One circuit is of {one.model}, the other of {other.model}. Join circuits of one model.")
    units = {node.id: node for node in (*other.units, *one.units)}
    order = dict.fromkeys(node.id for node in (*one.units, *other.units))
    edges = tuple(dict.fromkeys((*one.edges, *other.edges)))
    return replace(one, units=tuple(units[unit] for unit in order), edges=edges)


def without(circuit: Circuit, unit: Unit) -> Circuit:
    """The circuit without a unit, its edges, and the units that had edges only with it; the same if it is not there."""
    gone = str(unit)
    edges = tuple(edge for edge in circuit.edges if gone not in (edge.source, edge.target))
    left = {end for edge in edges for end in (edge.source, edge.target)}
    lonely = {end for edge in circuit.edges for end in (edge.source, edge.target)} - left | {gone}
    return replace(circuit, units=tuple(node for node in circuit.units if node.id not in lonely), edges=edges)


def expanded(store: CircuitStore, circuit: Circuit, unit: Unit, limit: int) -> Circuit:
    """The circuit with a unit's `limit` strongest inputs and outputs of each sign, and the sums it stands in."""
    return joined(circuit, neighbourhood(store, circuit.model, unit, limit))


def edited(store: CircuitStore, circuit: Circuit, expand: Iterable[Unit], drop: Iterable[Unit], limit: int) -> Circuit:
    """The circuit with some units expanded in turn, then others left out."""
    for unit in expand:
        circuit = expanded(store, circuit, unit, limit)
    for unit in drop:
        circuit = without(circuit, unit)
    return circuit
