"""Test whether a sum joins two facets and both reach it: permutation tests and their false discovery rate.

(i)  *Two facets*: the top lists of shortcut and conv differ in concept, by 1 - cosine of their mean embeddings, or in
     modality, by the difference of their shares of words. Null: both lists are one. Each concept's places in the two
     lists are exchanged or not, at random. A concept's probes move together, because two drawings of a bird are not two
     observations: a unit of one facet, too, has different birds in its two lists. Where the lists hold few concepts,
     each with many probes, the concepts are the facets, and probes are exchanged one by one.
(ii) *Both reach the sum*: the held-out probes of either facet, chosen by concept, raise the sum above those of random
     concepts. Null: as many concepts drawn at random. A concept counts once, by the mean percentile of its probes.

The unit's p is the largest of the three, and q is that of Benjamini and Hochberg (1995) over the layer's units that
have a p. A p of (1 + draws at least as extreme) / (1 + draws) is valid for any number of draws (Phipson and Smyth
2010).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import false_discovery_control

from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.folder.schemas import TOP_PROBES
from extract.responses.top_probes import RankedProbes

DRAWS = 10_000
FEW = 6  # concepts in both lists together; with fewer, no exchange is rarer than one in twenty
_EQUAL = 1e-9  # rounding: a draw that lies no further below counts as extreme
_BLOCK = 2**24  # numbers worked on at once


@cache
def _signs() -> np.ndarray:
    """Random exchanges, -1 for what is exchanged: (1 + DRAWS, 2 * TOP_PROBES); the first exchanges nothing."""
    signs = np.random.default_rng(0).choice(np.array([-1.0, 1.0]), (1 + DRAWS, 2 * TOP_PROBES))
    signs[0] = 1
    return signs


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


def split(
    shortcut: np.ndarray, conv: np.ndarray, facets: np.ndarray, words: np.ndarray, embeddings: np.ndarray
) -> Split:
    """Split two lists of probes into what is exchanged; the rest is of all probes, embeddings being (probes, E)."""
    probes = np.concatenate([shortcut, conv])  # (m,)
    side = np.arange(len(probes)) >= len(shortcut)  # (m,)
    singly = len(np.unique(facets[probes])) < FEW
    thing = np.unique(probes if singly else facets[probes], return_inverse=True)[1]  # (m,)
    counts, read = np.zeros((2, 2, thing.max() + 1))
    np.add.at(counts, (side.astype(int), thing), 1)
    np.add.at(read, (side.astype(int), thing), words[probes])
    difference = np.zeros((counts.shape[1], embeddings.shape[1]))
    np.add.at(difference, thing, np.where(side[:, None], -embeddings[probes], embeddings[probes]))
    return Split(counts, read, difference, embeddings[probes].sum(axis=0, dtype=np.float64))


def concept_distance(lists: Split, signs: np.ndarray) -> np.ndarray:
    """1 - cosine of the lists' mean embeddings after each exchange; `signs` (draws, n) are -1 for what is exchanged.

    Let S and C be the sums of the embeddings over the two lists after an exchange. S + C is always `total`, and S - C
    is the sum of the rows of `difference` by their signs, so that no exchange needs the embeddings again:

        4 S.C = |S + C|^2 - |S - C|^2
        (4 |S| |C|)^2 = (|S + C|^2 + |S - C|^2)^2 - 4 ((S + C).(S - C))^2
    """
    gram, along = lists.difference @ lists.difference.T, lists.difference @ lists.total
    total = lists.total @ lists.total  # |S + C|^2
    difference, product = ((signs @ gram) * signs).sum(axis=1), signs @ along  # |S - C|^2, (S + C).(S - C): (draws,)
    norms = np.sqrt(np.maximum((total + difference) ** 2 - 4 * product**2, 0))  # 4 |S| |C|
    with np.errstate(invalid="ignore", divide="ignore"):
        distance: np.ndarray = 1 - (total - difference) / norms
    return distance


def word_share_distance(lists: Split, signs: np.ndarray) -> np.ndarray:
    """The difference of the lists' shares of words after each exchange, (draws,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = _exchanged(lists.words, signs) / _exchanged(lists.counts, signs)  # (2, draws)
    difference: np.ndarray = np.abs(shares[0] - shares[1])
    return difference


def exchange_p(lists: Split, statistic: Callable[[Split, np.ndarray], np.ndarray]) -> float:
    """The p of a statistic by random exchange; an exchange that empties a list counts as extreme."""
    signs = _signs()[:, : lists.counts.shape[1]]
    drawn = np.where(_exchanged(lists.counts, signs).min(axis=0) > 0, statistic(lists, signs), np.inf)
    return float(np.mean(drawn >= drawn[0] - _EQUAL))


def _exchanged(sides: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Sums over both lists (2, draws) of what `sides` (2, n) has in either, after each exchange."""
    moved = signs @ (sides[0] - sides[1])  # (draws,)
    sums: np.ndarray = (sides.sum() + np.stack([moved, -moved])) / 2
    return sums


def reach(means: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each unit's `listed` concepts, and its p against as many random ones: float64 (units,), NaN for none.

    `means` are the mean percentiles of the held-out probes of each concept, (units, concepts), `listed` says which
    concepts count, bool of that shape. Random concepts are drawn with replacement, which can only raise p.
    """
    counts, generator = listed.sum(axis=1), np.random.default_rng(0)
    mean, p = np.full(len(means), np.nan), np.full(len(means), np.nan)
    step = max(1, _BLOCK // (DRAWS * TOP_PROBES))
    for count in np.unique(counts[counts > 0]):
        drawn = generator.integers(0, means.shape[1], (DRAWS, count))
        same = np.flatnonzero(counts == count)
        for units in np.array_split(same, -(-len(same) // step)):
            average = np.mean(means[units], axis=1, where=listed[units])  # (u,)
            null = means[units][:, drawn].mean(axis=2)  # (u, DRAWS)
            mean[units], p[units] = average, (1 + (null >= average[:, None] - _EQUAL).sum(axis=1)) / (1 + DRAWS)
    return mean, p


def concept_means(values: np.ndarray, facets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average values (units, probes) over the probes of each facet; returns (units, facets), and the facets in order.

    `facets` numbers every probe's facet, (probes,).
    """
    order = np.argsort(facets, kind="stable")
    present, starts, sizes = np.unique(facets[order], return_index=True, return_counts=True)
    means: np.ndarray = np.add.reduceat(values[:, order], starts, axis=1) / sizes
    return means, present


def two_facets(
    top_probes: Mapping[str, RankedProbes], facts: ProbeFacts, embeddings: ProbeEmbeddings
) -> dict[str, np.ndarray]:
    """Columns p_concept, p_modality and p_facets of every unit, float64 (units,); NaN where a branch has no list.

    `top_probes` are the branches' top lists. p_facets is of either difference: twice the lesser p (Bonferroni).
    """
    shortcut, conv = (embeddings.local(top_probes[branch]) for branch in ("shortcut", "conv"))
    facets, words = facts.facets[embeddings.probes], facts.words[embeddings.probes]
    concept, modality = np.full(len(shortcut.probes), np.nan), np.full(len(shortcut.probes), np.nan)
    for unit in np.flatnonzero(shortcut.valid.any(axis=1) & conv.valid.any(axis=1)):
        one, other = (ranked.probes[unit][ranked.valid[unit]] for ranked in (shortcut, conv))
        lists = split(one, other, facets, words, embeddings.rows)
        concept[unit], modality[unit] = exchange_p(lists, concept_distance), exchange_p(lists, word_share_distance)
    either = np.minimum(1, 2 * np.minimum(concept, modality))
    return {"p_concept": concept, "p_modality": modality, "p_facets": either}


def unit_tests(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns p, the largest of the tests', and q over the units that have one; NaN for others. float64 (units,)."""
    p = np.max([columns[name] for name in ("p_facets", "p_reach_shortcut", "p_reach_conv")], axis=0)
    q, known = np.full(len(p), np.nan), np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return {"p": p, "q": q}


def undecided(top_probes: Mapping[str, RankedProbes], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Why each unit has no p, text (units,); None where it has one. `columns` are those of reach."""
    reasons = np.full(len(columns["reach_conv"]), None, object)
    for branch in ("conv", "shortcut"):
        reasons[np.isnan(columns[f"reach_{branch}"])] = f"no held-out probe is of what the {branch} branch answers to"
        silent = f"the {branch} branch answers to no probe more than to most"
        reasons[~top_probes[branch].valid.any(axis=1)] = silent
    return reasons
