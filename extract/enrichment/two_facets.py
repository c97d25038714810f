"""Two facets or one, and do both reach the sum? The permutation tests of enrichment, and their false discovery rate.

(i)  *Two facets*: the top lists of shortcut and conv differ in concept, 1 - cosine of their mean embeddings, or in
     modality, the difference of their shares of words. Null: both lists are one; each concept's places in the two
     lists are exchanged or not, at random. A concept's probes move together, since two drawings of a bird are no two
     observations: a unit of one facet, too, has other birds in its two lists. Where the lists hold few concepts, each
     with many probes, the concepts are the facets, and probes are exchanged singly.
(ii) *Both reach the sum*: the held-out probes of either facet, chosen by concept, raise the sum above those of random
     concepts. Null: as many concepts drawn at random; a concept counts once, by the mean percentile of its probes.

The unit's p is the largest of the three, and q is Benjamini and Hochberg's (1995) over the layer's units that have one.
A p of (1 + draws at least as extreme) / (1 + draws) is valid for any number of draws (Phipson and Smyth 2010).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
from scipy.stats import false_discovery_control

from extract.folder.schemas import TOP_PROBES
from extract.responses.top_probes import RankedProbes

DRAWS = 10_000
FEW = 6  # concepts in both lists together: of fewer no exchange is rarer than one in twenty
_EQUAL = 1e-9  # rounding: what lies no further below is as extreme
_BLOCK = 2**24  # numbers worked on at once
_SIGNS = np.random.default_rng(0).choice(np.array([-1.0, 1.0]), (1 + DRAWS, 2 * TOP_PROBES))
_SIGNS[0] = 1  # what was seen is one of the draws


@dataclass(frozen=True)
class Shown:
    """What is known of the probes, each (probes,): modality, split, facet, and the concept in whatever modality."""

    words: np.ndarray  # bool
    held_out: np.ndarray  # bool
    facets: np.ndarray  # int, one number for a concept in a modality
    subjects: np.ndarray  # int, one number for a concept

    @classmethod
    def of(cls, probes: pa.Table) -> Self:
        """What a table of probes tells."""
        modality, split, concept = (probes[name].to_pylist() for name in ("modality", "split", "concept"))
        numbers = dict[object, int]()
        facets = [numbers.setdefault(facet, len(numbers)) for facet in zip(modality, concept, strict=True)]
        subjects = np.unique(np.array(list(map(str, concept))), return_inverse=True)[1]
        return cls(np.array(modality) == "word", np.array(split) == "held-out", np.array(facets), subjects)


@dataclass(frozen=True)
class Embedded:
    """What the whole network makes of some probes: their places among all, in order, and float32 rows (probes, E)."""

    probes: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, tops: Iterable[RankedProbes], chunks: Iterable[np.ndarray]) -> Self:
        """Of the probes in lists, from the embeddings of all, chunk by chunk."""
        probes = np.unique(np.concatenate([top.probes[top.valid] for top in tops]))
        first, rows = 0, list[np.ndarray]()
        for chunk in chunks:
            inside = probes[(probes >= first) & (probes < first + len(chunk))]
            rows.append(chunk[inside - first])
            first += len(chunk)
        return cls(probes, np.concatenate(rows))

    def near(self, top: RankedProbes) -> RankedProbes:
        """The same list, its valid probes as places among these."""
        return replace(top, probes=np.searchsorted(self.probes, top.probes))

    def sums(self, top: RankedProbes) -> np.ndarray:
        """The sum over every unit's list, float64 (units, E)."""
        total = np.zeros((len(top.probes), self.rows.shape[1]))
        unit, rank = np.nonzero(top.valid)
        np.add.at(total, unit, self.rows[self.near(top).probes[unit, rank]])
        return total


@dataclass(frozen=True)
class Split:
    """What is exchanged between a unit's two lists: of each thing its probes, their words and embeddings, summed up.

    `counts` (2, n) and `words` (2, n) are of shortcut and conv, `difference` (n, E) of shortcut minus conv, `total`
    (E,) of both together.
    """

    counts: np.ndarray
    words: np.ndarray
    difference: np.ndarray
    total: np.ndarray


def split(first: np.ndarray, second: np.ndarray, facets: np.ndarray, words: np.ndarray, embedded: np.ndarray) -> Split:
    """From two lists of probes, and of all probes the facet, whether it is a word, and the embedding (probes, E)."""
    probes = np.concatenate([first, second])  # (m,)
    side = np.arange(len(probes)) >= len(first)  # (m,)
    singly = len(np.unique(facets[probes])) < FEW
    place = np.unique(probes if singly else facets[probes], return_inverse=True)[1]  # (m,)
    counts, read = np.zeros((2, 2, place.max() + 1))
    np.add.at(counts, (side.astype(int), place), 1)
    np.add.at(read, (side.astype(int), place), words[probes])
    difference = np.zeros((counts.shape[1], embedded.shape[1]))
    np.add.at(difference, place, np.where(side[:, None], -embedded[probes], embedded[probes]))
    return Split(counts, read, difference, embedded[probes].sum(axis=0, dtype=np.float64))


def concepts_apart(given: Split, signs: np.ndarray) -> np.ndarray:
    """1 - cosine of the lists' mean embeddings after each exchange; `signs` (draws, n) are -1 for what is exchanged."""
    gram, along = given.difference @ given.difference.T, given.difference @ given.total
    length = given.total @ given.total
    squares, product = ((signs @ gram) * signs).sum(axis=1), signs @ along  # |S - C|^2 and (S + C)(S - C), (draws,)
    norms = np.sqrt(np.maximum((length + squares) ** 2 - 4 * product**2, 0))  # 4 |S| |C|
    with np.errstate(invalid="ignore", divide="ignore"):
        apart: np.ndarray = 1 - (length - squares) / norms
    return apart


def shares_apart(given: Split, signs: np.ndarray) -> np.ndarray:
    """The difference of the lists' shares of words after each exchange, (draws,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = _exchanged(given.words, signs) / _exchanged(given.counts, signs)  # (2, draws)
    difference: np.ndarray = np.abs(shares[0] - shares[1])
    return difference


def exchange(given: Split, statistic: Callable[[Split, np.ndarray], np.ndarray]) -> float:
    """The p of a statistic; an exchange that empties a list counts as extreme."""
    signs = _SIGNS[:, : given.counts.shape[1]]
    drawn = np.where(_exchanged(given.counts, signs).min(axis=0) > 0, statistic(given, signs), np.inf)
    return float(np.mean(drawn >= drawn[0] - _EQUAL))


def _exchanged(sides: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Sums over both lists (2, draws) of what `sides` (2, n) has in either, after each exchange."""
    moved = signs @ (sides[0] - sides[1])  # (draws,)
    sums: np.ndarray = (sides.sum() + np.stack([moved, -moved])) / 2
    return sums


def reach(means: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each unit's chosen concepts, and its p against as many random ones; float64 (units,), NaN for none.

    From the mean percentiles of the held-out probes of each concept, (units, concepts). Random ones are drawn with
    replacement, which errs on the safe side.
    """
    counts, generator = chosen.sum(axis=1), np.random.default_rng(0)
    found, p = np.full(len(means), np.nan), np.full(len(means), np.nan)
    step = max(1, _BLOCK // (DRAWS * TOP_PROBES))
    for count in np.unique(counts[counts > 0]):
        drawn = generator.integers(0, means.shape[1], (DRAWS, count))
        same = np.flatnonzero(counts == count)
        for units in np.array_split(same, -(-len(same) // step)):
            seen = np.mean(means[units], axis=1, where=chosen[units])  # (u,)
            null = means[units][:, drawn].mean(axis=2)  # (u, DRAWS)
            found[units], p[units] = seen, (1 + (null >= seen[:, None] - _EQUAL).sum(axis=1)) / (1 + DRAWS)
    return found, p


def concept_means(values: np.ndarray, facets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of values (units, probes) over the probes of each concept, (units, concepts), and which concepts these are.

    The concepts, each in its modality, are given for every probe, (probes,), and come back in order, (concepts,).
    """
    order = np.argsort(facets, kind="stable")
    there, starts, sizes = np.unique(facets[order], return_index=True, return_counts=True)
    means: np.ndarray = np.add.reduceat(values[:, order], starts, axis=1) / sizes
    return means, there


def two_facets(tops: Mapping[str, RankedProbes], shown: Shown, embedded: Embedded) -> dict[str, np.ndarray]:
    """Columns p_concept, p_modality and p_facets of every unit, float64 (units,); NaN where a branch has no list.

    p_facets is of either difference: twice the lesser (Bonferroni). From the branches' top lists.
    """
    shortcut, conv = (embedded.near(tops[branch]) for branch in ("shortcut", "conv"))
    facets, words = shown.facets[embedded.probes], shown.words[embedded.probes]
    concept, modality = np.full(len(shortcut.probes), np.nan), np.full(len(shortcut.probes), np.nan)
    for unit in np.flatnonzero(shortcut.valid.any(axis=1) & conv.valid.any(axis=1)):
        first, second = (each.probes[unit][each.valid[unit]] for each in (shortcut, conv))
        given = split(first, second, facets, words, embedded.rows)
        concept[unit], modality[unit] = exchange(given, concepts_apart), exchange(given, shares_apart)
    either = np.minimum(1, 2 * np.minimum(concept, modality))
    return {"p_concept": concept, "p_modality": modality, "p_facets": either}


def verdict(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns p, the largest of the tests', and q over the units that have one; NaN for others. float64 (units,)."""
    p = np.max([columns[name] for name in ("p_facets", "p_reach_shortcut", "p_reach_conv")], axis=0)
    q, known = np.full(len(p), np.nan), np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return {"p": p, "q": q}


def undecided(tops: Mapping[str, RankedProbes], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Why each unit has no p, text (units,); None where it has one. From the lists and the columns of reach."""
    reasons = np.full(len(columns["reach_conv"]), None, object)
    for branch in ("conv", "shortcut"):
        reasons[np.isnan(columns[f"reach_{branch}"])] = f"no held-out probe is of what the {branch} branch answers to"
        silent = f"the {branch} branch answers to no probe more than to most"
        reasons[~tops[branch].valid.any(axis=1)] = silent
    return reasons
