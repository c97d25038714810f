"""Draw the article's small multiples: distributions of contributions side by side, as one SVG without other files.

All panels have the same axis, in standard deviations from zero. A bar's height is a share of the panel's units, and the
dashed line is a normal distribution around zero with the same standard deviation.
"""

from collections.abc import Sequence
from html import escape
from math import exp, isnan, pi, sqrt

from catalog.macroscopic.panel import BINS, REACH, Panel, SmallMultiples

_WIDTH, _HEIGHT = 150, 76  # pixels of a panel's plot
_GAP, _CAPTION, _TITLE, _MARGIN = 18, 46, 34, 16  # between panels, below them, above small multiples, around all
_TALLEST = 0.12  # share of units in one bin that fills a panel's height: that of a Laplace distribution's middle
_LEGEND = (
    "b: exponent, 1 for a Laplace, 2 for a normal.  |m|/s: mean over deviation.  dip: over that of 95 % of uniform "
    "samples.  Dashed: a normal."
)
_VIOLET, _INK, _GRAY, _PAPER = "#6d4aff", "#33333f", "#8d8d99", "#ffffff"
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def draw(parts: Sequence[SmallMultiples], columns: int = 6) -> str:
    """Draw small multiples one below the other, with `columns` panels per row."""
    parts = [part for part in parts if part.panels]
    shapes, top = list[str](), _MARGIN
    for part in parts:
        shapes.append(_text(_MARGIN, top + 14, part.title, 14, _INK, "bold"))
        top += _TITLE
        for first in range(0, len(part.panels), columns):
            row = part.panels[first : first + columns]
            shapes += [_panel(panel, _MARGIN + k * (_WIDTH + _GAP), top) for k, panel in enumerate(row)]
            top += _HEIGHT + _CAPTION
    shapes.append(_text(_MARGIN, top + 8, _LEGEND, 11, _GRAY))
    most = max((min(columns, len(part.panels)) for part in parts), default=1)
    width, height = max(2 * _MARGIN + most * (_WIDTH + _GAP) - _GAP, 780), top + 2 * _MARGIN
    name = "; ".join(part.title for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(name)}" font-family="{_FONT}">'
        f'<rect width="{width}" height="{height}" fill="{_PAPER}" class="paper"/>{"".join(shapes)}</svg>'
    )


def caption(panel: Panel) -> str:
    """Return a panel's caption: where its contributions lead from and to."""
    ends = (panel.unit, panel.other) if panel.direction == "forward" else (panel.other, panel.unit)
    return f"{ends[0]} \u2192 {ends[1]}"


def _panel(panel: Panel, left: int, top: int) -> str:
    step, tallest = _WIDTH / BINS, _TALLEST * max(1, panel.n)
    bars = "".join(
        f'<rect x="{left + k * step:.1f}" width="{step:.1f}" y="{top + _HEIGHT - height:.1f}" height="{height:.1f}"/>'
        for k, count in enumerate(panel.counts)
        if (height := _HEIGHT * min(1.0, count / tallest))
    )
    base, middle = top + _HEIGHT, left + _WIDTH / 2
    axis = f'<path d="M{left} {base}h{_WIDTH}M{middle} {base}v4" stroke="{_GRAY}" stroke-opacity="0.5" fill="none"/>'
    return (
        f'<g class="panel"><title>{escape(_tooltip(panel))}</title><g fill="{_VIOLET}" fill-opacity="0.75">{bars}</g>'
        f"{axis}{_normal(left, top)}"
        f"{_text(left, base + 17, caption(panel), 11, _INK)}{_text(left, base + 32, _numbers(panel), 11, _GRAY)}</g>"
    )


def _normal(left: int, top: int) -> str:
    """Draw a normal distribution around zero as a dashed line."""
    width = 2 * REACH / BINS
    places = [-REACH + width * (k + 0.5) for k in range(BINS)]
    heights = [min(1.0, width * exp(-(x**2) / 2) / sqrt(2 * pi) / _TALLEST) for x in places]
    points = " ".join(
        f"{left + _WIDTH * (x + REACH) / (2 * REACH):.1f},{top + _HEIGHT * (1 - height):.1f}"
        for x, height in zip(places, heights, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{_GRAY}" stroke-width="1.2" stroke-dasharray="3 3"/>'


def _numbers(panel: Panel) -> str:
    if not panel.n:
        return "no unit with a batch norm's scale"
    return f"b {_number(panel.exponent, 1)}  |m|/s {_number(panel.offset, 2)}  dip {_number(panel.dip, 1)}"


def _tooltip(panel: Panel) -> str:
    return (
        f"{caption(panel)}, {panel.variant}, {panel.n:,} values: exponent {_number(panel.exponent, 2)}, "
        f"|mean| over the deviation {_number(panel.offset, 2)}, density at zero {_number(panel.density_at_zero, 3)}, "
        f"dip {_number(panel.dip, 2)} of the uniform's 95 % quantile"
    )


def _number(value: float, digits: int) -> str:
    return "\u2013" if isnan(value) else f"{value:.{digits}f}"


def _text(x: float, y: float, text: str, size: int, colour: str, weight: str = "normal") -> str:
    theme = ' class="label"' if colour == _INK else ""  # pages colour this class by their theme
    place = f'x="{x}" y="{y}"{theme} font-size="{size}" fill="{colour}" font-weight="{weight}" xml:space="preserve"'
    return f"<text {place}>{escape(text)}</text>"
