"""Test by linear contrasts whether both facets of a unit are large, and each is brought by its own branch.

A unit has a shortcut facet A and a conv facet F, each a set of concepts. r and b are what shortcut and conv bring, as
means over the concepts of A or F, in standard deviations of the sum:

    rise_shortcut         r_A + b_A      the sum rises on A
    rise_conv             r_F + b_F      the sum rises on F
    specificity_shortcut  r_A - r_F      the shortcut brings A rather than F
    specificity_conv      b_F - b_A      conv brings F rather than A
    majority_shortcut     r_A - b_A      A comes over the shortcut rather than over conv
    majority_conv         b_F - r_F      F comes over conv rather than over the shortcut

The first four must exceed delta, and rho times the rise on either facet; the majorities must exceed zero. A threshold
that is estimated from the same images must not be treated as known. So each condition is tested as a contrast, such as
b_F - b_A - rho (r_A + b_A) > 0. A contrast is a sum of two means, tested by Welch's t over concepts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from extract.enrichment.census_settings import CensusSettings

EffectWeights = Mapping[str, tuple[float, ...]]  # keyed by effect: a weight per mean on either facet

WEIGHTS: EffectWeights = {  # of r_A, b_A, r_F, b_F
    "rise_shortcut": (1, 1, 0, 0),
    "rise_conv": (0, 0, 1, 1),
    "specificity_shortcut": (1, 0, -1, 0),
    "specificity_conv": (0, -1, 0, 1),
    "majority_shortcut": (1, -1, 0, 0),
    "majority_conv": (0, 0, -1, 1),
}
EFFECTS = tuple(WEIGHTS)
SIZES, MAJORITIES = EFFECTS[:4], EFFECTS[4:]
RISES = EFFECTS[:2]
Values = tuple[np.ndarray, np.ndarray]  # numbers on either facet's concepts, such as what branches bring: (units, k, n)
_LEAST = 1e-12  # standard error, so that equal values have a t


@dataclass(frozen=True)
class Estimates:
    """Estimates with standard errors and degrees of freedom, (units, n) each."""

    value: np.ndarray
    error: np.ndarray
    freedom: np.ndarray

    @property
    def t(self) -> np.ndarray:
        """Student's t of every estimate against zero."""
        return np.asarray(self.value / self.error)

    @property
    def p_positive(self) -> np.ndarray:
        """The p of the hypothesis that the number is at most zero: small if the number is positive."""
        return np.asarray(stdtr(self.freedom, -self.t))

    @property
    def p_negative(self) -> np.ndarray:
        """The p of the hypothesis that the number is at least zero: small if the number is negative."""
        return np.asarray(stdtr(self.freedom, self.t))

    def bounds(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Compute the one-sided lower and upper bounds; each bound fails with a probability of `level`."""
        margin = stdtrit(self.freedom, 1 - level) * self.error
        return self.value - margin, self.value + margin


@dataclass(frozen=True)
class Contrast:
    """A contrast that must be positive: the sum of the means on both facets times `weights`, minus `least`."""

    effect: str
    weights: tuple[float, ...]
    least: float


def contrasts(settings: CensusSettings) -> list[Contrast]:
    """Return all contrasts; an enriched unit is positive in each."""
    carried = [Contrast(effect, WEIGHTS[effect], 0) for effect in MAJORITIES]
    return carried + size_contrasts({effect: WEIGHTS[effect] for effect in SIZES}, settings)


def size_contrasts(weights: EffectWeights, settings: CensusSettings) -> list[Contrast]:
    """Return contrasts of effects that must exceed delta, and rho times the rise on either facet.

    Both rises are among the effects.
    """
    tests = []
    for effect, own in weights.items():
        tests.append(Contrast(effect, own, settings.delta))
        for rise in RISES:
            if rise != effect:  # a rise exceeds a part of itself where it is positive
                pairs = zip(own, weights[rise], strict=True)
                tests.append(Contrast(effect, tuple(one - settings.rho * other for one, other in pairs), 0))
    return tests


def estimates(values: Values, rows: list[Contrast], before: Values | None = None) -> Estimates:
    """Estimate contrasts over either facet's concepts.

    `before` are other probes' values of the same concepts. What they predict of a concept, on a straight line, does not
    count as error of the mean over these concepts.
    """
    weights, least = np.array([row.weights for row in rows]), np.array([row.least for row in rows])
    sides = _sides(values, weights)
    forecasts = _sides(before, weights) if before else [None, None]
    variances, freedoms = zip(*map(_variance, sides, forecasts), strict=True)
    total = variances[0] + variances[1]
    spread = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    return Estimates(sides[0].mean(axis=1) + sides[1].mean(axis=1) - least, np.sqrt(total), total**2 / spread)


def _sides(values: Values, weights: np.ndarray) -> list[np.ndarray]:
    """Return each concept's part of the contrasts, on the shortcut facet and on conv's: (units, k, n) each."""
    return [facet @ side.T for facet, side in zip(values, np.split(weights, 2, axis=1), strict=True)]


def _variance(side: np.ndarray, forecast: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Compute the variance of a mean over concepts, (units, n), and its degrees of freedom."""
    rest, freedom = side - side.mean(axis=1, keepdims=True), side.shape[1] - 1
    if forecast is not None:
        line = forecast - forecast.mean(axis=1, keepdims=True)
        slope = (line * rest).sum(axis=1) / np.maximum((line**2).sum(axis=1), _LEAST)
        rest, freedom = rest - slope[:, None] * line, freedom - 1
    return (rest**2).sum(axis=1) / freedom / side.shape[1] + _LEAST**2, freedom


def effects(values: Values, before: Values | None = None, weights: EffectWeights = WEIGHTS) -> Estimates:
    """Estimate effects in their order, by default the six of the census."""
    return estimates(values, [Contrast(effect, own, 0) for effect, own in weights.items()], before)


def bounded(names: Iterable[str], measured: Estimates, level: float) -> dict[str, np.ndarray]:
    """Return estimates keyed by name, each with its lower and upper bound: (units,) each."""
    low, high = measured.bounds(level)
    columns: dict[str, np.ndarray] = {}
    for place, name in enumerate(names):
        ends = {f"{name}_low": low[:, place], f"{name}_high": high[:, place]}
        columns |= {name: measured.value[:, place]} | ends
    return columns


def ratio_to_need(values: Mapping[str, np.ndarray], settings: CensusSettings) -> np.ndarray:
    """Divide the least size by what it must exceed; at most 0 if a facet comes over the other branch."""
    rises = np.maximum(values["rise_shortcut"], values["rise_conv"])
    need = np.maximum(settings.delta, settings.rho * rises)
    sizes = np.min([values[name] for name in SIZES], axis=0)
    carried = np.minimum(values["majority_shortcut"], values["majority_conv"]) > 0
    return np.asarray(np.where(carried, sizes / need, np.minimum(sizes / need, 0)))
