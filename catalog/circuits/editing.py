"""Edit a circuit by hand: join another circuit, expand a unit or leave a unit out. Each edit returns a new circuit.

A trace states the share of influence that it holds. That share is not known for an edited circuit, so it is removed.
"""

from collections.abc import Sequence
from dataclasses import replace

from catalog.circuits.circuit import Circuit, Plain
from catalog.circuits.local import neighbourhood
from catalog.errors import CircuitError
from extract.units import Unit
from graph.model_store import ModelStore


def join(one: Circuit, other: Circuit) -> Circuit:
    """Join the units and edges of two circuits; name, settings and shared units come from the first.

    Raises CircuitError for circuits of different models.
    """
    if one.model != other.model:
        raise CircuitError(
            f"One circuit belongs to {one.model}, the other to {other.model}. Join circuits of the same model."
        )
    units = {node.id: node for node in one.units}
    edges = {(edge.source, edge.target, edge.kind): edge for edge in one.edges}
    for node in other.units:
        units.setdefault(node.id, node)
    for edge in other.edges:
        edges.setdefault((edge.source, edge.target, edge.kind), edge)
    settings = _without_share(one)
    return replace(one, units=tuple(units.values()), edges=tuple(edges.values()), settings=settings)


def without(circuit: Circuit, unit: Unit) -> Circuit:
    """Leave out a unit, its edges, and the units that had edges only with that unit.

    Returns the same circuit if the unit is not in it.
    """
    if unit not in {node.id for node in circuit.units}:
        return circuit
    edges = tuple(edge for edge in circuit.edges if unit not in (edge.source, edge.target))
    connected = {end for edge in edges for end in (edge.source, edge.target)}
    lonely = {end for edge in circuit.edges for end in (edge.source, edge.target)} - connected | {unit}
    units = tuple(node for node in circuit.units if node.id not in lonely)
    return replace(circuit, units=units, edges=edges, settings=_without_share(circuit))


def expand(store: ModelStore, circuit: Circuit, unit: Unit, limit: int) -> Circuit:
    """Add a unit's `limit` strongest inputs and outputs of each sign, and the residual sums that it is part of."""
    return join(circuit, neighbourhood(store, unit, limit))


def edit(store: ModelStore, circuit: Circuit, expanded: Sequence[Unit], removed: Sequence[Unit], limit: int) -> Circuit:
    """Expand some units in turn, then leave others out; the settings name both."""
    for unit in expanded:
        circuit = expand(store, circuit, unit, limit)
    for unit in removed:
        circuit = without(circuit, unit)
    changes = {"expanded": expanded, "removed": removed}
    settings = {name: ", ".join(map(str, units)) for name, units in changes.items() if units}
    return replace(circuit, settings={**circuit.settings, **settings})


def _without_share(circuit: Circuit) -> dict[str, Plain]:
    return {name: value for name, value in circuit.settings.items() if name not in ("share", "of")}
