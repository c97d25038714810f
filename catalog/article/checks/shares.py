"""Check claims about shares over the shortcut, of units and of blocks, and about the authors' files of shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from catalog.article.last_sums import last_sums
from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, Outcome, judge
from catalog.macroscopic.rank_correlation import rank_correlation
from extract.units import Layer

_MOST = 0.9  # a claim on a layer needs shares of at least this part of the layer's units


def near_identity(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the part of a block's units with a share `above` a bound; it may differ from the published by `within`."""
    layer = sum_layer(measurements, numbers["place"])
    shares = shares_of_most(measurements, layer, numbers["table"], numbers["column"])
    values = np.array(list(shares.values()))
    part = float((values > numbers["above"]).mean())
    of = measurements.architecture.channels(layer)
    units = f"{len(values):,} units" if len(values) == of else f"the {len(values):,} of {of:,} units measured"
    finding = f"{part:.1%} of {units} of {layer}; median share {np.median(values):.3f}"
    if numbers.get("paired_anew") and (paired := measurements.paired_shares.get(layer)):
        finding += f"; by means {paired.as_it_is:.1%}, paired anew {paired.paired_anew:.1%} (p = {paired.p:.2g})"
    return judge(abs(part - numbers["part"]) <= numbers["within"], finding, part=part, units=len(values))


def named_shares(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that the shares of single units differ by at most `within` from the published ones."""
    layer = Layer.parse(numbers["layer"])
    shares = measured_shares(measurements, layer, numbers["table"], numbers["column"])
    published = {int(channel): share for channel, share in numbers["shares"].items()}
    if missing := [channel for channel in published if channel not in shares]:
        raise CannotRun(f"a share of {layer}/{missing[0]}, which was not measured")
    holds = all(abs(shares[channel] - share) <= numbers["within"] for channel, share in published.items())
    finding = ", ".join(f"{layer}/{channel}: {shares[channel]:.4f}" for channel in published)
    return judge(holds, finding, shares={str(channel): shares[channel] for channel in published})


def published_counts(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the article's counts of units with a share `above` a bound against the authors' files."""
    assert measurements.authors is not None  # noqa: S101, the claim needs them
    counts = {
        block: int((shares.share > numbers["above"]).sum()) for block, shares in measurements.authors.blocks.items()
    }
    finding = ", ".join(f"{block}: {count:,}" for block, count in counts.items())
    return judge(counts == numbers["counts"], finding, counts=counts)


def published_medians(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that the median shares in the authors' files differ by at most `within` from those of the claim."""
    assert measurements.authors is not None  # noqa: S101, the claim needs them
    medians = {block: float(np.median(measurements.authors.blocks[block].share)) for block in numbers["medians"]}
    holds = all(abs(medians[block] - median) <= numbers["within"] for block, median in numbers["medians"].items())
    return judge(holds, ", ".join(f"{block}: {median:.4f}" for block, median in medians.items()), medians=medians)


def published_correlation(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the rank correlation of two blocks' shares in the authors' files, paired by channel."""
    assert measurements.authors is not None  # noqa: S101, the claim needs them
    one, other = (measurements.authors.blocks[block].share for block in numbers["blocks"])
    if len(one) != len(other):
        raise CannotRun(f"files with the same number of units; they have {len(one):,} and {len(other):,}")
    correlation = rank_correlation(one, other)
    holds = abs(correlation - numbers["correlation"]) <= numbers["within"]
    return judge(holds, f"{correlation:.3f} of {len(one):,} units", correlation=correlation)


def unit_by_unit(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check a block's shares against the authors' files, by the part of units that are close or by rank correlation."""
    assert measurements.authors is not None  # noqa: S101, the claim needs them
    layer, published = Layer.parse(numbers["layer"]), measurements.authors.blocks[numbers["block"]].share
    shares = shares_of_most(measurements, layer, numbers["table"], numbers["column"])
    common = [channel for channel in shares if channel < len(published)]
    if len(common) < numbers["fewest"]:
        raise CannotRun(f"shares of at least {numbers['fewest']} units in the authors' files; there are {len(common)}")
    own, theirs = np.array([shares[channel] for channel in common]), published[common]
    close, correlation = float((np.abs(own - theirs) <= numbers["within"]).mean()), rank_correlation(own, theirs)
    finding = f"rank correlation {correlation:.3f} of {len(common):,} units; {close:.1%} within {numbers['within']}"
    value = close if numbers["by"] == "close" else correlation
    return judge(value >= numbers["least"], finding, close=close, correlation=correlation, units=len(common))


def shares_of_most(measurements: Measurements, layer: Layer, table: str, column: str) -> dict[int, float]:
    """Return a sum's shares, keyed by channel. Raises CannotRun if fewer than 90 % of its units have one."""
    shares, units = measured_shares(measurements, layer, table, column), measurements.architecture.channels(layer)
    if len(shares) < _MOST * units:
        raise CannotRun(
            f"shares of at least {_MOST:.0%} of the {units:,} units of {layer}; {len(shares):,} are measured"
        )
    return shares


def measured_shares(measurements: Measurements, layer: Layer, table: str, column: str) -> dict[int, float]:
    """Return a sum's shares, keyed by channel, for units that have one. Raises CannotRun if none has."""
    rows = measurements.extraction.table(table).filter(pc.field("layer") == str(layer))
    records = rows.select(["channel", column]).to_pylist()
    shares = {row["channel"]: row[column] for row in records if row[column] is not None and np.isfinite(row[column])}
    if not shares:
        raise CannotRun(f"shares of {layer}, which this extraction does not hold ({table})")
    return shares


def sum_layer(measurements: Measurements, place: int) -> Layer:
    """Return the last stage's sum at a place from the end (-1: the last). Raises CannotRun without such a block."""
    last = last_sums(measurements.architecture)
    if len(last) < -place:
        raise CannotRun(f"a last stage of {-place} blocks; it has {len(last)}")
    return last[place]
