"""The circuits around a unit, as they are and nothing measured of them.

The neighbourhood of any unit, the enrichment circuit of a sum unit, which joins what its conv branch brings with what
its residual shortcut brings, and what lies between units that somebody chose. What is followed further, and weighed, is
a trace: `catalog.circuits.trace`.
"""

from collections.abc import Iterable

from catalog.circuits.build import adds, assembled, edge_of, sums_over
from catalog.circuits.circuit import Circuit, CircuitEdge, Role
from catalog.errors import CircuitError
from extract.units import Architecture, Unit
from graph.model_store import ModelStore


def neighbourhood(store: ModelStore, unit: Unit, limit: int = 10) -> Circuit:
    """A unit, its `limit` strongest inputs and outputs of each sign, and the residual sums it stands in.

    Raises UnknownUnit for a unit that the model does not have.
    """
    card, architecture = store.unit(unit), store.architecture
    inputs = store.inputs(unit, limit=limit)
    outputs = store.outputs(unit, limit=limit)
    into = adds(architecture, unit)
    onward = [e for total in sums_over(architecture, unit) for e in adds(architecture, total) if e.source == card.id]
    edges = [*into, *onward, *map(edge_of, inputs), *map(edge_of, outputs)]
    roles: dict[Unit, Role] = {card.id: "unit"}
    roles |= {edge.source: edge.branch for edge in into if edge.branch}
    roles |= {edge.target: "sum" for edge in onward}
    return assembled(store, f"Neighbourhood of {card.id}", "neighbourhood", roles, edges, {"limit": limit})


def enrichment_circuit(store: ModelStore, unit: Unit, limit: int = 5) -> Circuit:
    """A sum unit, its two branches, and the `limit` strongest direct inputs of each sign of either branch.

    A shortcut that is itself a sum is followed over ADDS to its own branches, whose conv unit has the direct inputs.
    Raises CircuitError for a unit that is no sum, UnknownUnit for one that the model does not have.
    """
    card, architecture = store.unit(unit), store.architecture
    if unit.layer.role != "sum":
        raise CircuitError(
            f"{unit} is no sum, and only a sum joins a conv branch with a shortcut. "
            f"Try {Unit(unit.layer.output, unit.channel)}, the sum of its block."
        )
    branches = adds(architecture, unit)
    roles: dict[Unit, Role] = {card.id: "sum"}
    roles |= {edge.source: edge.branch for edge in branches if edge.branch}
    edges = list(branches)
    for branch in branches:
        edges += _direct(store, architecture, branch.source, limit)
    return assembled(store, f"Enrichment circuit of {card.id}", "enrichment", roles, edges, {"limit": limit})


def induced_subgraph(store: ModelStore, units: Iterable[Unit]) -> Circuit:
    """Units, every kept edge between two of them, and the residual sums of which they hold both ends.

    Raises UnknownUnit for a unit that the model does not have.
    """
    units, architecture = list(dict.fromkeys(units)), store.architecture
    roles: dict[Unit, Role] = dict.fromkeys(units, "unit")
    added = [edge for unit in units for edge in adds(architecture, unit) if edge.source in roles]
    edges = [*added, *map(edge_of, store.contributions_among(units))]
    return assembled(store, "Chosen units", "among", roles, edges, {})


def _direct(store: ModelStore, architecture: Architecture, unit: Unit, limit: int) -> list[CircuitEdge]:
    """CircuitEdges into a unit over one convolution; into a sum, its ADDS and those into its conv branch."""
    added = adds(architecture, unit)
    end = next((edge.source for edge in added if edge.branch == "conv"), unit)
    return added + [edge_of(c) for c in store.inputs(end, limit=limit, direct=True)]
