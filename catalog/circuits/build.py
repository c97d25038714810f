"""Build circuits from the database: residual sums and expanded weights become edges, and units become nodes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from catalog.circuits.circuit import Circuit, CircuitEdge, Node, Plain, Role
from catalog.hiding.veil import Veil
from extract.units import Architecture, Unit
from graph.model_store import ModelStore
from graph.records import Branch, Contribution, UnitCard

_BRANCHES: tuple[Branch, ...] = ("shortcut", "conv")


def adds(architecture: Architecture, unit: Unit) -> list[CircuitEdge]:
    """Return the residual edges from both branches into a sum's unit; none for a unit of another layer."""
    branches = architecture.addends(unit)
    return [
        CircuitEdge(branches[branch], unit, "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch=branch)
        for branch in _BRANCHES
        if branches
    ]


def sums_over(architecture: Architecture, unit: Unit) -> list[Unit]:
    """Return the sums' units that this unit is added into, as their conv branch or as their shortcut."""
    sums = [layer for layer in architecture.layers if layer.role == "sum" and layer.stage == unit.layer.stage]
    return [
        Unit(total, unit.channel) for total in sums
        if unit.layer == architecture.shortcut(total) or (unit.layer.role == "conv" and unit.layer.output == total)
    ]  # fmt: skip


def edge_of(c: Contribution) -> CircuitEdge:
    """Convert an expanded weight to an edge."""
    return CircuitEdge(
        c.source, c.target, "CONTRIBUTES", c.magnitude, c.mean, c.sum, c.span, c.direct, c.rank_in, c.rank_out
    )


def assemble(
    store: ModelStore,
    name: str,
    kind: str,
    roles: Mapping[Unit, Role],
    edges: Iterable[CircuitEdge],
    settings: Mapping[str, Plain],
    influences: Mapping[Unit, float] | None = None,
    notes: Mapping[Unit, str] | None = None,
) -> Circuit:
    """Assemble a circuit from edges: its units are those in `roles`, then all other ends of the edges.

    An end that has no role is an `input` if it is the edge's source, an `output` if it is the target.
    """
    once = tuple(dict.fromkeys(edges))
    all_roles = dict(roles)
    for edge in once:
        all_roles.setdefault(edge.source, "input")
        all_roles.setdefault(edge.target, "output")
    return Circuit(name, kind, store.id, _nodes(store, all_roles, influences or {}, notes or {}), once, settings)


def refresh(store: ModelStore, circuit: Circuit) -> Circuit:
    """Update the labels, flags and statistics of a circuit's units from the database."""
    roles: dict[Unit, Role] = {node.id: node.role for node in circuit.units}
    influences = {node.id: node.influence for node in circuit.units}
    notes = {node.id: node.note for node in circuit.units}
    return replace(circuit, units=_nodes(store, roles, influences, notes))


def _nodes(
    store: ModelStore,
    roles: Mapping[Unit, Role],
    influences: Mapping[Unit, float | None],
    notes: Mapping[Unit, str],
) -> tuple[Node, ...]:
    veil, cards = Veil.of(store), store.units(roles)
    return tuple(
        _node(card, roles[card.id], veil.over(card.id), influences.get(card.id), notes.get(card.id, ""))
        for card in cards
    )


def _node(card: UnitCard, role: Role, veil: Veil, influence: float | None, note: str) -> Node:
    measured = {name: value for name, value in card.statistics.items() if value is not None}
    sensitive = veil.hides_all or any(map(veil.hides, card.labels))
    return Node(card.id, role, card.labels, sensitive, measured, influence, note)
