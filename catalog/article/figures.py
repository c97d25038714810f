"""Draw the figures of the report: small charts of the quantities that the claims are about, as safe SVG."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catalog.article.checks.facets import overlaps_by_share
from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun
from catalog.charts import Dot, bars, dot_chart, share_chart
from catalog.macroscopic.bottlenecks import bottlenecks
from extract.units import Layer

_BINS = 60
_DEFINITIONS = {
    "share_published": "the authors' formula (norms, raw conv3)",
    "share_exact": "exact, of what is summed",
    "share_corrected": "exact, each branch less its mean",
}


@dataclass(frozen=True)
class Figure:
    """A caption, and a chart as safe markup."""

    caption: str
    chart: str


def figures(measurements: Measurements) -> Iterator[Figure]:
    """Draw what the measurements hold: shares, contributions and overlaps of top probes in the last stage."""
    if measurements.folder is not None:
        yield from _shares(measurements)
        yield from _contributions(measurements)
        yield from _overlaps(measurements)


def _shares(measurements: Measurements) -> Iterator[Figure]:
    stage = measurements.architecture.final.stage
    for block in reversed(bottlenecks(measurements.extraction)):
        if block.layer.stage == stage:
            part = f"{block.near_identity.value:.1%} of {block.near_identity.units:,} units above 90 %"
            definition = _DEFINITIONS[block.definition]
            caption = f"Shares over the shortcut of {block.layer} on top probes, {definition}: {part}."
            yield Figure(caption, share_chart(block.counts, block.layer))


def _overlaps(measurements: Measurements) -> Iterator[Figure]:
    try:
        bins = overlaps_by_share(measurements)
    except CannotRun:
        return
    dots = [
        Dot(f"{100 * tenth.low:.0f}-{100 * tenth.low + 10:.0f} %, {branch}", middle, low, high)
        for tenth in bins
        for branch, (low, middle, high) in (("shortcut", tenth.shortcut), ("conv", tenth.conv))
    ]
    caption = (
        "Top probes that the last sum's units have in common with either branch, by the share over the shortcut (the "
        "authors' formula, top probes): median and quartiles over units."
    )
    yield Figure(caption, f'<div class="chart">{dot_chart(dots, (0, 1), caption)}</div>')


def _contributions(measurements: Measurements) -> Iterator[Figure]:
    """Draw, as the article does, one lower unit's raw contributions to each conv branch of the last stage."""
    macroscopic = measurements.macroscopic
    stage = measurements.architecture.final.stage
    targets = [layer for layer in macroscopic.conv_layers if layer.stage == stage]
    for target in targets:
        source = macroscopic.stored.sources(target)[-1]
        values = macroscopic.contributions(f"{source}/0", target, "forward")
        caption = f"Contributions of {source}/0 to the {len(values):,} units of {target}, raw; their number by size."
        yield Figure(caption, _histogram(values, target, caption))


def _histogram(values: np.ndarray, target: Layer, name: str) -> str:
    largest = float(np.abs(values).max()) or 1.0
    counts, edges = np.histogram(values, _BINS, (-largest, largest))
    tooltips = [
        f"{n:,} units of {target} from {low:.3g} to {high:.3g}"
        for n, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    ends = f'<div class="ends"><span>{-largest:.3g}</span><span>{largest:.3g}</span></div>'
    return f'<div class="chart">{bars(counts.tolist(), tooltips, name, [0.5])}{ends}</div>'
