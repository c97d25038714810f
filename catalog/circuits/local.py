"""Local circuits: a unit's neighbourhood, a sum's enrichment circuit, and the subgraph induced by some units.

Circuits that follow influence over several steps are traces: `catalog.circuits.trace`.
"""

from collections.abc import Iterable

from catalog.circuits.build import adds, assemble, edge_of, sums_over
from catalog.circuits.circuit import Circuit, CircuitEdge, Role
from catalog.errors import CircuitError
from extract.units import Unit
from graph.model_store import ModelStore


def neighbourhood(store: ModelStore, unit: Unit, limit: int = 10) -> Circuit:
    """Return a unit, its `limit` strongest inputs and outputs of each sign, and the residual sums that it is part of.

    Inputs come from the nearest layer, and outputs go into the nearest layer. Raises UnknownUnit for a unit that the
    model does not have.
    """
    store.unit(unit)
    inputs, outputs = store.inputs(unit, limit=limit), store.outputs(unit, limit=limit)
    into = adds(store.architecture, unit)
    sums = sums_over(store.architecture, unit)
    onward = [edge for total in sums for edge in adds(store.architecture, total) if edge.source == unit]
    edges = [*into, *onward, *map(edge_of, inputs), *map(edge_of, outputs)]
    roles: dict[Unit, Role] = {unit: "unit"}
    roles |= {edge.source: edge.branch for edge in into if edge.branch}
    roles |= {edge.target: "sum" for edge in onward}
    return assemble(store, f"Neighbourhood of {unit}", "neighbourhood", roles, edges, {"limit": limit})


def enrichment_circuit(store: ModelStore, unit: Unit, limit: int = 5) -> Circuit:
    """Return a sum unit, its two branches, and the `limit` strongest direct inputs of each sign of each branch.

    If the shortcut is itself a sum, the circuit also has that sum's branches, and the direct inputs of its conv branch.
    Raises CircuitError for a unit of a layer that is not a sum, UnknownUnit for a unit that the model does not have.
    """
    store.unit(unit)
    if unit.layer.role != "sum":
        raise CircuitError(
            f"{unit} is not a sum, and only a sum joins a conv branch with a shortcut. Try "
            f"{Unit(unit.layer.output, unit.channel)}, the sum of its block."
        )
    branches = adds(store.architecture, unit)
    roles: dict[Unit, Role] = {unit: "sum"}
    roles |= {edge.source: edge.branch for edge in branches if edge.branch}
    edges = list(branches)
    for branch in branches:
        edges += _direct_inputs(store, branch.source, limit)
    return assemble(store, f"Enrichment circuit of {unit}", "enrichment", roles, edges, {"limit": limit})


def induced_subgraph(store: ModelStore, units: Iterable[Unit]) -> Circuit:
    """Return these units, with all stored edges and residual sums between two of them.

    Raises UnknownUnit for a unit that the model does not have.
    """
    units = list(dict.fromkeys(units))
    roles: dict[Unit, Role] = dict.fromkeys(units, "unit")
    sums = [edge for unit in units for edge in adds(store.architecture, unit) if edge.source in roles]
    edges = [*sums, *map(edge_of, store.contributions_among(units))]
    return assemble(store, "Chosen units", "among", roles, edges, {})


def _direct_inputs(store: ModelStore, unit: Unit, limit: int) -> list[CircuitEdge]:
    """Return the edges into a unit over one convolution; for a sum, its residual edges and its conv branch's edges."""
    branches = adds(store.architecture, unit)
    end = next((edge.source for edge in branches if edge.branch == "conv"), unit)
    return branches + [edge_of(c) for c in store.inputs(end, limit=limit, direct=True)]
