"""Measure how far a unit's two facets lie apart, by embeddings and by their shares of words.

The distance is the mean of 1 - cosine over pairs of one concept from each facet, divided by the same mean over random
pairs of the same modalities. It is 1 for facets no nearer than chance. Its standard error is by jackknife over the
concepts of both facets.
"""

import numpy as np

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.contrasts import Estimates
from extract.enrichment.facets import Facets


def distances(probes: CensusProbes, facets: Facets, least: float) -> Estimates:
    """Compute how much farther than `least` every unit's facets lie apart, (units,), with standard errors."""
    words = probes.concepts.words.astype(int)
    discovery, held_out = probes.concepts.means(unit_length(probes.embeddings))
    rows = unit_length(discovery + held_out)  # (c, E)
    random, pairs = _random_pairs(rows, words), zip(facets.shortcut, facets.conv, strict=True)
    both = np.array([_jackknife(rows[a], rows[f], random[np.ix_(words[a], words[f])]) for a, f in pairs])
    return Estimates(both[:, 0] - least, np.maximum(both[:, 1], 1e-12), np.full(len(both), facets.size - 1))


def word_share_differences(probes: CensusProbes, facets: Facets) -> np.ndarray:
    """Compute the absolute difference of both facets' shares of words, (units,)."""
    words = probes.concepts.words
    return np.asarray(np.abs(words[facets.shortcut].mean(axis=1) - words[facets.conv].mean(axis=1)))


def unit_length(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length 1, as float64; rows of zeros stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float64)


def _random_pairs(rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Compute the mean 1 - cosine of two different concepts, for each pair of modalities: (2, 2)."""
    counts = np.bincount(words, minlength=2)
    sums = np.stack([rows[words == modality].sum(axis=0) for modality in (0, 1)])
    pairs = np.outer(counts, counts) - np.diag(counts)
    return np.asarray(np.maximum(1 - (sums @ sums.T - np.diag(counts)) / np.maximum(pairs, 1), 1e-12))


def _jackknife(one: np.ndarray, other: np.ndarray, random: np.ndarray) -> tuple[float, float]:
    """Divide the distance of two facets (k, E) by the distance of random pairs (k, k); add its standard error."""
    apart = 1 - one @ other.T  # (k, k)
    variance = 0.0
    for axis in (0, 1):
        count = apart.shape[1 - axis]
        near, chance = (pairs.sum() - pairs.sum(axis=axis) for pairs in (apart, random))  # without a concept, (k,)
        without = near / chance
        variance += (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    return float(apart.sum() / random.sum()), variance**0.5
