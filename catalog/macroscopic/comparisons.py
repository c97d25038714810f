"""Compare statistics of the contributions into a layer, over a few units, with their controls."""

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

_SHARES = ("two_peaks",)  # statistics that are yes or no for each unit
_SEED = 2021


@dataclass(frozen=True)
class Comparison:
    """A statistic of the contributions into a layer from one `source` layer (None: from all layers below).

    The statistic is taken per unit, over `n_low` to `n_high` values: `forward` over the target's units, for a few units
    of each source; `backward` over the source's units, for a few units of the target. `observed` is its median over
    units (for `two_peaks` the share of units, for `rank_one` the median over source layers).

    There are two controls: `shuffled` takes entries drawn from the whole matrix, `randomised` the same network with the
    weights of each convolution permuted. A control is None if it does not exist for every source layer. Randomised
    weights were swept from only a few units of the source, so for `backward`, which is over those units, `swept` is the
    observed value of the same few units, and is the one compared with `randomised`.
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
        """The number of values in a unit's statistic, as text."""
        return str(self.n_low) if self.n_low == self.n_high else f"{self.n_low} to {self.n_high}"


@dataclass(frozen=True)
class PairStatistics:
    """The statistics of units of one layer pair, each (units,), in one variant, direction and sample."""

    source: Layer
    direction: "ContributionDirection"
    variant: Variant
    sample: Sample
    n: int
    statistics: Mapping[str, Floats]


def pair_statistics(
    contributions: Contributions, randomised: Randomised | None, units: int
) -> Iterator[PairStatistics]:
    """Measure `units` units of a layer pair in every variant and both directions, with both controls."""
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
    """Compare observed statistics with their controls, for each source layer separately, or `pooled` over all."""
    groups: dict[tuple[Layer | None, ContributionDirection, Variant], list[PairStatistics]] = {}
    for part in measured:
        groups.setdefault((None if pooled else part.source, part.direction, part.variant), []).append(part)
    for (source, direction, variant), parts in groups.items():
        lengths = [part.n for part in parts if part.sample == "observed"]
        for statistic in parts[0].statistics:
            observed, shuffled, random, swept = (_size(parts, sample, statistic) for sample in get_args(Sample))
            assert observed is not None  # noqa: S101, every pair is observed
            over = shuffled and observed.over(shuffled), random and (swept or observed).over(random)
            place = target, source, direction, variant, statistic, min(lengths), max(lengths)
            yield Comparison(*place, observed, shuffled, random, swept, *over)


def _entries(whole: Floats, rows: int, length: int) -> Floats:
    """Draw entries of a matrix, each once, in random order: (rows, length), or fewer rows if entries run out."""
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
        return None  # a control over fewer layers could not be compared with the observed statistic
    return (share if statistic in _SHARES else median)(np.concatenate(values))
