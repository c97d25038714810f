"""Static weights against measured ones as SVG: a panel a layer pair, the strongest edges and the random ones apart.

An axis goes as far as the largest number on it, in both directions, so that zero stands in the middle; where both
agree, dots lie on the line.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from extract.ablation.calibration import Agreement

_SIDE, _LEFT, _TOP, _RIGHT, _BELOW, _COLUMNS = 220, 64, 46, 24, 62, 3
_COLOURS = {"strongest": "#6d4aff", "random": "#33333f"}  # in the order in which they are drawn
_INK = "#33333f"


def scatter(table: pa.Table, told: Sequence["Agreement"]) -> str:
    """Rows of the calibration table as one SVG element, with how well they agree; edges not measured are left out."""
    rows = table.to_pylist()
    pairs = list(dict.fromkeys((each.source, each.target) for each in told))
    columns = min(_COLUMNS, len(pairs))
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BELOW
    drawn = [
        f'<g transform="translate({number % columns * width} {number // columns * height})">'
        f"{_panel(pair, [row for row in rows if (row['source'], row['target']) == pair], told)}</g>"
        for number, pair in enumerate(pairs)
    ]
    size = f"{columns * width} {-(-len(pairs) // max(1, columns)) * height}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {size}" font-family="system-ui, sans-serif" '
        f'font-size="11" fill="{_INK}"><title>Expanded weights against ablation</title>{"".join(drawn)}</svg>\n'
    )


def _panel(pair: tuple[str, str], rows: Sequence[Mapping[str, object]], told: Iterable["Agreement"]) -> str:
    dots = {
        kind: [_dot(row) for row in rows if row["chosen"] == kind and row["slope"] is not None] for kind in _COLOURS
    }
    across, up = (max((abs(dot[i]) for some in dots.values() for dot in some), default=0) or 1 for i in (0, 1))
    placed = "".join(_dots(kind, some, across, up) for kind, some in dots.items())
    notes = [_note(each) for each in told if (each.source, each.target) == pair]
    lines = "".join(
        f'<text x="{_LEFT}" y="{_TOP - 8 - 13 * place}" fill="{_COLOURS[kind]}">{note}</text>'
        for place, (kind, note) in enumerate(notes)
    )
    return f"{_axes(pair, across, up)}{lines}{placed}"


def _dot(row: Mapping[str, object]) -> tuple[float, float]:
    mean, span, slope = (float(str(row[name])) for name in ("mean", "span", "slope"))
    return mean * span, slope


def _dots(kind: str, dots: Iterable[tuple[float, float]], across: float, up: float) -> str:
    half = _SIDE / 2
    circles = "".join(
        f'<circle cx="{_LEFT + half + half * x / across:.1f}" cy="{_TOP + half - half * y / up:.1f}" r="2"/>'
        for x, y in dots
    )
    return f'<g class="{kind}" fill="{_COLOURS[kind]}" fill-opacity="0.6">{circles}</g>'


def _axes(pair: tuple[str, str], across: float, up: float) -> str:
    """A frame, zero both ways, the line on which both agree, ticks at the ends, and what stands on either axis."""
    right, bottom, middle = _LEFT + _SIDE, _TOP + _SIDE, _TOP + _SIDE // 2
    x, y = _SIDE / 2 * min(1, up / across), _SIDE / 2 * min(1, across / up)
    centre = _LEFT + _SIDE // 2
    frame = f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>'
    zeros = f'<path d="M{_LEFT} {middle}H{right}M{centre} {_TOP}V{bottom}"/>'
    line = f"M{centre - x:.1f} {middle + y:.1f}L{centre + x:.1f} {middle - y:.1f}"
    equal = f'<path class="equal" stroke-dasharray="4 3" d="{line}"/>'
    ticks = [
        *(
            (place, bottom + 14, anchor, value)
            for place, anchor, value in ((_LEFT, "start", -across), (right, "end", across))
        ),
        *((_LEFT - 4, place, "end", value) for place, value in ((bottom, -up), (middle + 4, 0), (_TOP + 9, up))),
    ]
    numbers = "".join(f'<text x="{px}" y="{py}" text-anchor="{a}">{value:.3g}</text>' for px, py, a, value in ticks)
    names = (
        f'<text x="{centre}" y="{bottom + 30}" text-anchor="middle">sum of the expanded weight, '
        f"{escape(pair[0])} to {escape(pair[1])}</text>"
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">measured slope</text>'
    )
    return f'<g fill="none" stroke="#c8c8d0">{frame}{zeros}{equal}</g>{numbers}{names}'


def _note(told: "Agreement") -> tuple[str, str]:
    rho = "no rank correlation" if told.means is None else f"\u03c1 {told.means:.2f}, signs {told.signs:.0%}"
    left = f", {told.left_out} left out" if told.left_out else ""
    return told.chosen, f"{told.n} {told.chosen}{left}: {rho}"
