"""Draw numbers as small SVG charts, as safe markup; colours come from `cards.css`."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import sqrt
from typing import TYPE_CHECKING

from extract.units import Layer, Unit
from graph.records import Histogram

if TYPE_CHECKING:
    import numpy as np

WIDTH, HEIGHT = 560, 120  # of a histogram, in pixels
_SCALE, _NAMES, _NUMBERS, _LINE = 210, 130, 52, 22  # widths of a dot chart's columns and its rows' height, in pixels
_SIDE = 260  # of a spatial matrix, about
_SMALLEST, _LARGEST = 6, 34  # of a position in the matrix


def activation_chart(histogram: Histogram, unit: Unit) -> str:
    """Draw a histogram of a unit's activation over the probes, with lines at the mean and at 1, 2 and 3 sd from it."""
    step = (histogram.high - histogram.low) / len(histogram.counts)
    edges = [*(histogram.low + k * step for k in range(len(histogram.counts))), histogram.high]
    tooltips = [
        f"{n:,} probes from {low:.3g} to {high:.3g}"
        for n, low, high in zip(histogram.counts, edges[:-1], edges[1:], strict=True)
    ]
    span = histogram.high - histogram.low
    marks = [(histogram.mean - histogram.low) / span]
    if histogram.sd is not None:
        marks += [(histogram.mean + k * histogram.sd - histogram.low) / span for k in (-3, -2, -1, 1, 2, 3)]
    chart = bars(histogram.counts, tooltips, f"activation of {unit} on {histogram.n:,} probes", marks)
    return f'<div class="chart">{chart}{_ends(f"{histogram.low:.3g}", f"{histogram.high:.3g}")}</div>'


def share_chart(counts: Sequence[int], layer: Layer) -> str:
    """Draw how many units of a sum have each share over the shortcut.

    The first of `counts` is of shares below 0, the last of shares above 1.
    """
    width, units = 1 / (len(counts) - 2), sum(counts)
    spans = [f"from {k * width:.0%} to {(k + 1) * width:.0%}" for k in range(len(counts) - 2)]
    tooltips = [f"{n:,} units {span}" for n, span in zip(counts, ["below 0%", *spans, "above 100%"], strict=True)]
    chart = bars(counts, tooltips, f"share over the shortcut of {units:,} units of {layer}")
    head = f'<b>{layer}</b> <span class="quiet">{units:,} units</span>'
    return f'<div class="chart outside">{head}{chart}{_ends("0%", "100%")}</div>'


def bars(counts: Sequence[int], tooltips: Sequence[str], name: str, marks: Sequence[float] = ()) -> str:
    """Draw counts as bars side by side, each with its tooltip, and vertical lines at `marks`.

    Marks are places from 0 to 1; the first is the mean, the others are deviations. A bar's height is the square root of
    its count, so that a single probe is visible beside a thousand.
    """
    most, width = sqrt(max(counts, default=0)) or 1.0, WIDTH / len(counts)
    drawn = "".join(
        f'<g><title>{escape(text)}</title><rect class="room" x="{k * width:.1f}" width="{width:.1f}" '
        f'height="{HEIGHT}"/><rect class="bar" x="{k * width + 1:.1f}" width="{width - 2:.1f}" '
        f'y="{HEIGHT * (1 - sqrt(n) / most):.1f}" height="{HEIGHT * sqrt(n) / most:.1f}"/></g>'
        for k, (n, text) in enumerate(zip(counts, tooltips, strict=True))
    )
    lines = "".join(
        f'<line class="{"mean" if k == 0 else "deviation"}" x1="{WIDTH * at:.1f}" x2="{WIDTH * at:.1f}" y2="{HEIGHT}"/>'
        for k, at in enumerate(marks)
        if 0 <= at <= 1
    )
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}" '
        f'preserveAspectRatio="none">{drawn}{lines}</svg>'
    )


@dataclass(frozen=True)
class Dot:
    """An estimate with its interval, under a name."""

    name: str
    value: float
    low: float
    high: float


def dot_chart(dots: Sequence[Dot], ends: tuple[float, float], name: str) -> str:
    """Draw estimates as dots with their intervals, one below the other, with a line at zero.

    The scale runs between these `ends`, extended to include zero.
    """
    lowest, highest = min(0.0, ends[0]), max(0.0, ends[1])
    span = highest - lowest or 1.0

    def place(value: float) -> float:
        return _NAMES + _SCALE * (min(max(value, lowest), highest) - lowest) / span

    rows = "".join(
        f"<g><title>{escape(f'{dot.name}: {dot.value:+.2f}, interval {dot.low:+.2f} to {dot.high:+.2f}')}</title>"
        f'<text x="0" y="{y + 4}">{escape(dot.name)}</text><line x1="{place(dot.low):.1f}" x2="{place(dot.high):.1f}" '
        f'y1="{y}" y2="{y}"/><circle cx="{place(dot.value):.1f}" cy="{y}" r="4"/>'
        f'<text class="number" x="{_NAMES + _SCALE + _NUMBERS}" y="{y + 4}">{dot.value:+.2f}</text></g>'
        for y, dot in zip(range(_LINE // 2, _LINE * len(dots), _LINE), dots, strict=True)
    )
    width, height = _NAMES + _SCALE + _NUMBERS, _LINE * len(dots)
    zero = f'<line class="zero" x1="{place(0):.1f}" x2="{place(0):.1f}" y2="{height}"/>'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="dots" {size} role="img" aria-label="{escape(name)}">{zero}{rows}</svg>'


def matrix(kernel: "np.ndarray", first: int, name: str) -> str:
    """Draw a spatial matrix (h, w) as a heat map; its first row and column are number `first` of the whole map.

    Positive positions are green and plain, negative ones red and hatched; stronger ones have a deeper colour.
    """
    rows, columns = kernel.shape
    cell = max(_SMALLEST, min(_LARGEST, _SIDE // max(rows, columns)))
    largest = float(abs(kernel).max()) or 1.0
    cells = "".join(
        _position(float(kernel[r, c]), largest, (r, c), (first + r, first + c), cell)
        for r in range(rows)
        for c in range(columns)
    )
    pattern = (
        '<pattern id="negative" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="stripe" width="1.6" height="5"/></pattern>'
    )
    size = f'width="{columns * cell}" height="{rows * cell}"'
    return f'<svg class="matrix" {size} role="img" aria-label="{escape(name)}"><defs>{pattern}</defs>{cells}</svg>'


def _position(value: float, largest: float, place: tuple[int, int], of: tuple[int, int], cell: int) -> str:
    (row, column), kind = place, "excites" if value >= 0 else "inhibits"
    box = f'x="{column * cell}" y="{row * cell}" width="{cell - 1}" height="{cell - 1}"'
    hatched = f'<rect {box} fill="url(#negative)"/>' if value < 0 else ""
    return (
        f"<g><title>row {of[0]}, column {of[1]}: {value:+.3g}</title>"
        f'<rect class="{kind}" {box} fill-opacity="{abs(value) / largest:.3f}"/>{hatched}</g>'
    )


def _ends(low: str, high: str) -> str:
    return f'<div class="ends"><span>{escape(low)}</span><span>{escape(high)}</span></div>'
