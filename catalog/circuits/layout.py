"""Lay out a circuit: each unit left of all that it feeds, conv above shortcut. Equal circuits get equal places."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.circuits.circuit import Circuit, CircuitEdge
from catalog.errors import CircuitError
from extract.units import Unit

COLUMN, ROW = 200, 108  # pixels from one unit to the next
MOST_UNITS, MOST_EDGES = 2_000, 4_000  # the picture of so many takes 1.5 minutes; time grows with their square
_LANES = {"conv": -1, "shortcut": 1}

Order = tuple[float, float, Unit]


@dataclass(frozen=True)
class Position:
    """The middle of a unit's picture: `x` pixels right of the first column, `y` pixels below the topmost unit."""

    x: float
    y: float


def layout(circuit: Circuit) -> dict[Unit, Position]:
    """Place every unit of a circuit, in pixels; the topmost units have y = 0.

    The branches of the circuit's first unit are separate lanes. In each lane of a column, units are ordered by the mean
    height of the units that they feed, then by their strongest edge (excitation above inhibition), then by unit. Raises
    CircuitError for edges that form a cycle, and for a circuit that is too large to be drawn.
    """
    if len(circuit.units) > MOST_UNITS or len(circuit.edges) > MOST_EDGES:
        raise CircuitError(
            f"A drawing has at most {MOST_UNITS:,} units and {MOST_EDGES:,} edges, and this circuit has "
            f"{len(circuit.units):,} and {len(circuit.edges):,}. Draw a smaller one, or open it in a graph tool."
        )
    lanes, columns = _lanes(circuit), _columns(circuit)
    middles = _middles(columns, lanes)
    places: dict[Unit, Position] = {}
    for place, column in zip(reversed(range(len(columns))), columns, strict=True):
        orders = {unit: _order(unit, circuit, places) for unit in column}
        for lane, middle in middles.items():
            stack = sorted((unit for unit in column if lanes[unit] == lane), key=orders.__getitem__)
            for row, unit in enumerate(stack):
                places[unit] = Position(COLUMN * place, ROW * (middle + row - len(stack) / 2))
    top = min((place.y for place in places.values()), default=0.0)
    return {unit: Position(place.x, place.y - top) for unit, place in places.items()}


def signed(edge: CircuitEdge) -> float:
    """Return an edge's magnitude with the sign of its mean."""
    return edge.magnitude if edge.mean >= 0 else -edge.magnitude


def _columns(circuit: Circuit) -> list[list[Unit]]:
    """Group units by the length of their longest path to an end of the circuit; the ends come first."""
    import networkx as nx  # takes 0.3 s, and a catalog that draws nothing does not need it

    backward: nx.DiGraph[Unit] = nx.DiGraph((edge.target, edge.source) for edge in circuit.edges)
    backward.add_nodes_from(node.id for node in circuit.units)
    try:
        return [list(generation) for generation in nx.topological_generations(backward)]
    except nx.NetworkXUnfeasible as error:
        raise CircuitError(
            "The edges form a loop, which no network has, so the file was altered. Nothing was drawn. Export the "
            "circuit again."
        ) from error


def _lanes(circuit: Circuit) -> dict[Unit, int]:
    """Return each unit's lane: -1 if it reaches the first unit only by conv, 1 if only by the shortcut, else 0."""
    import networkx as nx  # as in `_columns`

    forward: nx.DiGraph[Unit] = nx.DiGraph((edge.source, edge.target) for edge in circuit.edges)
    branches: dict[Unit, set[int]] = {node.id: set() for node in circuit.units}
    for edge in circuit.edges:
        if edge.target == circuit.units[0].id and edge.branch in _LANES:
            for unit in {edge.source, *nx.ancestors(forward, edge.source)}:
                branches[unit].add(_LANES[edge.branch])
    return {unit: min(lanes) if len(lanes) == 1 else 0 for unit, lanes in branches.items()}


def _middles(columns: list[list[Unit]], lanes: Mapping[Unit, int]) -> dict[int, float]:
    """Return the middle of each lane, in rows, keyed by lane; a lane is as tall as its fullest column.

    For lane 0, columns that have no unit in another lane do not count.
    """
    middles, top = {}, 0.0
    for lane in (-1, 0, 1):
        stacks = [[lanes[unit] == lane for unit in column] for column in columns]
        tallest = max((sum(stack) for stack in stacks if lane or not all(stack)), default=0)
        middles[lane] = top + tallest / 2
        top += tallest
    return middles


def _order(unit: Unit, circuit: Circuit, places: Mapping[Unit, Position]) -> Order:
    """Return a unit's sort key: mean height of the units it feeds, strongest edge (excitation first), the unit."""
    heights = [places[edge.target].y for edge in circuit.edges if edge.source == unit and edge.target in places]
    weights = [signed(edge) for edge in circuit.edges if unit in (edge.source, edge.target)]
    return sum(heights) / len(heights) if heights else 0.0, -max(weights, key=abs, default=0.0), unit
