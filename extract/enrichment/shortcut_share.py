"""Measure how much of a sum's units comes over the shortcut, as three shares: published, exact and corrected.

r is the shortcut's map and b the conv branch's (bn3's output). The sums are over a unit's top probes and all positions
where r + b > 0, that is, where the ReLU lets the sum pass:

    published   mean over the top probes of |R| / (|R| + |B|), norms of the maps before their batch norm: R is the
                previous block's output, or in block 0 the raw downsample convolution, and B is raw conv3
    exact       sum of r / sum of (r + b)
    corrected   sum of (r - mean r) / sum of (r + b - mean r - mean b), means over all probes and positions

The published share ignores the sign and bn3's scale. Its definition is the code of the enrichment circuits article,
which takes the share on feature visualisations, as `visualisations` does here. The exact shares of both branches add up
to 1, so one exceeds 1 where the other branch inhibits. The corrected share subtracts constant offsets from both terms,
because an offset does not tell images apart. The exact and the corrected share are ratios of sums; a mean of ratios
would be dominated by probes on which the sum hardly rises above zero. The corrected share has an interval by bootstrap
over the concepts of the top probes, since two probes of one concept are not independent. The interval takes the means
over all probes as known.
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
    """The terms of the shares: on every unit's top probes, (units, length), and on all probes, (units,).

    On top probes, `output` is the mean over positions of the sum after its ReLU. `gated_shortcut` is the mean over
    positions of the shortcut, taken as 0 where the sum is not positive. `active_fraction` is the share of positions
    where the sum is positive. `published_share` is the share of norms. Only `valid` top probes count. `shortcut` and
    `conv` are means of the branches over all probes and positions.
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
        """Whether the terms of all valid top probes were recorded; earlier versions recorded 16 per unit."""
        return bool(np.isfinite(self.output[self.valid]).all())

    def first(self, length: int) -> Self:
        """Return the terms of only the first `length` top probes of every unit."""
        names = ("output", "gated_shortcut", "active_fraction", "published_share", "valid")
        return replace(self, **{name: np.ascontiguousarray(getattr(self, name)[:, :length]) for name in names})


@dataclass(frozen=True)
class Shares:
    """Shares over the shortcut, float64 (units,); NaN for a unit that has no top probes or does not rise on them."""

    published: np.ndarray
    exact: np.ndarray
    corrected: np.ndarray
    corrected_low: np.ndarray
    corrected_high: np.ndarray


_NUMBERS = ("value", "gated_shortcut", "active_fraction", "published_share")


def share_terms(extraction: Extraction, total: Layer, top: RankedProbes) -> ShareTerms:
    """Gather the terms of a sum's shares on its units' top probes, which are among the highest probes of their chunk.

    A term is NaN if an earlier version recorded fewer of a chunk's probes, but never for the first 16 of a list.
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
    """Find the probes that are both in a unit's top list and among a chunk's highest, `places` (n, units).

    Returns each one's unit, rank in the top list, and row in `places`.
    """
    order = np.full((places.shape[1], len(chunk)), -1)  # (units, probes)
    np.put_along_axis(order, places.T.astype(np.int64), np.arange(len(places))[None], axis=1)
    unit, rank = np.nonzero(top.valid & (top.probes >= chunk.start) & (top.probes < chunk.stop))
    place = order[unit, top.probes[unit, rank] - chunk.start]
    stored = place >= 0
    return unit[stored], rank[stored], place[stored]


def shares(terms: ShareTerms, concepts: np.ndarray | None = None) -> Shares:
    """Compute every unit's shares over its sum's top probes.

    `concepts` numbers the concept of every top probe, int (units, length); by default every probe has its own concept.
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
    """Compute the corrected share's two terms on every top probe: float64 (units, length)."""
    positions = terms.active_fraction.astype(np.float64)
    shortcut, conv = terms.shortcut[:, None], terms.conv[:, None]
    return terms.gated_shortcut - positions * shortcut, terms.output - positions * (shortcut + conv)


def _first_of_concept(concepts: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return for every top probe the place of the first valid one of the same concept, int (units, length)."""
    same = (concepts[:, :, None] == concepts[:, None, :]) & valid[:, None, :]
    return np.asarray(same.argmax(axis=2))


def _by_concept(values: np.ndarray, first: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Add up values (units, length) over the valid top probes that share a concept.

    Each total stands at the place of the concept's first probe in the list; all other places are 0.
    """
    sums = np.zeros_like(values)
    unit, example = np.nonzero(valid)
    np.add.at(sums, (unit, first[unit, example]), values[unit, example])
    return sums


def interval(part: np.ndarray, whole: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute a 95 % interval of each unit's sum of parts over sum of wholes, by expanded bootstrap.

    `part` and `whole` are (units, length). `valid` marks the concepts that are drawn, each at the place of its first
    probe. Units with equally many concepts share their draws, by rank. Draws on which the whole is not positive are
    ignored. The interval is NaN for fewer than two concepts, or if the ratio itself is NaN.
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
    """Return the quantiles of the bootstrap that end a 95 % interval over `count` concepts.

    A plain percentile interval would be too narrow for few concepts (Hesterberg 2015).
    """
    low = float(ndtr(-np.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.975)))
    return low, 1 - low


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide part by whole as float64; NaN where the whole is not positive."""
    quotient = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
