"""What circuits are put together from: residual sums and contributions as edges, units as they are in the store."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from catalog.circuits.circuit import Circuit, CircuitEdge, Node, Plain, Role
from catalog.hiding.veil import Veil
from extract.units import Architecture, Unit
from graph.model_store import ModelStore
from graph.records import Branch, Contribution, UnitCard


def adds(architecture: Architecture, unit: Unit) -> list[CircuitEdge]:
    """The residual sum that a unit is, as edges; none where it is no sum."""
    if unit.layer.role != "sum":
        return []
    layers = architecture.branches(unit.layer)
    branches: tuple[Branch, ...] = ("shortcut", "conv")
    return [
        CircuitEdge(Unit(layers[branch], unit.channel), unit, "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch=branch)
        for branch in branches
    ]


def sums_over(architecture: Architecture, unit: Unit) -> list[Unit]:
    """The sums to which this unit is added, as conv branch or as shortcut."""
    sums = [layer for layer in architecture.sums if layer.stage == unit.layer.stage]
    return [
        Unit(total, unit.channel) for total in sums
        if unit.layer == architecture.shortcut(total) or (unit.layer.role == "conv" and unit.layer.output == total)
    ]  # fmt: skip


def edge_of(c: Contribution) -> CircuitEdge:
    """An expanded weight as an edge."""
    return CircuitEdge(
        c.source, c.target, "CONTRIBUTES", c.magnitude, c.mean, c.sum, c.span, c.direct, c.rank_in, c.rank_out
    )


def assembled(
    store: ModelStore,
    name: str,
    kind: str,
    roles: Mapping[Unit, Role],
    edges: Iterable[CircuitEdge],
    settings: Mapping[str, Plain],
    influences: Mapping[Unit, float] | None = None,
) -> Circuit:
    """The units named in `roles` and every other end of an edge, in the order of their first mention."""
    once = tuple(dict.fromkeys(edges))
    parts = dict(roles)
    for edge in once:
        parts.setdefault(edge.source, "input")
        parts.setdefault(edge.target, "output")
    return Circuit(name, kind, store.id, _nodes(store, parts, influences or {}), once, settings)


def refreshed(store: ModelStore, circuit: Circuit) -> Circuit:
    """The circuit with its units' labels, flags and statistics as they are in the store now."""
    roles: dict[Unit, Role] = {node.id: node.role for node in circuit.units}
    reached = {node.id: node.influence for node in circuit.units}
    return replace(circuit, units=_nodes(store, roles, reached))


def _nodes(store: ModelStore, roles: Mapping[Unit, Role], influences: Mapping[Unit, float | None]) -> tuple[Node, ...]:
    veil, cards = Veil.of(store), store.units(roles)
    return tuple(_node(card, roles[card.id], veil.over(card.id), influences.get(card.id)) for card in cards)


def _node(card: UnitCard, role: Role, veil: Veil, influence: float | None) -> Node:
    known = {name: value for name, value in card.statistics.items() if value is not None}
    return Node(card.id, role, card.labels, veil.hides_all or any(map(veil.hides, card.labels)), known, influence)
