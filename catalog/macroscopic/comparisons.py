"""What is said of the contributions into a layer: each statistic of a few units beside its controls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from catalog.macroscopic.contributions import Contributions, Randomised, lower_units
from catalog.macroscopic.shape import FORWARD_STATISTICS, STATISTICS, measure, rank_one_share
from catalog.macroscopic.sizes import Size, median, share
from extract.folder.randomised import evenly
from extract.ranking import Floats
from extract.units import Layer
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection

Sample = Literal["observed", "shuffled", "randomised", "swept"]

_SHARES = ("two_peaks",)  # yes or no of each unit
_SEED = 2021


@dataclass(frozen=True)
class Comparison:
    """A statistic of the contributions into a layer, from one layer or (None) from all below, beside its controls.

    `forward` is over the target's units, for a few units of each source; `backward` over the source's units, for a few
    of the target. `n_low` to `n_high` values make up a unit's statistic. `observed` is the median over units; of
    `two_peaks` it is the share of units, of `rank_one` the median over source layers. `shuffled` is of entries drawn
    from the whole matrix, `randomised` of the same network with the weights of each convolution permuted; None where
    there is none, or not from every layer. These were swept from a few units of the source: backward, where a statistic
    is over the source's units, `swept` is what is observed of the same few, and compared with them.
    """

    target: Layer
    source: Layer | None
    direction: "ContributionDirection"
    variant: Variant
    statistic: str
    n_low: int
    n_high: int
    observed: Size
    shuffled: Size | None
    randomised: Size | None
    swept: Size | None
    over_shuffled: Size | None
    over_randomised: Size | None

    @property
    def n(self) -> str:
        """How many values make up a unit's statistic, in a few words."""
        return str(self.n_low) if self.n_low == self.n_high else f"{self.n_low} to {self.n_high}"


@dataclass(frozen=True)
class PairStatistics:
    """The statistics of one layer pair's units by name, each (units,), of one variant, direction and sample."""

    source: Layer
    direction: "ContributionDirection"
    variant: Variant
    sample: Sample
    n: int
    statistics: Mapping[str, Floats]


def pair_statistics(
    contributions: Contributions, randomised: Randomised | None, units: int
) -> Iterator[PairStatistics]:
    """Measure `units` units of a layer pair in every variant, both directions, with both controls."""
    few = lower_units(contributions, units)
    for variant in contributions.variants:
        whole = contributions.variant(variant)  # (target units, source units)
        rows = evenly(len(whole), units)
        forward: dict[Sample, Floats] = {  # each (units, n)
            "observed": few.variant(variant).T,
            "shuffled": _entries(whole, units, len(whole)),
        }
        backward: dict[Sample, Floats] = {
            "observed": whole[rows],
            "shuffled": _entries(whole, len(rows), whole.shape[1]),
        }
        if randomised is not None:
            forward["randomised"] = randomised.weights.variant(variant).T
            backward["randomised"] = randomised.weights.variant(variant)[rows]
            backward["swept"] = randomised.own.variant(variant)[rows]
        directions: dict[ContributionDirection, dict[Sample, Floats]] = {"forward": forward, "backward": backward}
        for direction, samples in directions.items():
            for sample, values in samples.items():
                statistics = _measured(values, direction)
                yield PairStatistics(contributions.source, direction, variant, sample, values.shape[1], statistics)


def comparisons(target: Layer, measured: Iterable[PairStatistics], pooled: bool) -> Iterator[Comparison]:
    """Put what is observed beside its controls: of every source layer by itself, or pooled over all."""
    groups: dict[tuple[Layer | None, ContributionDirection, Variant], list[PairStatistics]] = {}
    for part in measured:
        groups.setdefault((None if pooled else part.source, part.direction, part.variant), []).append(part)
    for (source, direction, variant), parts in groups.items():
        lengths = [part.n for part in parts if part.sample == "observed"]
        for statistic in parts[0].statistics:
            observed, shuffled, random, swept = (_size(parts, sample, statistic) for sample in get_args(Sample))
            assert observed is not None  # noqa: S101, every pair has it
            over = shuffled and observed.over(shuffled), random and (swept or observed).over(random)
            place = target, source, direction, variant, statistic, min(lengths), max(lengths)
            yield Comparison(*place, observed, shuffled, random, swept, *over)


def _entries(whole: Floats, rows: int, length: int) -> Floats:
    """Entries of a matrix without their places: (rows, length), fewer rows where it has fewer entries."""
    flat = whole.ravel()
    rows = min(rows, len(flat) // max(length, 1))
    places = np.random.default_rng((_SEED, len(flat))).choice(len(flat), rows * length, replace=False)
    return flat[places].reshape(rows, length)


def _measured(rows: Floats, direction: "ContributionDirection") -> dict[str, Floats]:
    if direction == "backward":
        return measure(rows, STATISTICS)
    measured = measure(rows, {**STATISTICS, **FORWARD_STATISTICS})
    two_peaks = np.where(np.isnan(measured["dip"]), np.nan, measured["dip"] > 1)
    return measured | {"two_peaks": two_peaks, "rank_one": np.array([rank_one_share(rows)])}


def _size(parts: Sequence[PairStatistics], sample: Sample, statistic: str) -> Size | None:
    values = [part.statistics[statistic] for part in parts if part.sample == sample]
    if len(values) < sum(part.sample == "observed" for part in parts):
        return None  # over fewer layers it would be no control of what is observed
    return (share if statistic in _SHARES else median)(np.concatenate(values))
