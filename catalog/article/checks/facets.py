"""Check claims about the top probes that a sum shares with its branches, and the census verdicts on units."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from catalog.article.checks.shares import measured_shares, sum_layer
from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, Outcome, judge
from extract.responses.levels import Z95
from extract.units import Unit


def shortcuts_probes(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check how many units of a high share have more top probes in common with the shortcut than with conv."""
    share, shortcut, conv = _overlaps(measurements)
    high = share > numbers["above"]
    if high.sum() < numbers["fewest"]:
        raise CannotRun(
            f"at least {numbers['fewest']} units with a share above {numbers['above']}; there are {high.sum()}"
        )
    part = float((shortcut[high] > conv[high]).mean())
    both = f"median overlap {np.median(shortcut[high]):.2f} with the shortcut, {np.median(conv[high]):.2f} with conv"
    finding = f"{part:.1%} of {high.sum():,} units; {both}"
    by_share = [vars(tenth) for tenth in overlaps_by_share(measurements)]
    return judge(part >= numbers["least"], finding, part=part, units=int(high.sum()), by_share=by_share)


def convs_probes(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that units of a low share have more top probes in common with conv than units of a high share."""
    share, _, conv = _overlaps(measurements)
    low, high = share < numbers["below"], share > numbers["above"]
    if min(low.sum(), high.sum()) < numbers["fewest"]:
        raise CannotRun(
            f"at least {numbers['fewest']} units each with a low and a high share; there are {low.sum()} and "
            f"{high.sum()}"
        )
    less, more = float(conv[high].mean()), float(conv[low].mean())
    error = float(np.sqrt(conv[high].var(ddof=1) / high.sum() + conv[low].var(ddof=1) / low.sum()))
    finding = (
        f"mean overlap with conv {more:.3f} of {low.sum():,} units of low share, {less:.3f} of {high.sum():,} of high "
        f"share; standard error of the difference {error:.3f}"
    )
    holds = more - less >= numbers["least"] and more - less > Z95 * error
    return judge(holds, finding, low_share=more, high_share=less, error=error)


def discarded_facets(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check how often the sum does not rise on conv's facet, among units of a high share whose conv brings a facet.

    The census' bounds on held-out probes decide both. Top probes in common are not used as evidence, because a unit and
    its conv branch may have none in common by chance.
    """
    layer = sum_layer(measurements, -1)
    shares = measured_shares(measurements, layer, "evidence", "share_published")
    brings, rises = (
        measured_shares(measurements, layer, "census", column) for column in ("specificity_conv_low", "rise_conv_high")
    )
    facets = [
        unit for unit, low in brings.items() if low > 0 and unit in rises and shares.get(unit, 0) > numbers["above"]
    ]
    if len(facets) < numbers["fewest"]:
        raise CannotRun(
            f"at least {numbers['fewest']} units with a share above {numbers['above']} and a facet of the conv "
            f"branch's own; there are {len(facets)}"
        )
    discarded = sum(rises[unit] <= numbers["rise"] for unit in facets)
    finding = f"on {discarded:,} of {len(facets):,} conv facets the sum does not rise ({discarded / len(facets):.1%})"
    return judge(discarded / len(facets) >= numbers["least"], finding, discarded=discarded, units=len(facets))


def verdict(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the census' verdict on a unit."""
    unit = Unit.parse(numbers["unit"])
    is_unit = (pc.field("layer") == str(unit.layer)) & (pc.field("channel") == unit.channel)
    rows = measurements.extraction.table("census").filter(is_unit).to_pylist()
    if not rows or rows[0]["verdict"] is None:
        reason = rows[0]["unjudged"] if rows else "its layer was not judged"
        raise CannotRun(f"a verdict on {unit}: {reason}")
    link = f", weakest link: {rows[0]['weakest_link']}" if rows[0]["weakest_link"] else ""
    return judge(rows[0]["verdict"] == numbers["verdict"], f"{rows[0]['verdict']}{link}", verdict=rows[0]["verdict"])


@dataclass(frozen=True)
class ShareBin:
    """The last sum's units with a share from `low` to `low` + 0.1: their number, and quartiles of their overlaps."""

    low: float
    units: int
    shortcut: tuple[float, ...]
    conv: tuple[float, ...]


def overlaps_by_share(measurements: Measurements) -> list[ShareBin]:
    """Summarise, for each tenth of the share, the overlap of units' top probes with each branch's; no empty tenths."""
    share, shortcut, conv = _overlaps(measurements)
    tenths = np.clip((share * 10).astype(int), 0, 9)
    return [
        ShareBin(tenth / 10, int(own.sum()), _quartiles(shortcut[own]), _quartiles(conv[own]))
        for tenth in range(10)
        for own in [tenths == tenth]
        if own.any()
    ]


def _quartiles(values: np.ndarray) -> tuple[float, ...]:
    return tuple(np.quantile(values, (0.25, 0.5, 0.75)).tolist())


def _overlaps(measurements: Measurements) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return share, overlap with the shortcut and overlap with conv of the last sum's units that have all three."""
    layer = sum_layer(measurements, -1)
    columns = [
        measured_shares(measurements, layer, table, column)
        for table, column in (
            ("evidence", "share_published"),
            ("shares", "overlap_shortcut"),
            ("shares", "overlap_conv"),
        )
    ]
    common = sorted(set.intersection(*(set(column) for column in columns)))
    share, shortcut, conv = (np.array([column[channel] for channel in common]) for column in columns)
    return share, shortcut, conv
