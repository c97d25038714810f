"""Does a network pair the facets of its branches? The prevalence of enrichment beside that of branches paired anew.

Every unit keeps its shortcut and gets the conv branch of another unit of its stratum. Strata are of conv alone, and
fixed before anything is measured: by its standard deviation, then by how much it prefers words, then by its mean.
Randomly paired branches bring two facets too: they are no null for one unit, but the baseline for the number of them.

Measured on held-out probes of facets of CONCEPTS concepts, without tests: the share of units whose least size is what
it must be at least, the mean of that ratio, and how alike both attributions are (their mean correlation over images).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest

from extract.enrichment.attribution import attribution
from extract.enrichment.census import DEFAULT
from extract.enrichment.concept_table import ProbeConcepts, concept_table
from extract.enrichment.contrasts import EFFECTS, effects
from extract.enrichment.facets import facets
from tests.benchmarks.census.truth import ratio_to_need
from tests.builders.planted_arrays import World, world

CONCEPTS, STRATUM, DRAWS = 12, 16, 99  # of a facet; units of a stratum, about; pairings
NUMBERS = ("share at need", "mean ratio", "correlation")
SMALL = 64  # units of a planted world


@dataclass(frozen=True)
class Pairings:
    """By number: what was measured of every unit, (units,), and as paired anew, (DRAWS, units); with the strata."""

    true: dict[str, np.ndarray]
    anew: dict[str, np.ndarray]
    stratum: np.ndarray

    def p(self, name: str, ties: float = 1) -> float:
        """The share of pairings whose mean is as high, the true one among them; of equal ones a part counts."""
        above = self.anew[name].mean(axis=1) - self.true[name].mean()
        equal = np.abs(above) < 1e-12
        return float(((above >= 1e-12).sum() + ties * (1 + equal.sum())) / (1 + len(above)))


def strata(conv: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The stratum of every unit, by its conv branch's maps (images, units, positions); `words` is bool (images,)."""
    mean, sd = conv.mean(axis=(0, 2), dtype=np.float64), conv.std(axis=(0, 2), dtype=np.float64)
    preference = (conv[words].mean(axis=(0, 2)) - conv[~words].mean(axis=(0, 2))) / np.maximum(sd, 1e-12)
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


def pairings(
    shortcut: np.ndarray, conv: np.ndarray, concepts: ProbeConcepts, draws: int = DRAWS, seed: int = 0
) -> Pairings:
    """Measure a sum as it is, and with its branches paired anew."""
    words = concepts.words[np.max(concepts.places, axis=0)]
    stratum, rng = strata(conv, words), np.random.default_rng([seed, 3])
    true = numbers(shortcut, conv, concepts)
    anew = [numbers(shortcut, conv[:, paired_anew(stratum, rng)], concepts) for _ in range(draws)]
    return Pairings(true, {name: np.stack([each[name] for each in anew]) for name in NUMBERS}, stratum)


def numbers(shortcut: np.ndarray, conv: np.ndarray, concepts: ProbeConcepts) -> dict[str, np.ndarray]:
    """What is measured of every unit, (units,) each."""
    brought = attribution(shortcut, conv)
    table = concept_table(concepts, brought.shortcut, brought.conv)
    measured = effects(facets(table, CONCEPTS).values(table.held_out)).value
    ratio = ratio_to_need(dict(zip(EFFECTS, measured.T, strict=True)), DEFAULT)
    product = (brought.shortcut * brought.conv).mean(axis=0)  # both are about zero on average
    alike = product / np.maximum(brought.shortcut.std(axis=0) * brought.conv.std(axis=0), 1e-12)
    return dict(zip(NUMBERS, (1.0 * (ratio >= 1), ratio, alike), strict=True))


def print_pairings(shortcut: np.ndarray, conv: np.ndarray, concepts: ProbeConcepts) -> None:
    """A sum's numbers beside those of DRAWS pairings, over all units and in every stratum."""
    found = pairings(shortcut, conv, concepts)
    print(f"{'':16}{'as it is':>10}{'paired anew':>13}{'sd':>8}{'p, as high':>12}")
    for name in NUMBERS:
        anew = found.anew[name].mean(axis=1)
        print(f"{name:16}{found.true[name].mean():10.3f}{anew.mean():13.3f}{anew.std():8.3f}{found.p(name):12.2f}")
    print(f"\n{'stratum':16}{'units':>10}" + "".join(f"{name:>16}{'anew':>8}" for name in NUMBERS))
    for number in np.unique(found.stratum):
        own = found.stratum == number
        means = "".join(f"{found.true[n][own].mean():16.3f}{found.anew[n][:, own].mean():8.3f}" for n in NUMBERS)
        print(f"{number:<16}{own.sum():10}{means}")


def planted_p(worlds: Iterable[World]) -> dict[str, np.ndarray]:
    """The p of every number in every world, of which one position is read."""
    rows = [
        pairings(each.shortcut[:, :, :1], each.conv[:, :, :1], ProbeConcepts.of(each.probes), seed=each.seed)
        for each in worlds
    ]
    ties = np.random.default_rng(0).random(len(rows))  # broken by chance, so that p is uniform without a pairing
    return {name: np.array([row.p(name, part) for row, part in zip(rows, ties, strict=True)]) for name in NUMBERS}


def print_planted(first: int, worlds: int) -> None:
    """Worlds whose branches are paired by chance, and where all or half of them are paired apart, or alike."""
    fewer = max(1, worlds // 10)
    for kinds, count in {
        ("unrelated",): worlds,
        ("apart",): fewer,
        ("apart", "unrelated"): fewer,
        ("alike",): fewer,
        ("alike", "unrelated"): fewer,
    }.items():
        found = planted_p(world(first + n, SMALL, kinds) for n in range(count))
        print(f"{' and '.join(kinds)}: {count} worlds of {SMALL} units")
        for name, p in found.items():
            uniform = f"; Kolmogorov-Smirnov {kstest(p, 'uniform').pvalue:.2f}" if count == worlds else ""
            print(
                f"    {name:16} p <= .05 in {np.mean(p <= 0.05):.2f}, p > .95 in {np.mean(p > 0.95):.2f}{uniform}",
                flush=True,
            )
