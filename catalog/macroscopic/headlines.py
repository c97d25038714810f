"""The statistics that the article's macroscopic claims are about, with their columns and meanings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.macroscopic.comparisons import Comparison
from extract.units import Layer
from graph.records import Variant

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection

MEANINGS: Mapping[str, str] = {
    "exponent": "of a generalised normal with the same moments: 1 for a Laplace (double exponential), 2 for a normal",
    "imbalance": "how far the positive values' share of the sum of sizes is from a half; 0 for balanced signs",
    "density_at_zero": "share of values within a tenth of the deviation of zero; 0.080 for a normal",
    "breadth": "mean size divided by the root mean square; 1 if all values have one size",
    "offset": "|mean| divided by the deviation; two lobes of random sign need more than 1",
    "dip": "Hartigan's dip divided by its 95 % quantile for equally many uniform samples; more than 1 for two peaks",
    "two_peaks": "share of units whose dip exceeds that of 95 % of uniform samples",
    "rank_one": "share of the sum of squares that one outer product explains; 1 if all units contribute alike",
}


@dataclass(frozen=True)
class Headline:
    """A statistic in one variant and direction; `name` is its column in tables."""

    name: str
    statistic: str
    variant: Variant
    direction: "ContributionDirection"


HEADLINES = (
    Headline("forward", "exponent", "raw", "forward"),
    Headline("scaled", "exponent", "scaled", "forward"),
    Headline("backward", "exponent", "raw", "backward"),
    Headline("signs", "imbalance", "raw", "forward"),
    Headline("folded", "imbalance", "folded", "forward"),
    Headline("offset", "offset", "folded", "forward"),
    Headline("rank 1", "rank_one", "raw", "forward"),
    Headline("peaks", "two_peaks", "raw", "forward"),
)
LEGEND: Mapping[str, str] = {
    "forward, scaled": "exponent of forward contributions, raw and with batch norm's scale: 1 Laplace, 2 normal",
    "backward": "exponent of backward contributions, raw; compare `random`, over few units, with `same units`",
    "signs, folded": "imbalance of signs, raw and with the sign of gamma folded in; 0 if balanced",
    "offset": "|mean| divided by the deviation, folded; two lobes of random sign need more than 1",
    "rank 1": "share of the sum of squares that one outer product explains",
    "peaks": "share of units with two peaks: their dip exceeds that of 95 % of uniform samples",
}


@dataclass(frozen=True)
class LayerSummary:
    """All comparisons of one target layer, pooled over the layers below."""

    layer: Layer
    comparisons: Sequence[Comparison]

    @property
    def headlines(self) -> dict[str, Comparison]:
        """The comparisons that the claims are about, keyed by column name."""
        named = {(c.statistic, c.variant, c.direction): c for c in self.comparisons}
        places = {headline.name: (headline.statistic, headline.variant, headline.direction) for headline in HEADLINES}
        return {name: named[place] for name, place in places.items() if place in named}
