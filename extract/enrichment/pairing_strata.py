"""Pair the branches of a sum anew: every unit keeps its shortcut and gets the conv branch of another of its stratum.

Strata are of conv alone, and fixed before anything is measured: by its standard deviation, then by how much it prefers
words, then by its mean.
"""

import numpy as np

STRATUM, DRAWS = 16, 99  # units of a stratum, about; pairings


def strata(conv: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The stratum of every unit, by its conv branch's maps (images, units, positions); `words` is bool (images,)."""
    mean, sd = conv.mean(axis=(0, 2), dtype=np.float64), conv.std(axis=(0, 2), dtype=np.float64)
    kinds = [conv[images].mean(axis=(0, 2)) if images.any() else mean for images in (words, ~words)]
    preference = (kinds[0] - kinds[1]) / np.maximum(sd, 1e-12)
    parts = np.array_split(np.argsort(sd, kind="stable"), max(1, len(sd) // (4 * STRATUM)))
    for values in (preference, mean):
        parts = [half for part in parts for half in np.array_split(part[np.argsort(values[part], kind="stable")], 2)]
    stratum = np.zeros(len(sd), int)
    for number, part in enumerate(parts):
        stratum[part] = number
    return stratum


def paired_anew(stratum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whose conv branch every unit gets: int (units,), shuffled within strata."""
    whose = np.arange(len(stratum))
    for number in np.unique(stratum):
        own = np.flatnonzero(stratum == number)
        whose[own] = rng.permutation(own)
    return whose
