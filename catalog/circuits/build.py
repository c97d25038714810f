"""Build circuits: residual sums and contributions become edges, units come from the database."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from catalog.circuits.circuit import Circuit, CircuitEdge, Node, Plain, Role
from catalog.hiding.veil import Veil
from extract.units import Architecture, Unit
from graph.model_store import ModelStore
from graph.records import Branch, Contribution, UnitCard

_BRANCHES: tuple[Branch, ...] = ("shortcut", "conv")


def adds(architecture: Architecture, unit: Unit) -> list[CircuitEdge]:
    """The edges from both branches into a sum's unit; none for a unit of another layer."""
    branches = architecture.addends(unit)
    return [
        CircuitEdge(branches[branch], unit, "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch=branch)
        for branch in _BRANCHES
        if branches
    ]


def sums_over(architecture: Architecture, unit: Unit) -> list[Unit]:
    """The sums that add up this unit, as their conv branch or as their shortcut."""
    sums = [layer for layer in architecture.layers if layer.role == "sum" and layer.stage == unit.layer.stage]
    return [
        Unit(total, unit.channel) for total in sums
        if unit.layer == architecture.shortcut(total) or (unit.layer.role == "conv" and unit.layer.output == total)
    ]  # fmt: skip


def edge_of(c: Contribution) -> CircuitEdge:
    """An expanded weight as an edge."""
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
    """Assemble a circuit of the units in `roles` and all other ends of the edges, in the order they are first named."""
    once = tuple(dict.fromkeys(edges))
    all_roles = dict(roles)
    for edge in once:
        all_roles.setdefault(edge.source, "input")
        all_roles.setdefault(edge.target, "output")
    return Circuit(name, kind, store.id, _nodes(store, all_roles, influences or {}, notes or {}), once, settings)


def refresh(store: ModelStore, circuit: Circuit) -> Circuit:
    """Bring the labels, flags and statistics of a circuit's units up to date with the database."""
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
