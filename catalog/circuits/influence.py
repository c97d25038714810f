"""Compute the shares of a root unit's influence that pass through the units of a trace, and prune the trace by them.

An arc leads from a unit to a unit one step further from the root. The arc's `part` is the share of the nearer unit's
influence that flows along it, out of the flow along all the unit's edges, in the circuit or not. Influence along edges
outside the circuit is lost, so the shares that reach the ends of the trace say how much influence the circuit holds.

Source: influence and cumulative pruning as in Ameisen et al. 2025, Circuit Tracing, which applies them to attributions
with normalised rows of the matrix. Here a unit is pruned by the influence that passes through it to the ends, because
residual sums near the root would otherwise outweigh everything that feeds them.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import networkx as nx

Arcs: TypeAlias = "nx.DiGraph[Any]"
Vertex = TypeVar("Vertex", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)  # what may be pruned: a vertex, or a pair of vertices (an arc)
Without: TypeAlias = Callable[[set[Key]], Arcs]

_ROUNDING = 1e-9  # relative error of a sum of shares


def graph_of(arcs: Iterable[tuple[Hashable, Hashable, float]]) -> Arcs:
    """Return the graph of arcs, each given as nearer unit, further unit and `part`."""
    graph: Arcs = nx.DiGraph()
    graph.add_edges_from((near, far, {"part": part}) for near, far, part in arcs)
    return graph


def shares(arcs: Arcs, root: Vertex) -> dict[Vertex, float]:
    """Compute the share of the root's influence that reaches each unit, summed over all paths; 1 at the root."""
    reaching = dict.fromkeys(arcs, 0.0) | {root: 1.0}
    for unit in nx.topological_sort(arcs):
        for further, arc in arcs[unit].items():
            reaching[further] += reaching[unit] * arc["part"]
    return reaching


def share_at(arcs: Arcs, root: Vertex, ends: Collection[Vertex]) -> float:
    """Compute the share of the root's influence that reaches the ends, from which no arc leads further."""
    reaching = shares(arcs, root)
    return sum(reaching[end] for end in ends if end in reaching)


def shares_of_ends(arcs: Arcs, ends: Collection[Vertex]) -> dict[Vertex, float]:
    """Compute the share of each unit's own influence that reaches any of the ends; 1 at an end."""
    onward = {unit: float(unit in ends) for unit in arcs}
    for unit in reversed(list(nx.topological_sort(arcs))):
        onward[unit] += sum(arc["part"] * onward[further] for further, arc in arcs[unit].items())
    return onward


def prune(arcs: Arcs, root: Vertex, ends: Collection[Vertex], nodes: float, edges: float) -> Arcs:
    """Prune the units, then the arcs, that carry least influence from the root to the ends.

    Units are pruned as long as the part `nodes` of the influence at the ends stays, then arcs as long as the part
    `edges` of the rest stays. Units and arcs on no path from the root to an end are pruned, too.
    """
    reaching, onward = shares(arcs, root), shares_of_ends(arcs, ends)
    through = {unit: reaching[unit] * onward[unit] for unit in arcs if unit != root}
    arcs = _without_least(arcs, root, ends, through, nodes, lambda gone: arcs.subgraph(set(arcs) - gone))
    reaching, onward = shares(arcs, root), shares_of_ends(arcs, ends)
    along = {(near, far): reaching[near] * arc["part"] * onward[far] for near, far, arc in arcs.edges(data=True)}
    return _without_least(arcs, root, ends, along, edges, lambda gone: arcs.edge_subgraph(set(arcs.edges) - gone))


def _without_least(
    arcs: Arcs,
    root: Vertex,
    ends: Collection[Vertex],
    influence: Mapping[Key, float],
    part: float,
    without: Without[Key],
) -> Arcs:
    """Prune as many keys (units or arcs) as possible, least `influence` first; `part` of the ends' influence stays."""
    if part >= 1:
        return _between(arcs, root, ends)
    order = sorted(influence, key=lambda key: influence[key])
    least = part * share_at(arcs, root, ends) * (1 - _ROUNDING)

    def too_many(count: int) -> bool:
        return share_at(without(set(order[:count])), root, ends) < least

    most = bisect_left(range(len(order) + 1), True, key=too_many) - 1
    return _between(without(set(order[:most])), root, ends)


def _between(arcs: Arcs, root: Vertex, ends: Collection[Vertex]) -> Arcs:
    """Return the subgraph of units on a path from the root to an end."""
    if root not in arcs:
        return nx.DiGraph()
    leading = {unit for end in ends if end in arcs for unit in {end} | nx.ancestors(arcs, end)}
    return arcs.subgraph(({root} | nx.descendants(arcs, root)) & leading)
