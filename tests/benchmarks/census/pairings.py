"""Does a network pair the facets of its branches? Planted worlds where the answer is known, and the demo's last sum."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import kstest

from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.pairings import NUMBERS, pairings
from tests.builders.planted_arrays import World, world

SMALL = 64  # units of a planted world


def print_pairings(shortcut: np.ndarray, conv: np.ndarray, concepts: ProbeConcepts) -> None:
    """Print a sum's numbers compared with those of DRAWS pairings, over all units and in every stratum."""
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
    """Compute the p of every number in every world, from one position of the world's maps."""
    rows = [
        pairings(each.shortcut[:, :, :1], each.conv[:, :, :1], ProbeConcepts.of(each.probes), seed=each.seed)
        for each in worlds
    ]
    ties = np.random.default_rng(0).random(len(rows))  # broken by chance, so that p is uniform without a pairing
    return {name: np.array([row.p(name, part) for row, part in zip(rows, ties, strict=True)]) for name in NUMBERS}


def print_planted(first: int, worlds: int) -> None:
    """Print p for worlds whose branches are paired by chance, and for worlds with units paired apart or alike."""
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
