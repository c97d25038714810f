"""Measure the share of a sum's units that comes over the shortcut: published, exact and corrected.

With r the shortcut's map, b the conv branch's (bn3's output), and the sums over a unit's top examples and all positions
where r + b > 0, that is, where the ReLU lets the sum pass:

    published   mean over the examples of |R| / (|R| + |B|), norms of the maps before their batch norm: R the previous
                block's output, in block 0 the raw downsample convolution; B raw conv3
    exact       sum of r / sum of (r + b)
    corrected   sum of (r - mean r) / sum of (r + b - mean r - mean b), means over all probes and positions

The published share ignores the sign and bn3's scale (definition: the code of the enrichment circuits article, which
takes it on feature visualisations; `visualisations` does so). The exact shares of both branches add up to 1, so one
exceeds 1 where the other branch inhibits. A constant offset does not tell images apart; the corrected share subtracts
it from both terms. Both are ratios of sums: examples on which the sum hardly rises above zero would dominate a mean of
ratios. The corrected share has an interval, by bootstrap over the concepts of the examples, since two probes of one are
not independent; the means over all probes are taken as known.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import ndtr, stdtrit

from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.recording.highest_probes import HighestProbes
from extract.responses.top_probes import RankedProbes
from extract.units import Layer

RESAMPLES = 1000


@dataclass(frozen=True)
class ShareTerms:
    """What the shares are made of: on every unit's top examples, each (units, length), and on all probes (units,).

    `output` is the mean over positions of the sum after its ReLU, `gated_shortcut` that of the shortcut where the sum
    is positive, `active_fraction` the share of positions where it is, `published_share` the share of norms. `shortcut`
    and `conv` are means of the branches over all probes and positions. Only `valid` examples count.
    """

    output: np.ndarray
    gated_shortcut: np.ndarray
    active_fraction: np.ndarray
    published_share: np.ndarray
    valid: np.ndarray
    shortcut: np.ndarray
    conv: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether the terms of all valid examples were recorded; earlier versions recorded those of 16."""
        return bool(np.isfinite(self.output[self.valid]).all())

    def first(self, length: int) -> Self:
        """The terms of so many top examples of every unit."""
        names = ("output", "gated_shortcut", "active_fraction", "published_share", "valid")
        return replace(self, **{name: np.ascontiguousarray(getattr(self, name)[:, :length]) for name in names})


@dataclass(frozen=True)
class Shares:
    """Shares over the shortcut, float64 (units,); NaN for a unit without top examples, or not rising on them."""

    published: np.ndarray
    exact: np.ndarray
    corrected: np.ndarray
    corrected_low: np.ndarray
    corrected_high: np.ndarray


_NUMBERS = ("value", "gated_shortcut", "active_fraction", "published_share")


def share_terms(extraction: Extraction, total: Layer, top: RankedProbes) -> ShareTerms:
    """Gather the terms of a sum's shares on its units' top examples from the chunks' highest, which contain them.

    NaN where an earlier version recorded fewer of a chunk's probes; never for the first 16 of a list.
    """
    terms = {name: np.full(top.probes.shape, np.nan, np.float32) for name in _NUMBERS}
    first = 0
    for file in extraction.under("activations"):
        counted = extraction.lines(file, f"{total} moments")
        assert counted is not None  # noqa: S101, every chunk has them
        if highest := HighestProbes.read(extraction, file, total):
            unit, rank, place = _common(highest.places, top, range(first, first + int(counted[0, 0])))
            for name in _NUMBERS:
                terms[name][unit, rank] = getattr(highest, name)[place, unit]
        first += int(counted[0, 0])
    branches = extraction.manifest.architecture.branches(total)
    shortcut, conv = (moments(extraction, branches[name])[0] for name in ("shortcut", "conv"))
    return ShareTerms(
        output=terms["value"],
        gated_shortcut=terms["gated_shortcut"],
        active_fraction=terms["active_fraction"],
        published_share=terms["published_share"],
        valid=top.valid,
        shortcut=shortcut,
        conv=conv,
    )


def _common(places: np.ndarray, top: RankedProbes, chunk: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units, ranks in their top lists and places among a chunk's highest, `places` (n, units), of what is in both."""
    order = np.full((places.shape[1], len(chunk)), -1)  # (units, probes)
    np.put_along_axis(order, places.T.astype(np.int64), np.arange(len(places))[None], axis=1)
    unit, rank = np.nonzero(top.valid & (top.probes >= chunk.start) & (top.probes < chunk.stop))
    place = order[unit, top.probes[unit, rank] - chunk.start]
    stored = place >= 0
    return unit[stored], rank[stored], place[stored]


def shares(terms: ShareTerms, concepts: np.ndarray | None = None) -> Shares:
    """Compute every unit's shares over its sum's top examples.

    `concepts` numbers the concept of every example, int (units, length); by default each is of its own.
    """

    def total(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(values, axis=1, where=terms.valid, dtype=np.float64))  # (units,)

    part, whole = _corrected(terms)
    if concepts is None:
        concepts = np.broadcast_to(np.arange(part.shape[1]), part.shape)
    first = _first_of_concept(concepts, terms.valid)
    part_sums, whole_sums = (_by_concept(values, first, terms.valid) for values in (part, whole))
    low, high = interval(part_sums, whole_sums, terms.valid & (first == np.arange(first.shape[1])))
    return Shares(
        published=ratio(total(terms.published_share), terms.valid.sum(axis=1)),
        exact=ratio(total(terms.gated_shortcut), total(terms.output)),
        corrected=ratio(total(part), total(whole)),
        corrected_low=low,
        corrected_high=high,
    )


def _corrected(terms: ShareTerms) -> tuple[np.ndarray, np.ndarray]:
    """The corrected share's two terms on every example: float64 (units, length)."""
    positions = terms.active_fraction.astype(np.float64)
    shortcut, conv = terms.shortcut[:, None], terms.conv[:, None]
    return terms.gated_shortcut - positions * shortcut, terms.output - positions * (shortcut + conv)


def _first_of_concept(concepts: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The place of the first valid example of the same concept, int (units, length)."""
    same = (concepts[:, :, None] == concepts[:, None, :]) & valid[:, None, :]
    return np.asarray(same.argmax(axis=2))


def _by_concept(values: np.ndarray, first: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Values (units, length) summed over the valid examples of a concept, at its first."""
    sums = np.zeros_like(values)
    unit, example = np.nonzero(valid)
    np.add.at(sums, (unit, first[unit, example]), values[unit, example])
    return sums


def interval(part: np.ndarray, whole: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A 95 % interval of each unit's sum of parts over sum of wholes, (units, length), by expanded bootstrap.

    `valid` are the concepts that are drawn, each at the place of its first example. Units with equally many share their
    draws, by rank. Draws on which the whole is not positive are ignored. NaN for fewer than two concepts, or where the
    ratio itself is NaN.
    """
    counts, generator = valid.sum(axis=1), np.random.default_rng(0)
    ends = np.full((2, len(part)), np.nan)
    for count in np.unique(counts[counts > 1]):
        same = counts == count
        drawn = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)  # (draws, count)
        examples = [values[same][valid[same]].reshape(-1, count) for values in (part, whole)]  # (units, count)
        ratios = ratio(*(values @ drawn.T for values in examples))  # (units, draws)
        positive = examples[1].sum(axis=1) > 0
        places = np.flatnonzero(same)[positive]
        ends[:, places] = np.nanquantile(ratios[positive], _quantiles(int(count)), axis=1)
    return ends[0], ends[1]


def _quantiles(count: int) -> tuple[float, float]:
    """The ends of a 95 % bootstrap interval over so few: a percentile interval is too narrow (Hesterberg 2015)."""
    low = float(ndtr(-np.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.975)))
    return low, 1 - low


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, float64, NaN where the whole is not positive."""
    quotient = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
