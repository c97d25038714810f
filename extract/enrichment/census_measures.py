"""Measure what the verdicts of a census rest on: effects, bounds, p, distance of the facets, covariates."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.concept_table import ConceptTable
from extract.enrichment.contrasts import EFFECTS, Values, bounded, contrasts, effects, estimates
from extract.enrichment.facet_distance import distances, word_share_differences
from extract.enrichment.facets import Facets, best_sizes, facets
from extract.enrichment.low_level import explanations

Columns = dict[str, np.ndarray]
BRANCHES = ("shortcut", "conv")


def measures(table: ConceptTable, probes: CensusProbes, settings: CensusSettings) -> Columns:
    """Measure every unit's facets on held-out probes, with as many concepts as discovery probes favour."""
    return of_all_units(
        (units, _of_one_size(table.of(units), probes, own, settings)) for units, own in _facets_by_size(table, settings)
    )


def _facets_by_size(table: ConceptTable, settings: CensusSettings) -> Iterator[tuple[np.ndarray, Facets]]:
    """Yield the units whose facets have equally many concepts, int (u,), with their facets, one size at a time."""
    sizes = settings.sizes_of(table.discovery.shape[1])
    ranked = facets(table, max(sizes))
    best = best_sizes(table, ranked, sizes, contrasts(settings))  # (units,)
    for size in np.unique(best):
        units = np.flatnonzero(best == size)
        yield units, ranked.of(units).first(size)


def own_facets(columns: Columns) -> list[tuple[np.ndarray, Facets]]:
    """Return the facets that were measured, one size at a time, with the units that have them, int (u,)."""
    places = [columns[f"places_{branch}"] for branch in BRANCHES]
    by_size = [np.flatnonzero(columns["k"] == size) for size in np.unique(columns["k"])]
    return [(units, Facets(*(np.stack(own[units].tolist()) for own in places))) for units in by_size]


def joined(blocks: Sequence[Columns]) -> Columns:
    """Join the columns of consecutive units."""
    return {name: np.concatenate([columns[name] for columns in blocks]) for name in blocks[0]}


def of_all_units(parts: Iterable[tuple[np.ndarray, Columns]]) -> Columns:
    """Join the columns of groups of units, in the order of the units."""
    units, columns = zip(*parts, strict=True)
    order = np.argsort(np.concatenate(units))
    return {name: values[order] for name, values in joined(columns).items()}


def _of_one_size(table: ConceptTable, probes: CensusProbes, own: Facets, settings: CensusSettings) -> Columns:
    """Measure units whose facets have equally many concepts."""
    columns: Columns = {"k": np.full(len(own.conv), own.size)}
    columns |= effect_columns(own.values(table.held_out), own.values(table.discovery), settings)
    columns |= _distance_columns(probes, own, settings)
    explained = explanations(table, probes, own)
    for branch, explanation, places in zip(BRANCHES, explained, (own.shortcut, own.conv), strict=True):
        most = (explanation.part > settings.explained) & (explanation.amount >= settings.delta)
        columns |= {f"explained_{branch}": explanation.part, f"covariate_{branch}": explanation.covariate}
        columns |= {f"low_level_{branch}": most, f"places_{branch}": _listed(places)}
    return columns


def effect_columns(held_out: Values, discovery: Values, settings: CensusSettings) -> Columns:
    """Compute the six effects with bounds, and the p of *enriched* and *not enriched* with the effect that decides it.

    An enriched unit is positive in every contrast, so its p is the largest of all contrasts. A unit that is not
    enriched is negative in one contrast, and discovery probes say which one to test. Discovery probes also say which
    units are `promising`. The other units are not expected to be enriched. Leaving them out costs the test nothing,
    because they are chosen on other images than the test is made on (Bourgon, Gentleman and Huber 2010).
    """
    measured, tests = effects(held_out, discovery), contrasts(settings)
    names, tested = np.array([test.effect for test in tests], object), estimates(held_out, tests, discovery)
    before = estimates(discovery, tests).t  # (units, contrasts)
    weakest, expected, units = tested.p_positive.argmax(axis=1), before.argmin(axis=1), np.arange(len(before))
    return bounded(EFFECTS, measured, settings.level) | {
        "p_contrasts": tested.p_positive[units, weakest],
        "weakest": names[weakest],
        "promising": before.min(axis=1) > settings.promising,
        "p_not_enriched": tested.p_negative[units, expected],
        "failing": names[expected],
    }


def _distance_columns(probes: CensusProbes, own: Facets, settings: CensusSettings) -> Columns:
    """Measure how far the facets lie apart, and the p of whether they do; facets of unlike modality count as apart."""
    measured = distances(probes, own, settings.apart)
    low, high = (bound + settings.apart for bound in measured.bounds(settings.level))
    unlike = word_share_differences(probes, own)
    return {
        "distance": measured.value + settings.apart,
        "distance_low": low,
        "distance_high": high,
        "word_share_difference": unlike,
        "p_distance": np.where(unlike >= settings.apart, 0, measured.p_positive),
    }


def _listed(places: np.ndarray) -> np.ndarray:
    """Convert rows of places (units, k) to an array of arrays, (units,)."""
    rows = np.empty(len(places), object)
    rows[:] = list(places)
    return rows
