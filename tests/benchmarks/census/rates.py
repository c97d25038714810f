"""Rates of verdicts on planted worlds, by kind and by true ratio of effect to need, with bounds.

The need is the size that an effect must exceed; a unit's ratio is the least of its effects over the need.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import beta

from extract.enrichment import census
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.contrasts import EFFECTS
from tests.benchmarks.census.truth import truth
from tests.builders.planted_arrays import LOW_LEVEL, World

LEVEL = 0.05
STRATA = ((-np.inf, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1), (1, 1.25), (1.25, 2), (2, np.inf))
Census = Callable[[World, CensusSettings], pa.Table]


@dataclass(frozen=True)
class Judged:
    """Units of several worlds, as arrays (units,).

    `covered` (units, effects, 2) is whether the lower and the upper bound of each effect hold.
    """

    seed: np.ndarray
    kind: np.ndarray
    verdict: np.ndarray
    low_level: np.ndarray
    ratio: np.ndarray
    true: np.ndarray  # bool: enriched
    covered: np.ndarray

    @property
    def enriched(self) -> np.ndarray:
        return np.asarray(self.verdict == "enriched")

    @property
    def graded(self) -> np.ndarray:
        """The units whose verdict the ratio decides."""
        return np.asarray(~np.isin(self.kind, (*LOW_LEVEL, "clusters", "near facets", "halves")))

    @property
    def false(self) -> np.ndarray:
        return np.asarray(self.enriched & ~self.true)


def by_census(world: World, settings: CensusSettings) -> pa.Table:
    return census.census(
        world.shortcut, world.conv, world.probes, world.embeddings, world.covariates, settings=settings
    )


def judged(worlds: Iterable[World], take: Census = by_census, settings: CensusSettings = census.DEFAULT) -> Judged:
    """Take the census of every world and compare it with the truth."""
    parts = [_of_world(world, take(world, settings)) for world in worlds]
    return Judged(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _of_world(world: World, table: pa.Table) -> tuple[np.ndarray, ...]:
    true = truth(world, table, census.DEFAULT)
    bounds = np.array([[table[f"{name}_low"].to_numpy(), table[f"{name}_high"].to_numpy()] for name in EFFECTS])
    effects = np.array([true.effects[name] for name in EFFECTS])  # (effects, units)
    covered = np.stack([bounds[:, 0] <= effects, bounds[:, 1] >= effects], axis=2).transpose(1, 0, 2)
    verdict, low = (np.array(table[name].to_pylist()) for name in ("verdict", "low_level"))
    seeds = np.full(len(verdict), world.seed)
    return seeds, world.kinds, verdict, low, true.ratio, true.enriched(world.kinds), covered


def upper(count: int, total: int) -> float:
    """Return the exact upper 95 % bound of a rate (Clopper and Pearson)."""
    return float(beta.ppf(0.95, count + 1, total - count)) if count < total else 1.0


def false_share(units: Judged) -> tuple[float, float]:
    """Return the share of false discoveries and its upper 95 % bound by bootstrap over seeds."""
    seeds = np.unique(units.seed)
    counts = np.array([[units.false[units.seed == s].sum(), units.enriched[units.seed == s].sum()] for s in seeds])
    drawn = np.random.default_rng(0).integers(0, len(seeds), (2000, len(seeds)))
    sums = counts[drawn].sum(axis=1)
    shares = sums[:, 0] / np.maximum(sums[:, 1], 1)
    return float(counts[:, 0].sum() / max(1, counts[:, 1].sum())), float(np.quantile(shares, 0.95))


def print_kinds(units: Judged) -> None:
    print(f"{'kind':18}{'units':>6}{'ratio':>7} | below need, false, upper | enriched  not  alike  open | low-level")
    for kind, own in _by_kind(units):
        null = own & ~units.true
        false = int(units.false[own].sum())
        bound = f"{upper(false, int(null.sum())):.3f}" if null.any() else "-"
        names = ("enriched", "not enriched", "facets alike", "open")
        shares = "".join(f"{(units.verdict[own] == name).mean():7.2f}" for name in names)
        print(
            f"{kind:18}{own.sum():6}{np.median(units.ratio[own]):7.2f} | {null.sum():6} {false:6}  {bound:>6}    |"
            f"{shares}  | {units.low_level[own].mean():.2f}"
        )


def _by_kind(units: Judged) -> list[tuple[str, np.ndarray]]:
    """Return the kinds in their order, each with a bool array (units,) of the units of that kind."""
    return [(kind, units.kind == kind) for kind in dict.fromkeys(units.kind.tolist())]


def print_ratios(units: Judged) -> None:
    print(f"\n{'true ratio':>14}{'units':>7}  enriched  not enriched")
    for low, high in STRATA:
        own = units.graded & (units.ratio >= low) & (units.ratio < high)
        rates = [(units.verdict[own] == name).mean() if own.any() else np.nan for name in ("enriched", "not enriched")]
        print(f"{low:>6} to {high:>5}{own.sum():7}{rates[0]:10.3f}{rates[1]:10.3f}")
    share, bound = false_share(units)
    print(f"discoveries {units.enriched.sum()}, false {units.false.sum()}: {share:.4f}, upper bound {bound:.4f}")


def print_coverage(units: Judged) -> None:
    for place, name in enumerate(EFFECTS):
        low, high = units.covered[:, place].mean(axis=0)
        print(f"one-sided 95 % bounds of {name:21} cover: lower {low:.3f}, upper {high:.3f}")


def false_failures(units: Judged) -> list[str]:
    """Return the rates of false discoveries that are higher than promised: of the worst kind, and of all units."""
    kinds = [(units.false[own].sum() / max(1, (~units.true[own]).sum()), kind) for kind, own in _by_kind(units)]
    (worst, kind), (share, _) = max(kinds), false_share(units)
    promised = {
        f"{worst:.2f} of {kind} falsely enriched": worst <= LEVEL,
        f"false discoveries {share:.3f}": share <= LEVEL,
    }
    return [text for text, met in promised.items() if not met]


def failures(units: Judged) -> list[str]:
    """Return the promised rates that a census misses."""

    def rate(verdict: str, low: float, high: float = np.inf) -> float:
        own = units.graded & (units.ratio >= low) & (units.ratio < high)
        return float((units.verdict[own] == verdict).mean()) if own.any() else np.nan

    at_two, between = rate("enriched", 2), rate("enriched", 1.25, 2)
    planted_not, small_not = rate("not enriched", 1), rate("not enriched", -np.inf, 0.25)
    promised = {
        f"power {at_two:.2f} at twice the need": not at_two < 0.9,
        f"power {between:.2f} at 1.25 to 2": not between < 0.45,
        f"planted called not {planted_not:.3f}": planted_not <= 0.02,
        f"not {small_not:.2f} below a quarter of need": small_not >= 0.5,
    }
    return false_failures(units) + [text for text, met in promised.items() if not met]
