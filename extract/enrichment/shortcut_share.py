"""How much of a unit comes over the residual shortcut: the article's share, the exact one, and the corrected one.

With r the shortcut's map, b the conv branch's (bn3's output), and the sums over a unit's top examples and all positions
where r + b > 0, that is, where the ReLU lets the sum pass:

    published   mean over the examples of |R| / (|R| + |B|), norms of the maps before their batch norm: R the previous
                block's output, in block 0 the raw downsample convolution; B raw conv3
    exact       sum of r / sum of (r + b)
    corrected   sum of (r - mean r) / sum of (r + b - mean r - mean b), means over all probes and positions

The published share leaves out the sign and bn3's scale (definition: the code of the enrichment circuits article, which
takes it on feature visualisations; `visualisations` does so). The exact one adds up: with the conv branch's it makes
1, so it exceeds 1 where the branch inhibits and falls below 0 where the shortcut does. A constant offset is no part of
telling images apart; the corrected share takes it off both terms. Both are ratios of sums: a mean of ratios would be
ruled by examples on which the sum hardly rises above zero. The corrected share has an interval, by percentile bootstrap
over the examples; the means over all probes are taken as known.
"""

from dataclasses import dataclass

import numpy as np

from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.responses.top_probes import RankedProbes
from extract.units import Layer

RESAMPLES = 1000
_ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Terms:
    """What the shares are made of: on every unit's top examples, each (units, length), and on all probes (units,).

    `output` is the mean over positions of the sum after its ReLU, `passed` of the shortcut where the sum is positive,
    `open` the share of positions where it is, `published` the share of norms; `shortcut` and `conv` are means of the
    branches over all probes and positions. Only `valid` examples count.
    """

    output: np.ndarray
    passed: np.ndarray
    open: np.ndarray
    published: np.ndarray
    valid: np.ndarray
    shortcut: np.ndarray
    conv: np.ndarray


@dataclass(frozen=True)
class Shares:
    """Shares over the shortcut, float64 (units,); NaN for a unit without top examples, or not rising on them."""

    published: np.ndarray
    exact: np.ndarray
    corrected: np.ndarray
    corrected_low: np.ndarray
    corrected_high: np.ndarray


def terms(extraction: Extraction, total: Layer, top: RankedProbes) -> Terms:
    """The terms of a sum's shares on its units' top examples, from the chunks' own highest, which contain them."""
    names = ("value", "passed", "open", "published")
    found = {name: np.full(top.probes.shape, np.nan, np.float32) for name in names}
    first = 0
    for file in extraction.under("activations"):
        best = extraction.lines(file, f"{total} best")  # (length, units), places in the chunk
        if best is not None:
            places = best.T.astype(np.int64) + first  # (units, length), among all probes
            same = (places[:, None, :] == top.probes[:, :, None]) & top.valid[:, :, None]
            unit, rank, place = np.nonzero(same)
            for name in names:
                numbers = extraction.lines(file, f"{total} best {name}")
                assert numbers is not None  # noqa: S101, written with `best`
                found[name][unit, rank] = numbers[place, unit]
        counted = extraction.lines(file, f"{total} moments")
        assert counted is not None  # noqa: S101
        first += int(counted[0, 0])
    over = extraction.manifest.architecture.branches(total)
    means = {branch: moments(extraction, over[branch])[0] for branch in ("shortcut", "conv")}
    return Terms(
        found["value"], found["passed"], found["open"], found["published"], top.valid, means["shortcut"], means["conv"]
    )


def shares(given: Terms) -> Shares:
    """Every unit's shares over its sum's top examples."""

    def total(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(values, axis=1, where=given.valid, dtype=np.float64))  # (units,)

    part, whole = _corrected(given)
    low, high = interval(part, whole, given.valid)
    return Shares(
        published=ratio(total(given.published), given.valid.sum(axis=1)),
        exact=ratio(total(given.passed), total(given.output)),
        corrected=ratio(total(part), total(whole)),
        corrected_low=low,
        corrected_high=high,
    )


def _corrected(given: Terms) -> tuple[np.ndarray, np.ndarray]:
    """The corrected share's two terms on every example: float64 (units, length)."""
    positions = given.open.astype(np.float64)
    shortcut, conv = given.shortcut[:, None], given.conv[:, None]
    return given.passed - positions * shortcut, given.output - positions * (shortcut + conv)


def interval(part: np.ndarray, whole: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A 95 % interval of each unit's sum of parts over sum of wholes, (units, length), by percentile bootstrap.

    The same examples, by rank, are drawn for all units with as many; draws on which the whole is not positive count
    for nothing. NaN for fewer than two examples, or where the ratio is NaN itself.
    """
    counts, generator = valid.sum(axis=1), np.random.default_rng(0)
    ends = np.full((2, len(part)), np.nan)
    for count in np.unique(counts[counts > 1]):
        some = counts == count
        drawn = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)  # (draws, count)
        shown = [values[some][valid[some]].reshape(-1, count) for values in (part, whole)]  # (units, count)
        ratios = ratio(*(values @ drawn.T for values in shown))  # (units, draws)
        sure = shown[1].sum(axis=1) > 0
        places = np.flatnonzero(some)[sure]
        ends[:, places] = np.nanquantile(ratios[sure], _ENDS, axis=1)
    return ends[0], ends[1]


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, float64, NaN where the whole is not positive."""
    quotient = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
