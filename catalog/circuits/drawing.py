"""Draw a circuit as SVG, from left to right as the article does; equal circuits give equal drawings.

A residual sum is grey; an excitatory edge is green, solid and marked +; an inhibitory edge is red, dashed and marked -.
The width of an edge grows with its magnitude relative to the other edges into the same unit.
`catalog.circuits.drawing_files` makes files of drawings.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from html import escape

from catalog.circuits.circuit import Circuit, CircuitEdge, Node, printable
from catalog.circuits.layout import Position, layout
from catalog.hiding.veil import HIDDEN, Veil
from extract.units import Unit

SIDE = 62  # pixels of a unit's picture
_LEFT, _TOP, _BELOW = 80, 40, 110  # room around the middles of the outer units; below are label and legend
_LEGEND = 410  # pixels of the legend's width
_LETTERS = 26  # of a label under its picture
_VIOLET, _INK, _EMPTY, _PAPER = "#6d4aff", "#33333f", "#f0f0f4", "#ffffff"
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # of equal width; files are drawn with the first


@dataclass(frozen=True)
class Stroke:
    """The look of a kind of edge; the `ink` of its text is a darker colour, to be legible on white."""

    name: str
    kind: str
    colour: str
    ink: str
    dashes: str
    sign: str
    legend: str


ADDS = Stroke("adds", "residual sum", "#8d8d99", "#6b6b78", "none", "", "residual sum, weight 1")
EXCITES = Stroke("excites", "excitatory", "#23934a", "#1b7a3c", "none", "+", "+ excitatory")
INHIBITS = Stroke("inhibits", "inhibitory", "#cf3a32", "#b92f28", "7 4", "\u2212", "\u2212 inhibitory")


def draw(
    circuit: Circuit, link: Callable[[Unit], str] | None = None, revealed: bool = False, bold: Collection[Unit] = ()
) -> str:
    """Draw a circuit as one SVG element, which needs no other file.

    Units show the pictures of their nodes. `link` returns a unit's URL, `bold` units get a bold frame, and sensitive
    labels are hidden unless `revealed`.
    """
    veil = Veil(revealed)
    circuit = replace(circuit, edges=tuple(sorted(circuit.edges, key=lambda e: (str(e.source), str(e.target), e.kind))))
    places = {unit: Position(place.x + _LEFT, place.y + _TOP) for unit, place in layout(circuit).items()}
    width = max((place.x for place in places.values()), default=0) + _LEFT
    width, height = max(width, _LEGEND), max((place.y for place in places.values()), default=0) + _BELOW
    parts = [_edge(edge, circuit, places) for edge in circuit.edges]
    nodes = sorted(circuit.units, key=lambda node: (places[node.id].x, places[node.id].y))  # the order of the tab key
    for node in nodes:
        labels = _labels(node, veil)
        unit = _node(node, places[node.id], labels, node.id in bold)
        parts.append(_link(node, link(node.id), labels, unit) if link else unit)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="{"group" if link else "img"}" {size} font-family="{_FONT}" '
        f'font-size="12"><title>{escape(printable(veil.label(circuit.name)))}</title>'
        f"<desc>{escape(_description(circuit))}</desc>"
        f"<defs>{''.join(map(_arrowhead, (ADDS, EXCITES, INHIBITS)))}</defs>"
        f'<rect width="100%" height="100%" class="paper" fill="{_PAPER}"/>{"".join(parts)}{_legend(height - 14)}</svg>'
    )


def _description(circuit: Circuit) -> str:
    """Describe the drawing in words, for screen readers."""
    counts = {"residual sum": 0, "excitatory": 0, "inhibitory": 0}
    for edge in circuit.edges:
        counts[_stroke(edge).kind] += 1
    edges = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{len(circuit.units)} units of {circuit.model}, inputs left of what they feed; edges: {edges}."


def _labels(node: Node, veil: Veil) -> str:
    """Return a unit's labels; for an unlabelled unit, its note in quotation marks."""
    if node.sensitive and not veil.revealed:
        return HIDDEN
    note = f"\u201c{veil.label(node.note)}\u201d" if node.note else ""
    return printable(veil.labels(node.labels) or note)


def _edge(edge: CircuitEdge, circuit: Circuit, places: Mapping[Unit, Position]) -> str:
    stroke = _stroke(edge)
    start, end = _ends(edge, circuit, places)
    middle = (start.x + end.x) / 2
    curve = f"M{start.x:.1f} {start.y:.1f}C{middle:.1f} {start.y:.1f} {middle:.1f} {end.y:.1f} {end.x:.1f} {end.y:.1f}"
    text = edge.branch if edge.kind == "ADDS" else f"{stroke.sign}{edge.magnitude:.3g}"
    return (
        f'<g class="edge {stroke.name}" data-source="{edge.source}" data-target="{edge.target}">'
        f"<title>{escape(_sentence(edge))}</title>"
        f'<path d="{curve}" fill="none" stroke="{stroke.colour}" stroke-width="{_width(edge, circuit):.2f}" '
        f'stroke-dasharray="{stroke.dashes}" marker-end="url(#{stroke.name})"/>'
        f'<text {_value_place(edge, circuit, start, end)} class="value" font-size="11.5" font-weight="600" '
        f'fill="{stroke.ink}" stroke="{_PAPER}" stroke-width="3" paint-order="stroke">{text}</text></g>'
    )


def _ends(edge: CircuitEdge, circuit: Circuit, places: Mapping[Unit, Position]) -> tuple[Position, Position]:
    """Return where an edge starts and ends, beside both pictures; edges between the same two units run in parallel."""
    parallel = [other for other in circuit.edges if (other.source, other.target) == (edge.source, edge.target)]
    aside = 36 * (parallel.index(edge) - (len(parallel) - 1) / 2)
    start, end = places[edge.source], places[edge.target]
    return Position(start.x + SIDE / 2 + 4, start.y + aside), Position(end.x - SIDE / 2 - 9, end.y + aside)


def _stroke(edge: CircuitEdge) -> Stroke:
    if edge.kind == "ADDS":
        return ADDS
    return EXCITES if edge.mean >= 0 else INHIBITS


def _width(edge: CircuitEdge, circuit: Circuit) -> float:
    """Return an edge's width, 1 to 5 pixels, from the ratio of its magnitude to the largest into the same unit."""
    if edge.kind == "ADDS":
        return 2.0
    heaviest = max(e.magnitude for e in circuit.edges if e.target == edge.target and e.kind == edge.kind)
    return 1 + 4 * (edge.magnitude / heaviest) ** 0.5 if heaviest else 1.0


def _value_place(edge: CircuitEdge, circuit: Circuit, start: Position, end: Position) -> str:
    """Place an edge's number beside the end where edges fan out, on the side from which the curve turns away."""
    into = sum(other.target == edge.target for other in circuit.edges)
    out_of = sum(other.source == edge.source for other in circuit.edges)
    near, far, aside, anchor = (start, end, 6, "start") if into >= out_of else (end, start, -6, "end")
    return f'x="{near.x + aside:.1f}" y="{near.y + (16 if far.y < near.y else -8):.1f}" text-anchor="{anchor}"'


def _sentence(edge: CircuitEdge) -> str:
    if edge.kind == "ADDS":
        return f"{edge.source} is the {edge.branch} branch of {edge.target}, added with weight 1"
    verb = _stroke(edge).name
    return (
        f"{edge.source} {verb} {edge.target}: magnitude {edge.magnitude:.4g}, mean {edge.mean:+.4g} "
        f"over {edge.span} positions"
    )


def _link(node: Node, address: str, labels: str, unit: str) -> str:
    name = escape(f"{node.id} {labels}".strip())
    return f'<a href="{escape(address)}" data-unit="{node.id}" aria-label="{name}">{unit}</a>'


def _node(node: Node, place: Position, labels: str, bold: bool) -> str:
    name = str(node.id)
    pill = 6.6 * len(name) + 16
    left, top, bottom = place.x - SIDE / 2, place.y - SIDE / 2, place.y + SIDE / 2
    square = f'x="{left:.1f}" y="{top:.1f}" width="{SIDE}" height="{SIDE}"'
    image = f'<image {square} href="{escape(node.picture)}"/>' if node.picture else ""
    frame = 'stroke-opacity="1" stroke-width="4"' if bold else 'stroke-opacity="0.5" stroke-width="1.5"'
    return (
        f'<g class="unit {node.role}" data-unit="{name}"><title>{escape(f"{node.id} {labels}".strip())}</title>'
        f'<rect {square} class="empty" fill="{_EMPTY}"/>{image}'
        f'<rect {square} class="frame" fill="none" stroke="{_VIOLET}" {frame}/>'
        f'<rect x="{place.x - pill / 2:.1f}" y="{bottom + 4:.1f}" width="{pill:.1f}" height="17" rx="8.5" '
        f'fill="{_VIOLET}"/>{_text(place.x, bottom + 16.5, name, "#ffffff")}'
        f"{_text(place.x, bottom + 35, escape(_shorten(labels)), _INK)}</g>"
    )


def _text(x: float, y: float, escaped: str, colour: str) -> str:
    kind = "label" if colour == _INK else "id"
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="11.5"'
    return f'<text {where} class="{kind}" fill="{colour}">{escaped}</text>'


def _shorten(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1].rstrip() + "\u2026"


def _arrowhead(stroke: Stroke) -> str:
    shape = 'viewBox="0 0 8 8" refX="2" refY="4" markerWidth="13" markerHeight="13" markerUnits="userSpaceOnUse"'
    return f'<marker id="{stroke.name}" {shape} orient="auto"><path d="M0 0L8 4L0 8z" fill="{stroke.colour}"/></marker>'


def _legend(y: float) -> str:
    parts = []
    for x, stroke in zip((10, 125, 240), (EXCITES, INHIBITS, ADDS), strict=True):
        line = f'fill="none" stroke="{stroke.colour}" stroke-width="2.5" stroke-dasharray="{stroke.dashes}"'
        text = f'x="{x + 36}" y="{y + 4:.1f}" class="label" font-size="11.5" fill="{_INK}"'
        parts.append(f'<path d="M{x} {y:.1f}H{x + 22}" {line} marker-end="url(#{stroke.name})"/>')
        parts.append(f"<text {text}>{escape(stroke.legend)}</text>")
    return f'<g class="legend">{"".join(parts)}</g>'
