"""The boundary test: concept tables in which nine tenths of the units lie exactly on the boundary of one size."""

from collections.abc import Iterator

import numpy as np

from extract.enrichment import census_measures
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.contrasts import Values
from extract.enrichment.false_discovery import corrected_over

UNITS, CONCEPTS, RUNS = 512, 24, 60
BETWEEN = np.array([0.8, 0.3])  # sd of what shortcut and conv bring, over concepts
WITHIN = np.array([1.0, 0.35])  # the same over images of one concept, as on the demo
BOUNDARIES = {  # means of shortcut and conv on the shortcut facet, and on conv's; the sum's need is a quarter of a rise
    "rise on the conv facet": ((2.9, -0.4), (-0.275, 0.9)),
    "specificity of conv": ((2.1, 0.4), (0.1, 1.025)),
    "smallest effect of conv": ((1.0, -0.1), (-0.15, 0.4)),
}
ENRICHED, NOT = ((2.6, -0.1), (0.0, 1.6)), ((2.5, 0.0), (0.0, 0.2))


def tables(
    rng: np.random.Generator, boundary: str, others: tuple[tuple[float, float], tuple[float, float]], mirrored: bool
) -> tuple[Values, Values]:
    """Draw held-out and discovery values of units: nine tenths lie on the boundary, the rest are `others`.

    `mirrored` exchanges the branches and the facets.
    """
    exact = np.arange(UNITS) < 0.9 * UNITS
    facets = []
    for place, (mean, other) in enumerate(zip(BOUNDARIES[boundary], others, strict=True)):
        between = (BETWEEN if place == 0 else BETWEEN[::-1] * 0.4) * rng.normal(size=(UNITS, CONCEPTS, 2))
        between -= between.mean(axis=1, keepdims=True)  # so that the mean over these concepts is exact
        concepts = between + np.where(exact[:, None], mean, other)[:, None]
        within = (WITHIN if place == 0 else WITHIN[::-1] * 0.6) * (rng.gamma(4, 0.5, (3, UNITS, CONCEPTS, 2)) - 2)
        facets.append((concepts + within[0], concepts + (within[1] + within[2]) / 2))
    if mirrored:
        facets = [tuple(values[..., ::-1] for values in facet) for facet in facets[::-1]]
    held_out, discovery = zip(*facets, strict=True)
    return held_out, discovery


def false_rates(settings: CensusSettings, runs: int = RUNS) -> Iterator[tuple[str, str, float, float]]:
    """Yield for each boundary and verdict the mean share of false discoveries over runs, and its standard error."""
    for boundary in BOUNDARIES:
        for mirrored in (False, True):
            side = " (shortcut)" if mirrored else ""
            for verdict, others, p in (("enriched", ENRICHED, "p_contrasts"), ("not enriched", NOT, "p_not_enriched")):
                shares = []
                for run in range(runs):
                    held_out, discovery = tables(np.random.default_rng([run, 7]), boundary, others, mirrored)
                    columns = census_measures.effect_columns(held_out, discovery, settings)
                    tested = columns["promising"] if verdict == "enriched" else np.ones(UNITS, bool)
                    found = corrected_over(tested, columns[p]) <= settings.level
                    shares.append(found[: int(0.9 * UNITS)].sum() / max(1, found.sum()))
                yield boundary + side, verdict, float(np.mean(shares)), float(np.std(shares) / np.sqrt(runs))


def failures(settings: CensusSettings, runs: int = RUNS) -> list[str]:
    """Return the boundaries at which more than a twentieth of the discoveries are false."""
    rates = false_rates(settings, runs)
    return [f"{verdict} at {name}: {mean:.2f} false" for name, verdict, mean, se in rates if mean > 0.05 + 2 * se]
