"""Candidates for enrichment circuits as a table and as pairs of pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from app.web import session
from catalog.enrichment import Candidate
from graph.records import EvidenceTerms, WeightTerms

Candidates = Sequence[Candidate[EvidenceTerms]] | Sequence[Candidate[WeightTerms]]


def numbers(found: Candidates) -> list[str]:
    """The names of the terms that are numbers; the share over the shortcut last, since it is no criterion."""
    terms = [f.name for c in found[:1] for f in fields(c.terms) if f.type in (int, float, float | None)]
    return sorted(terms, key=lambda term: term.startswith("share_"))


def rows(found: Candidates) -> list[dict[str, Any]]:
    """A row for each candidate: unit, labels behind the veil, order, and every term that is a number."""
    veil = session.veil()
    return [
        {"unit": str(c.unit), "labels": veil.over(c.unit).labels(c.labels)}
        | ({"verdict": c.terms.verdict} if isinstance(c.terms, EvidenceTerms) else {})
        | {"order": c.order}
        | {term: getattr(c.terms, term) for term in numbers(found)}
        for c in found
    ]


def show(found: Iterable[Candidate[Any]], pictures: int) -> None:
    """Each candidate as a card: shortcut and conv pictures side by side under the criteria that it met."""
    gallery = session.gallery()
    for candidate in found:
        examples = session.examples(candidate.unit, pictures)
        units = {"sum": candidate.unit, "shortcut": candidate.shortcut, "conv": candidate.conv}
        verdict = getattr(candidate.terms, "verdict", None)
        card = gallery.facets(units, candidate.labels, "; ".join(candidate.criteria), examples, verdict)
        session.show(card, f"candidate {candidate.unit}")
