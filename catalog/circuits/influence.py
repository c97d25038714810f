"""How much of one unit's influence passes through which others.

An arc leads from a unit to one a step further from the root of a trace; its `part` is what of the nearer unit's
influence takes this way, out of all ways there are, in the circuit or not. What takes another way is lost, so that the
shares of the ends say how much the circuit holds. Source: influence and cumulative pruning as in Ameisen et al. 2025,
Circuit Tracing, there on attributions, with the rows of their matrix normalised; here a unit is pruned by what passes
through it to the ends, since the residual sums near the root would else outweigh all that feeds them.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import networkx as nx

Arcs: TypeAlias = "nx.DiGraph[Any]"
Vertex = TypeVar("Vertex", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Without: TypeAlias = Callable[[set[Key]], Arcs]


def graph_of(arcs: Iterable[tuple[Hashable, Hashable, float]]) -> Arcs:
    """Return the graph of arcs, each a nearer unit, a further one and the part of the nearer's influence it carries."""
    graph: Arcs = nx.DiGraph()
    graph.add_edges_from((near, far, {"part": part}) for near, far, part in arcs)
    return graph


def shares(arcs: Arcs, root: Vertex) -> dict[Vertex, float]:
    """The part of the root's influence that reaches each unit: 1 at the root, elsewhere summed over all ways."""
    found = dict.fromkeys(arcs, 0.0) | {root: 1.0}
    for unit in nx.topological_sort(arcs):
        for further, arc in arcs[unit].items():
            found[further] += found[unit] * arc["part"]
    return found


def held(arcs: Arcs, root: Vertex, ends: Collection[Vertex]) -> float:
    """The part of the root's influence that reaches any of the ends, at which no way goes on."""
    found = shares(arcs, root)
    return sum(found[end] for end in ends if end in found)


def arriving(arcs: Arcs, ends: Collection[Vertex]) -> dict[Vertex, float]:
    """The part of each unit's own influence that reaches any of the ends: 1 at an end."""
    found = {unit: float(unit in ends) for unit in arcs}
    for unit in reversed(list(nx.topological_sort(arcs))):
        found[unit] += sum(arc["part"] * found[further] for further, arc in arcs[unit].items())
    return found


def pruned(arcs: Arcs, root: Vertex, ends: Collection[Vertex], nodes: float, edges: float) -> Arcs:
    """The arcs without the units, then without the arcs, through which least passes from the root to the ends.

    As many units go as leave the part `nodes` of what was held, then as many arcs as leave the part `edges` of the
    rest; and what then lies on no way from the root to an end.
    """
    found, left = shares(arcs, root), arriving(arcs, ends)
    through = {unit: found[unit] * left[unit] for unit in arcs if unit != root}
    arcs = _without_least(arcs, root, ends, through, nodes, lambda gone: arcs.subgraph(set(arcs) - gone))
    found, left = shares(arcs, root), arriving(arcs, ends)
    carried = {(near, far): found[near] * arc["part"] * left[far] for near, far, arc in arcs.edges(data=True)}
    return _without_least(arcs, root, ends, carried, edges, lambda gone: arcs.edge_subgraph(set(arcs.edges) - gone))


def _without_least(
    arcs: Arcs, root: Vertex, ends: Collection[Vertex], passing: Mapping[Key, float], part: float, without: Without[Key]
) -> Arcs:
    """The arcs without as many keys as leave this part of what is held; that through which least passes goes first."""
    order, wanted = sorted(passing, key=lambda key: passing[key]), part * held(arcs, root, ends) * (1 - 1e-9)
    first_too_many = bisect_left(
        range(len(order) + 1), True, key=lambda count: held(without(set(order[:count])), root, ends) < wanted
    )
    return _on_the_way(without(set(order[: first_too_many - 1])) if part < 1 else arcs, root, ends)


def _on_the_way(arcs: Arcs, root: Vertex, ends: Collection[Vertex]) -> Arcs:
    """What lies on a way from the root to an end."""
    if root not in arcs:
        return nx.DiGraph()
    leading = {unit for end in ends if end in arcs for unit in {end} | nx.ancestors(arcs, end)}
    return arcs.subgraph(({root} | nx.descendants(arcs, root)) & leading)
