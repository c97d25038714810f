"""Traces: what leads to a unit, or where it leads, step by step over direct edges and residual sums.

Any other edge is already the total over all paths between its ends, and would count them twice. At each step the
strongest edges are followed; how much of all influence passes through the circuit is told, and what carries little can
be pruned (`catalog.circuits.influence`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Literal

from catalog.circuits.build import adds, assembled, edge_of, sums_over
from catalog.circuits.circuit import Circuit, CircuitEdge, Plain, Role
from catalog.errors import CircuitError
from extract.units import Architecture, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore
from graph.records import TraceEdge

Direction = Literal["backward", "forward"]


@dataclass(frozen=True)
class Tracing:
    """How to trace: so many `steps`, each over the `strongest` edges of a unit whose weight is no less than `least`.

    Weights are magnitudes, `scaled` by the source's activity if so asked: what is strongly wired but hardly ever fires
    counts for little then. Pruning units leaves at least the part `nodes` of what the circuit held, pruning edges the
    part `edges` of the rest; 1 prunes nothing.
    """

    steps: int = 3
    strongest: int = 5
    least: float = 0.0
    nodes: float = 1.0
    edges: float = 1.0
    scaled: bool = False


USUAL = Tracing()


@dataclass(frozen=True)
class _Arc:
    """An edge seen from the root: its nearer and its further end, and what part of the nearer's influence it carries.

    `known` says whether that part is of everything there is, or of the kept edges alone.
    """

    near: Unit
    far: Unit
    part: float
    edge: CircuitEdge
    known: bool = True


@dataclass
class _Walk:
    """What was found: arcs, by their ends, and the units at which no way goes on."""

    arcs: dict[tuple[Unit, Unit], _Arc] = field(default_factory=dict)
    ends: set[Unit] = field(default_factory=set)


def backward(store: ModelStore, unit: Unit, tracing: Tracing = USUAL) -> Circuit:
    """What leads to a unit: every source of a unit has the share that its weight is of all that leads there.

    A scaled trace only finds sources that are among the kept edges by their magnitude. Raises CircuitError where
    nothing leads there, UnknownUnit, and NotExtracted for a scaled trace of a model whose activity was not measured.
    """
    return _traced(store, unit, tracing, "backward", _sources)


def forward(store: ModelStore, unit: Unit, tracing: Tracing = USUAL) -> Circuit:
    """Where a unit leads: every target has the share that its weight is of all that leads out of the unit.

    Activity would scale all edges out of a unit alike, so `scaled` changes nothing. Raises as `backward`.
    """
    return _traced(store, unit, replace(tracing, scaled=False), "forward", _targets)


def _traced(
    store: ModelStore,
    unit: Unit,
    tracing: Tracing,
    direction: Direction,
    step: Callable[[ModelStore, Tracing, Sequence[Unit]], list[_Arc]],
) -> Circuit:
    from catalog.circuits import influence  # and with it networkx, which takes 0.3 s

    root = store.unit(unit).id
    walk = _walk(root, tracing.steps, partial(step, store, tracing))
    if not walk.arcs:
        raise CircuitError(_nothing(store.architecture, unit, direction))
    arcs = influence.graph_of((arc.near, arc.far, arc.part) for arc in walk.arcs.values())
    arcs = influence.pruned(arcs, root, walk.ends, tracing.nodes, tracing.edges)
    reached = influence.shares(arcs, root)
    kept = [walk.arcs[ends] for ends in walk.arcs if arcs.has_edge(*ends)]
    settings: dict[str, Plain] = asdict(tracing) | {"share": influence.held(arcs, root, walk.ends)}
    settings["of"] = "all edges" if all(arc.known for arc in walk.arcs.values()) else "kept edges"
    name = f"What leads to {root}" if direction == "backward" else f"Where {root} leads"
    edges = [replace(arc.edge, influence=reached[arc.near] * arc.part) for arc in kept]
    return assembled(store, name, direction, _roles(root, kept, direction), edges, settings, reached)


def _walk(root: Unit, steps: int, step: Callable[[Sequence[Unit]], list[_Arc]]) -> _Walk:
    """Step by step from the root; a unit that was reached before is not gone on from again."""
    walk, seen, front = _Walk(), {root}, [root]
    for _ in range(steps):
        found = step(front)
        walk.arcs |= {(arc.near, arc.far): arc for arc in found}
        walk.ends |= set(front) - {arc.near for arc in found}
        front = [far for far in dict.fromkeys(arc.far for arc in found) if far not in seen]
        seen |= set(front)
    walk.ends |= set(front)
    return walk


def _sources(store: ModelStore, tracing: Tracing, units: Sequence[Unit]) -> list[_Arc]:
    """One step back: over ADDS from a sum, over direct edges from any other unit."""
    added = [edge for unit in units for edge in adds(store.architecture, unit)]
    cards = {c.id: c for c in store.units([*units, *(edge.source for edge in added)])}
    if tracing.scaled and any(card.statistics["activity"] is None for card in cards.values()):
        raise NotExtracted(
            f"No activity of {store.id} was measured. Extract it with --probes, load it again, or do without."
        )
    weights = {edge: cards[edge.source].statistics["activity"] or 0.0 if tracing.scaled else 1.0 for edge in added}
    others = [unit for unit in units if unit.layer.role != "sum"]  # into a sum no direct edge leads
    leads = store.upstream(others, tracing.strongest, tracing.least, tracing.scaled)
    flow = "inflow_active" if tracing.scaled else "inflow"
    return _arcs(leads, weights, {name: card.statistics[flow] for name, card in cards.items()}, "backward")


def _targets(store: ModelStore, tracing: Tracing, units: Sequence[Unit]) -> list[_Arc]:
    """One step on: into the sums that a unit is added to, and over direct edges."""
    cards = {card.id: card for card in store.units(units)}
    totals = [total for unit in units for total in sums_over(store.architecture, unit)]
    sums = [edge for total in totals for edge in adds(store.architecture, total)]
    leads = store.downstream(units, tracing.strongest, tracing.least)
    flows = {name: card.statistics["outflow"] for name, card in cards.items()}
    return _arcs(leads, {edge: 1.0 for edge in sums if edge.source in cards}, flows, "forward")


def _arcs(
    leads: Sequence[TraceEdge],
    added: Mapping[CircuitEdge, float],
    flows: Mapping[Unit, float | None],
    direction: Direction,
) -> list[_Arc]:
    """Edges with their part of all that leads into their target or out of their source: the flow, and what is added.

    Where the flow over direct edges is not known, that over the kept ones stands in for it.
    """
    near, far = ("target", "source") if direction == "backward" else ("source", "target")
    totals = {getattr(lead.edge, near): lead.total for lead in leads}
    unsure = {unit for unit in totals if flows[unit] is None}
    totals |= {unit: flow for unit, flow in flows.items() if flow is not None}
    weights = {edge_of(lead.edge): lead.weight for lead in leads} | dict(added)
    for edge, weight in added.items():
        totals[getattr(edge, near)] = totals.get(getattr(edge, near), 0.0) + weight
    ends = [(edge, getattr(edge, near), getattr(edge, far), weight) for edge, weight in weights.items()]
    return [
        _Arc(here, there, weight / totals[here] if totals[here] else 0.0, edge, here not in unsure)
        for edge, here, there, weight in ends
    ]


def _roles(root: Unit, arcs: Sequence[_Arc], direction: Direction) -> dict[Unit, Role]:
    """The root first; then the branches of a sum as such, going back, and the sums of a branch, going on."""
    roles: dict[Unit, Role] = {root: "unit"}
    for arc in arcs:
        part: Role = "input" if direction == "backward" else "output"
        if arc.edge.branch:
            part = arc.edge.branch if direction == "backward" else "sum"
        roles.setdefault(arc.far, part)
    return roles


def _nothing(architecture: Architecture, unit: Unit, direction: Direction) -> str:
    """Why there is no trace."""
    if direction == "forward":
        if unit.layer == architecture.final:
            return f"{unit} is of the last layer, which leads to no other. Trace it backward."
        return f"No direct edge out of {unit} is in the catalog. Lower the least weight, or extract more targets."
    if architecture.block_input(unit.layer) is None and unit.layer.role in ("bn1", "downsample"):
        return f"{unit} reads the stem, which has no units. Trace it forward."
    return f"No direct edge into {unit} is in the catalog. Lower the least weight, or extract {unit.layer} as a target."
