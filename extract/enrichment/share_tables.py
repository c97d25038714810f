"""Compute a sum's rows of the tables that hold shares over the shortcut: on 16 top probes, and on 100."""

from collections.abc import Mapping

import numpy as np

from extract.enrichment.branch_differences import overlap
from extract.enrichment.facts import ProbeFacts
from extract.enrichment.shortcut_share import Shares, share_terms, shares
from extract.folder.extraction import Extraction
from extract.folder.schemas import TOP_PROBES
from extract.responses.top_probes import RankedProbes
from extract.units import Layer

Columns = dict[str, np.ndarray]  # (units,) each


def share_tables(
    extraction: Extraction,
    layer: Layer,
    facts: ProbeFacts,
    longer: RankedProbes,
    top_probes: Mapping[str, RankedProbes],
) -> dict[str, Columns]:
    """Compute a sum's columns, keyed by table: for the evidence only the shares, for the other tables all columns.

    `longer` are the top 100 of the sum, `top_probes` the top lists of the sum and its branches. There is no
    `top_100_shares` if an earlier version recorded only what the top 16 need.
    """
    terms, top = share_terms(extraction, layer, longer), top_probes["sum"]
    share = shares(terms.first(TOP_PROBES), facts.concepts[top.probes])
    overlaps = {f"overlap_{branch}": overlap(top, top_probes[branch]) for branch in ("shortcut", "conv")}
    tables = {"evidence": _shares(share), "shares": _examples(top) | _interval(share) | overlaps}
    if terms.complete:
        share = shares(terms, facts.concepts[longer.probes])
        tables["top_100_shares"] = _examples(longer) | _shares(share) | _interval(share)
    return tables


def _examples(top: RankedProbes) -> Columns:
    return {"examples": top.valid.sum(axis=1)}


def _shares(share: Shares) -> Columns:
    return {"share_published": share.published, "share_exact": share.exact, "share_corrected": share.corrected}


def _interval(share: Shares) -> Columns:
    return {"share_corrected_low": share.corrected_low, "share_corrected_high": share.corrected_high}
