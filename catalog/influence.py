"""How much of one unit's influence passes through which others.

An arc leads from a unit to one a step further from the root of a trace; its `part` is what of the nearer unit's
influence takes this way, out of all ways there are, in the circuit or not. What takes another way is lost, so that the
shares of the ends say how much the circuit holds. Source: influence and cumulative pruning as in Ameisen et al. 2025,
Circuit Tracing, there on attributions, with the rows of their matrix normalised.
"""

from collections.abc import Collection, Hashable, Mapping
from typing import TypeAlias, TypeVar

import networkx as nx

Arcs: TypeAlias = "nx.DiGraph[str]"
Key = TypeVar("Key", bound=Hashable)


def shares(arcs: Arcs, root: str) -> dict[str, float]:
    """The part of the root's influence that reaches each unit: 1 at the root, elsewhere summed over all ways."""
    found = dict.fromkeys(arcs, 0.0) | {root: 1.0}
    for unit in nx.topological_sort(arcs):
        for further, arc in arcs[unit].items():
            found[further] += found[unit] * arc["part"]
    return found


def held(arcs: Arcs, root: str, ends: Collection[str]) -> float:
    """The part of the root's influence that reaches any of the ends, at which no way goes on."""
    found = shares(arcs, root)
    return sum(found[end] for end in ends if end in found)


def pruned(arcs: Arcs, root: str, ends: Collection[str], nodes: float, edges: float) -> Arcs:
    """The units that together have the part `nodes` of all units' shares, then the arcs that carry `edges` of theirs.

    In either case the fewest, the largest first. What then lies on no way from the root to an end goes too.
    """
    found = shares(arcs, root)
    others = {unit: share for unit, share in found.items() if unit != root}
    arcs = arcs.subgraph({root, *_fewest(others, nodes)})
    carried = {(near, far): found[near] * arc["part"] for near, far, arc in arcs.edges(data=True)}
    arcs = arcs.edge_subgraph(_fewest(carried, edges))
    if root not in arcs:
        return nx.DiGraph()
    reached = {root} | nx.descendants(arcs, root)
    leading = {unit for end in ends if end in arcs for unit in {end} | nx.ancestors(arcs, end)}
    return arcs.subgraph(reached & leading)


def _fewest(values: Mapping[Key, float], part: float) -> list[Key]:
    """As few keys as have this part of all values, the largest first and the first of equals; all of them for 1."""
    if part >= 1:
        return list(values)
    kept, total, wanted = list[Key](), 0.0, part * sum(values.values())
    for key, value in sorted(values.items(), key=lambda item: -item[1]):
        if total >= wanted:
            break
        kept, total = [*kept, key], total + value
    return kept
