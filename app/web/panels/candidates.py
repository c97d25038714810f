"""Candidates for enrichment circuits as a table and as pairs of pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from app.web import session
from catalog import Candidate
from graph.records import EvidenceTerms, WeightTerms

_ORDER = "least_specificity"  # shown in the column `order`
_TEXTS = ("verdict", "weakest_link", "ablation", "nearby_ablation")
Candidates = Sequence[Candidate[EvidenceTerms]] | Sequence[Candidate[WeightTerms]]


def numbers(candidates: Candidates) -> list[str]:
    """Return the names of the terms that are numbers; the share over the shortcut is last, as it is no criterion."""
    terms = [f.name for c in candidates[:1] for f in fields(c.terms) if f.type in (int, float, float | None)]
    return sorted((term for term in terms if term != _ORDER), key=lambda term: term.startswith("share_"))


def rows(candidates: Candidates) -> list[dict[str, Any]]:
    """Make a row of each candidate: unit, labels (sensitive ones hidden), verdicts, order and every number."""
    veil, names = session.veil(), numbers(candidates)
    return [
        {"unit": str(c.unit), "labels": veil.over(c.unit).labels(c.labels)}
        | ({name: getattr(c.terms, name) for name in _TEXTS} if isinstance(c.terms, EvidenceTerms) else {})
        | {"order": c.order}
        | {name: getattr(c.terms, name) for name in names}
        for c in candidates
    ]


def show(candidates: Iterable[Candidate[Any]], pictures: int) -> None:
    """Draw each candidate as a card: its criteria above the `pictures` top probes of either branch, side by side."""
    gallery = session.gallery()
    for candidate in candidates:
        probes = session.model().unit(candidate.unit).top_probes(pictures)
        session.show(gallery.candidate(candidate, probes), f"candidate {candidate.unit}")
