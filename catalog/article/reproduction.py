"""Decide every claim of the enrichment circuits article on a network, and report the outcomes."""

from collections.abc import Mapping, Sequence

from catalog.article.checks import facets, macroscopic, shares, weights, words
from catalog.article.claims import Claim, claims
from catalog.article.figures import figures
from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, ClaimCheck, Outcome
from catalog.article.report import Report, Result

CHECKS: Mapping[str, ClaimCheck] = {
    check.__name__: check
    for check in (
        *(weights.extremes, weights.means, weights.order, weights.high_low, weights.offset_signs, weights.orders_alike),
        *(words.differences, words.norm, words.activations, words.first_unit),
        *(words.unit_among_first, words.sum_norm, words.sum_distance, words.words_of_units),
        *(shares.near_identity, shares.named_shares, shares.unit_by_unit),
        *(shares.published_counts, shares.published_medians, shares.published_correlation),
        *(facets.shortcuts_probes, facets.convs_probes, facets.discarded_facets, facets.verdict),
        *(macroscopic.backward_shape, macroscopic.forward_shape, macroscopic.balance, macroscopic.versatility),
        *(macroscopic.balanced_by_gamma, macroscopic.two_peaks, macroscopic.sudden, macroscopic.explained_by_gamma),
    )
}


def reproduce(measurements: Measurements, settings: Mapping[str, str], table: Sequence[Claim] | None = None) -> Report:
    """Decide the claims of a table (None: all claims), in order, and return the report."""
    results = tuple(Result(claim, decide(claim, measurements)) for claim in (claims() if table is None else table))
    return Report(settings, results, tuple(figures(measurements)))


def decide(claim: Claim, measurements: Measurements) -> Outcome:
    """Decide a claim, or say which measurements it lacks."""
    lacks = [lack for lack in map(measurements.lack, claim.needs) if lack]
    if lacks:
        return Outcome("cannot run", f"needs {'; '.join(lacks)}", {})
    try:
        return CHECKS[claim.check](measurements, claim.numbers)
    except CannotRun as error:
        return Outcome("cannot run", f"needs {error}", {})
