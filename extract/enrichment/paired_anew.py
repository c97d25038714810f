"""Pair the branches of a sum anew: each unit keeps its shortcut and gets the conv branch of a unit of its stratum.

Units are sorted into strata by properties of the conv branch only, before anything is measured: by its standard
deviation, then by how much it prefers words, then by its mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

STRATUM, DRAWS = 16, 99  # units of a stratum, about; number of pairings


def strata(conv: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Assign units to strata by their conv branches' maps (images, units, positions); `words` is bool (images,)."""
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
    """Draw whose conv branch every unit gets: int (units,), shuffled within strata."""
    whose = np.arange(len(stratum))
    for number in np.unique(stratum):
        own = np.flatnonzero(stratum == number)
        whose[own] = rng.permutation(own)
    return whose


@dataclass(frozen=True)
class Pairings:
    """Measured numbers, keyed by name: of every unit as it is, (units,), and as paired anew, (draws, units).

    `stratum` is the stratum of every unit, int (units,).
    """

    true: dict[str, np.ndarray]
    anew: dict[str, np.ndarray]
    stratum: np.ndarray

    def p(self, name: str, ties: float = 1) -> float:
        """Compute the share of pairings, including the true one, whose mean is at least as high as the true one's.

        Each pairing whose mean equals the true one's counts as `ties`, and so does the true one.
        """
        above = self.anew[name].mean(axis=1) - self.true[name].mean()
        equal = np.abs(above) < 1e-12
        return float(((above >= 1e-12).sum() + ties * (1 + equal.sum())) / (1 + len(above)))

    def by_stratum(self) -> Iterator[tuple[int | None, "Pairings"]]:
        """Yield the pairings of all units, with None, and then the pairings of every stratum, with its number."""
        yield None, self
        for number in np.unique(self.stratum):
            yield int(number), self._of(self.stratum == number)

    def _of(self, units: np.ndarray) -> "Pairings":
        """Select some units, bool (units,)."""
        true, anew = ({name: values[..., units] for name, values in part.items()} for part in (self.true, self.anew))
        return Pairings(true, anew, self.stratum[units])
