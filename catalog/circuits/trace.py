"""Trace what leads to a unit, or where the unit leads, step by step over direct edges and residual sums.

Any other edge already totals all paths between its ends, so following it too would count those paths twice. Each step
follows the strongest edges. The traced circuit states how much of all influence passes through it; units and edges that
carry little can be pruned (`catalog.circuits.influence`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Literal

from catalog.circuits.build import adds, assemble, edge_of, sums_over
from catalog.circuits.circuit import Circuit, CircuitEdge, Plain, Role
from catalog.errors import CircuitError
from extract.units import Architecture, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore
from graph.records import TraceEdge

Direction = Literal["backward", "forward"]


@dataclass(frozen=True)
class Tracing:
    """The settings of a trace.

    A trace takes `steps` steps; each follows the `strongest` edges of every unit that have at least the weight `least`.
    Weights are magnitudes, or if `scaled`, magnitudes times the source's activity, so that a strongly wired but hardly
    active source counts for little. Pruning units keeps at least the part `nodes` of the influence that the circuit
    held; pruning edges keeps the part `edges` of the rest; 1 prunes nothing.
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
    """An edge seen from the root: its nearer and further end, and its `part` of the nearer end's influence.

    `known` says whether `part` is a share over all edges of the nearer end, or (False) over the stored edges only.
    """

    near: Unit
    far: Unit
    part: float
    edge: CircuitEdge
    known: bool = True


@dataclass
class _Walk:
    """The arcs of a walk, keyed by their two ends, and the units at which the walk ends."""

    arcs: dict[tuple[Unit, Unit], _Arc] = field(default_factory=dict)
    ends: set[Unit] = field(default_factory=set)


def backward(store: ModelStore, unit: Unit, tracing: Tracing = USUAL) -> Circuit:
    """Trace what leads to a unit: each source gets its weight as a share of all weights into its target.

    A scaled trace only sees sources whose edges are stored, that is the strongest by magnitude. Raises UnknownUnit,
    CircuitError if no edge leads to the unit, NotExtracted for a scaled trace of a model without measured activity.
    """
    return _trace(store, unit, tracing, "backward", _sources)


def forward(store: ModelStore, unit: Unit, tracing: Tracing = USUAL) -> Circuit:
    """Trace where a unit leads: each target gets its weight as a share of all weights out of its source.

    Activity would scale all edges out of a unit alike, so `scaled` changes nothing. Raises UnknownUnit, CircuitError if
    no edge leads out of the unit.
    """
    return _trace(store, unit, replace(tracing, scaled=False), "forward", _targets)


def _trace(
    store: ModelStore,
    unit: Unit,
    tracing: Tracing,
    direction: Direction,
    step: Callable[[ModelStore, Tracing, Sequence[Unit]], list[_Arc]],
) -> Circuit:
    from catalog.circuits import influence  # imports networkx, which takes 0.3 s

    store.unit(unit)
    walk = _walk(unit, tracing.steps, partial(step, store, tracing))
    if not walk.arcs:
        raise _dead_end(store.architecture, unit, direction)
    graph = influence.graph_of((arc.near, arc.far, arc.part) for arc in walk.arcs.values())
    graph = influence.prune(graph, unit, walk.ends, tracing.nodes, tracing.edges)
    shares = influence.shares(graph, unit)
    arcs = [arc for ends, arc in walk.arcs.items() if graph.has_edge(*ends)]
    settings: dict[str, Plain] = asdict(tracing) | {"share": influence.share_at(graph, unit, walk.ends)}
    settings["of"] = "all edges" if all(arc.known for arc in walk.arcs.values()) else "kept edges"
    name = f"What leads to {unit}" if direction == "backward" else f"Where {unit} leads"
    edges = [replace(arc.edge, influence=shares[arc.near] * arc.part) for arc in arcs]
    return assemble(store, name, direction, _roles(unit, arcs, direction), edges, settings, shares)


def _walk(root: Unit, steps: int, step: Callable[[Sequence[Unit]], list[_Arc]]) -> _Walk:
    """Walk step by step from the root, following each unit only once."""
    walk, seen, front = _Walk(), {root}, [root]
    for _ in range(steps):
        arcs = step(front)
        walk.arcs |= {(arc.near, arc.far): arc for arc in arcs}
        walk.ends |= set(front) - {arc.near for arc in arcs}
        front = [far for far in dict.fromkeys(arc.far for arc in arcs) if far not in seen]
        seen |= set(front)
    walk.ends |= set(front)
    return walk


def _sources(store: ModelStore, tracing: Tracing, units: Sequence[Unit]) -> list[_Arc]:
    """Return the arcs of one step back: into a sum over ADDS edges, into any other unit over direct edges."""
    sums = [edge for unit in units for edge in adds(store.architecture, unit)]
    cards = {card.id: card for card in store.units([*units, *(edge.source for edge in sums)])}
    if tracing.scaled and any(card.statistics["activity"] is None for card in cards.values()):
        raise NotExtracted(
            f"The activity of {store.id} was not measured. Extract it with probes and load it again, or trace without "
            "scaling by activity."
        )
    weights = {edge: cards[edge.source].statistics["activity"] or 0.0 if tracing.scaled else 1.0 for edge in sums}
    others = [unit for unit in units if unit.layer.role != "sum"]  # no direct edge leads into a sum
    trace_edges = store.upstream(others, tracing.strongest, tracing.least, tracing.scaled)
    flow = "inflow_active" if tracing.scaled else "inflow"
    return _arcs(trace_edges, weights, {unit: card.statistics[flow] for unit, card in cards.items()}, "backward")


def _targets(store: ModelStore, tracing: Tracing, units: Sequence[Unit]) -> list[_Arc]:
    """Return the arcs of one step forward: into the sums that a unit is added into, and over direct edges."""
    flows = {card.id: card.statistics["outflow"] for card in store.units(units)}
    totals = [total for unit in units for total in sums_over(store.architecture, unit)]
    sums = [edge for total in totals for edge in adds(store.architecture, total)]
    trace_edges = store.downstream(units, tracing.strongest, tracing.least)
    return _arcs(trace_edges, {edge: 1.0 for edge in sums if edge.source in flows}, flows, "forward")


def _arcs(
    trace_edges: Sequence[TraceEdge],
    sums: Mapping[CircuitEdge, float],
    flows: Mapping[Unit, float | None],
    direction: Direction,
) -> list[_Arc]:
    """Convert edges to arcs: an edge's `part` is its weight over the total of its nearer end.

    The total is over everything that leads into the target (backward) or out of the source (forward). `sums` are
    residual edges with their weights; `flows` are the totals over all direct edges of each unit. If a flow is unknown,
    the total over the stored edges is used instead.
    """
    totals = {_ends(trace.edge.source, trace.edge.target, direction)[0]: trace.total for trace in trace_edges}
    unknown = {unit for unit in totals if flows[unit] is None}
    totals |= {unit: flow for unit, flow in flows.items() if flow is not None}
    for edge, weight in sums.items():
        near, _ = _ends(edge.source, edge.target, direction)
        totals[near] = totals.get(near, 0.0) + weight
    arcs = []
    for edge, weight in {**{edge_of(trace.edge): trace.weight for trace in trace_edges}, **sums}.items():
        near, far = _ends(edge.source, edge.target, direction)
        arcs.append(_Arc(near, far, weight / totals[near] if totals[near] else 0.0, edge, near not in unknown))
    return arcs


def _ends(source: Unit, target: Unit, direction: Direction) -> tuple[Unit, Unit]:
    """Return the nearer and the further end of an edge, as seen from the root."""
    return (target, source) if direction == "backward" else (source, target)


def _roles(root: Unit, arcs: Sequence[_Arc], direction: Direction) -> dict[Unit, Role]:
    """Return the role of each unit, root first.

    A unit reached over an ADDS edge is a `shortcut` or `conv` in a backward trace, and a `sum` in a forward one.
    """
    roles: dict[Unit, Role] = {root: "unit"}
    for arc in arcs:
        role: Role = "input" if direction == "backward" else "output"
        if arc.edge.branch:
            role = arc.edge.branch if direction == "backward" else "sum"
        roles.setdefault(arc.far, role)
    return roles


def _dead_end(architecture: Architecture, unit: Unit, direction: Direction) -> CircuitError:
    """Return the error that says why there is no trace."""
    if direction == "forward":
        if unit.layer == architecture.final:
            return CircuitError(f"{unit} is in the last layer, which leads nowhere. Trace it backward.")
        return CircuitError(
            f"The catalog holds no direct edge out of {unit}. Lower the least weight, or extract more targets."
        )
    if architecture.block_input(unit.layer) is None and unit.layer.role in ("bn1", "downsample"):
        return CircuitError(f"{unit} reads the stem, which has no units. Trace it forward.")
    return CircuitError(
        f"The catalog holds no direct edge into {unit}. Lower the least weight, or extract {unit.layer} as a target."
    )
