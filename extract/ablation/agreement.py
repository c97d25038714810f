"""How well the expanded weights of a layer pair agree with what ablation measures of the same edges."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import spearmanr

_NUMBERS = ("magnitude", "mean", "span", "slope", "zero")


@dataclass(frozen=True)
class Agreement:
    """Of a layer pair's strongest edges, or of its random ones: `n` that were measured; others are `left_out`.

    `means` is Spearman's rank correlation of mean times span with the slope, `zeros` the same with the change under
    zero ablation, `magnitudes` that of the magnitude with the slope's size; `signs` the share of edges whose mean and
    slope have one sign. None for fewer than three edges, or where all are equal. Magnitudes of the strongest edges lie
    close together, so that their ranks tell little.
    """

    source: str
    target: str
    chosen: str
    n: int
    left_out: int
    means: float | None
    zeros: float | None
    magnitudes: float | None
    signs: float | None


def agreements(table: pa.Table) -> list[Agreement]:
    """One for every layer pair and kind of edges in the calibration table, in its order."""
    kinds = dict.fromkeys(zip(*(table[name].to_pylist() for name in ("source", "target", "chosen")), strict=True))
    return [_agreement(table, *kind) for kind in kinds]


def _agreement(table: pa.Table, source: str, target: str, chosen: str) -> Agreement:
    some = (pc.field("source") == source) & (pc.field("target") == target) & (pc.field("chosen") == chosen)
    edges = {name: table.filter(some)[name].to_numpy().astype(np.float64) for name in _NUMBERS}  # null becomes NaN
    known = ~np.isnan(edges["slope"])
    magnitude, mean, span, slope, zero = (edges[name][known] for name in _NUMBERS)
    return Agreement(
        source,
        target,
        chosen,
        n=int(known.sum()),
        left_out=int((~known).sum()),
        means=_told(_ranks, mean * span, slope),
        zeros=_told(_ranks, mean * span, zero),
        magnitudes=_told(_ranks, magnitude, np.abs(slope)),
        signs=_told(_signs, mean, slope),
    )


def _told(measure: Callable[[np.ndarray, np.ndarray], float], one: np.ndarray, other: np.ndarray) -> float | None:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return measure(one, other)


def _ranks(one: np.ndarray, other: np.ndarray) -> float:
    return float(spearmanr(one, other).statistic)


def _signs(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.sign(one) == np.sign(other)).mean())
