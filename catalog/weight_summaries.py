"""Summarise the distributions of weights by medians over a layer's units."""

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from extract.units import Layer

if TYPE_CHECKING:
    import pyarrow as pa

    from extract.folder.extraction import ContributionDirection


@dataclass(frozen=True)
class WeightSummary:
    """A summary of the weights between a layer and an `other`: medians over `units` of statistics over `n` weights.

    The direction is `backward` for weights from the other layer, `forward` for weights into it. A median is None if no
    unit has the statistic.
    """

    other: Layer
    direction: "ContributionDirection"
    units: int
    n: int
    mean: float | None
    sd: float | None
    skewness: float | None
    kurtosis: float | None
    bimodality: float | None
    density_at_zero: float | None


MEDIANS = ("mean", "sd", "skewness", "kurtosis", "bimodality", "density_at_zero")


def summaries(distributions: "pa.Table") -> list[WeightSummary]:
    """Summarise a layer's rows of `distributions` by a record for each other layer and direction, in forward order."""
    measures = {"channel": "size", "n": "first"} | dict.fromkeys(MEDIANS, "median")
    pairs = distributions.to_pandas().groupby(["other", "direction"]).agg(measures).reset_index()
    records = [
        WeightSummary(Layer.parse(row["other"]), row["direction"], row["channel"], row["n"], *map(_number, medians))
        for row in pairs.to_dict("records")
        for medians in [[row[name] for name in MEDIANS]]
    ]
    return sorted(records, key=lambda summary: (summary.other, summary.direction))


def _number(median: float) -> float | None:
    return None if isnan(median) else median
