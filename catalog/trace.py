"""Circuits traced out of the graph.

Three are traced here: the neighbourhood of any unit, the enrichment circuit of a sum unit, which joins what its conv
branch brings with what its residual shortcut brings, and what lies between units that somebody chose.
"""

from collections.abc import Collection, Iterable, Mapping

from catalog.circuit import Circuit, Edge, Node, Plain, Role
from catalog.errors import CircuitError
from extract.units import Architecture, Unit
from graph.schema import Branch, Contribution, UnitCard
from graph.store import CircuitStore


def neighbourhood(store: CircuitStore, model: str, unit: Unit, limit: int = 10) -> Circuit:
    """A unit, its `limit` strongest inputs and outputs of each sign, and the residual sums it stands in.

    Raises UnknownUnit for a unit that the model does not have.
    """
    card = store.unit(model, unit)
    inputs = store.inputs(model, unit, limit=limit)
    outputs = store.outputs(model, unit, limit=limit)
    into = _adds(store, model, unit)
    onward = [
        edge for total in _sums_over(store.model(model).architecture, unit) for edge in _adds(store, model, total)
    ]
    edges = [*into, *(edge for edge in onward if edge.source == card.id), *map(_edge, inputs), *map(_edge, outputs)]
    roles: dict[str, Role] = {card.id: "unit"}
    roles |= {edge.source: edge.branch for edge in into if edge.branch}
    roles |= {edge.target: "sum" for edge in onward if edge.source == card.id}
    return _circuit(store, model, f"Neighbourhood of {card.id}", "neighbourhood", roles, edges, {"limit": limit})


def enrichment_circuit(store: CircuitStore, model: str, unit: Unit, limit: int = 5) -> Circuit:
    """A sum unit, its two branches, and the `limit` strongest direct inputs of each sign of either branch.

    A shortcut that is itself a sum is followed over ADDS to its own branches, whose conv unit has the direct inputs.
    Raises CircuitError for a unit that is no sum, UnknownUnit for one that the model does not have.
    """
    card = store.unit(model, unit)
    if unit.layer.role != "sum":
        raise CircuitError(
            f"{unit} is no sum, and only a sum joins a conv branch with a shortcut. "
            f"Try {Unit(unit.layer.output, unit.channel)}, the sum of its block."
        )
    branches = _adds(store, model, unit)
    roles: dict[str, Role] = {card.id: "sum"}
    roles |= {edge.source: edge.branch for edge in branches if edge.branch}
    edges = list(branches)
    for branch in branches:
        edges += _direct(store, model, Unit.parse(branch.source), limit)
    return _circuit(store, model, f"Enrichment circuit of {card.id}", "enrichment", roles, edges, {"limit": limit})


def among(store: CircuitStore, model: str, units: Iterable[Unit]) -> Circuit:
    """Units, every kept edge between two of them, and the residual sums of which they hold both ends.

    Raises UnknownUnit for a unit that the model does not have.
    """
    chosen = list(dict.fromkeys(units))
    names = set(map(str, chosen))
    adds = [edge for unit in chosen for edge in _adds(store, model, unit) if edge.source in names]
    edges = [*adds, *map(_edge, store.contributions_among(model, chosen))]
    return _circuit(store, model, "Chosen units", "among", dict.fromkeys(map(str, chosen), "unit"), edges, {})


def _direct(store: CircuitStore, model: str, unit: Unit, limit: int) -> list[Edge]:
    """Edges into a unit over one convolution; into a sum, its ADDS and those into its conv branch."""
    adds = _adds(store, model, unit)
    end = next((Unit.parse(edge.source) for edge in adds if edge.branch == "conv"), unit)
    return adds + [_edge(c) for c in store.inputs(model, end, limit=limit, direct=True)]


def _adds(store: CircuitStore, model: str, total: Unit) -> list[Edge]:
    """The residual sum as edges; none where the unit is no sum."""
    adds = store.adds(model, total)
    branches: tuple[Branch, ...] = ("shortcut", "conv")
    return [
        Edge(str(adds[branch]), str(total), "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch=branch)
        for branch in branches if branch in adds
    ]  # fmt: skip


def _sums_over(architecture: Architecture, unit: Unit) -> list[Unit]:
    """The sums to which this unit is added, as conv branch or as shortcut."""
    sums = [layer for layer in architecture.layers if layer.role == "sum" and layer.stage == unit.layer.stage]
    return [
        Unit(total, unit.channel) for total in sums
        if unit.layer == architecture.shortcut(total) or (unit.layer.role == "conv" and unit.layer.output == total)
    ]  # fmt: skip


def _circuit(
    store: CircuitStore,
    model: str,
    name: str,
    kind: str,
    roles: Mapping[str, Role],
    edges: Iterable[Edge],
    settings: Mapping[str, Plain],
) -> Circuit:
    """The units named in `roles` and every other end of an edge, in the order of their first mention."""
    once = tuple(dict.fromkeys(edges))
    parts = dict(roles)
    for edge in once:
        parts.setdefault(edge.source, "input")
        parts.setdefault(edge.target, "output")
    sensitive = store.sensitive(model)
    cards = store.units(model, map(Unit.parse, parts))
    units = tuple(_node(card, role, sensitive) for card, role in zip(cards, parts.values(), strict=True))
    return Circuit(name, kind, model, units, once, settings)


def _node(card: UnitCard, role: Role, sensitive: Collection[str]) -> Node:
    known = {name: value for name, value in card.statistics.items() if value is not None}
    return Node(card.id, role, card.labels, any(text in sensitive for text in card.labels), known)


def _edge(c: Contribution) -> Edge:
    return Edge(c.source, c.target, "CONTRIBUTES", c.magnitude, c.mean, c.sum, c.span, c.direct, c.rank_in, c.rank_out)
