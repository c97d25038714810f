"""The search for enrichment circuits: sum units whose conv branch and shortcut bring two different facets.

Two screens, neither of them a test. By evidence: what both branches answer to, measured on probes, differs, and both
facets drive the sum. By weights: both branches are built, strongly, from different inputs. Every term stands beside the
others and none is multiplied into a score; the share over the shortcut is shown and never a criterion, since a high
share rules enrichment out as little as a middling one establishes it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from catalog.errors import CircuitError
from extract.units import Layer
from graph.schema import EvidenceTerms, WeightTerms
from graph.store import CircuitStore

CONCEPTS = 0.5  # 1 - cosine of the branches' mean embeddings from which they count as two concepts
MODALITIES = 0.5  # difference of the branches' shares of words from which they count as two modalities
REACH = 0.8  # mean percentile of the sum, among held-out probes, that either facet has to reach; without effect: 0.5
STRONGEST = 8  # inputs of either branch that are compared
SHARED = 0.2  # share of strongest inputs that the branches may have in common
COSINE = 0.2  # cosine of the branches' inputs, either sign; far below nought the conv branch takes back what is there

Terms = TypeVar("Terms", EvidenceTerms, WeightTerms)


@dataclass(frozen=True)
class Candidate(Generic[Terms]):
    """A sum unit that passed a screen: by which criteria, each a sentence with its numbers, and all its terms.

    `order` is what the candidates are ordered by, larger first: the lesser of two percentiles, from 0 to 1.
    """

    unit: str
    shortcut: str
    conv: str
    labels: tuple[str, ...]
    criteria: tuple[str, ...]
    order: float
    terms: Terms


def by_evidence(
    store: CircuitStore,
    model: str,
    layer: Layer | None = None,
    limit: int = 20,
    concepts: float = CONCEPTS,
    modalities: float = MODALITIES,
    reach: float = REACH,
) -> list[Candidate[EvidenceTerms]]:
    """Units of a sum layer (None: the last) with two facets, in concept or in modality, that both reach the sum.

    Those differing in both ways come first, then by the lesser of the two reaches. Raises NotExtracted for a layer that
    is no sum, or where nothing was measured.
    """
    layer, channels = _sums(store, model, layer)
    rows = store.enrichment_by_evidence(model, layer, channels, concepts, modalities, reach)
    found = [_by_evidence(terms, concepts, modalities, reach) for terms in rows]
    return sorted(found, key=lambda candidate: (-len(candidate.criteria), -candidate.order))[:limit]


def by_weights(
    store: CircuitStore,
    model: str,
    layer: Layer | None = None,
    source: Layer | None = None,
    strongest: int = STRONGEST,
    limit: int = 20,
) -> list[Candidate[WeightTerms]]:
    """Units of a sum layer (None: the last) whose branches have different strongest inputs from one common layer.

    `source` None is the sum two blocks back; `strongest` is how many inputs of either branch are compared. Ordered by
    the lesser of the branches' strengths, each as a percentile in its layer. Raises NotExtracted for a layer that is no
    sum, or where these weights were not extracted.
    """
    layer, channels = _sums(store, model, layer)
    source = source or _two_back(store, model, layer)
    rows = store.enrichment_by_weights(model, layer, source, strongest, channels)
    shortcut, conv = (sorted(getattr(row, f"{branch}_strength") for row in rows) for branch in ("shortcut", "conv"))
    found = [
        _by_weights(terms, _place(shortcut, terms.shortcut_strength), _place(conv, terms.conv_strength))
        for terms in rows
        if _apart(terms)
    ]
    return sorted(found, key=lambda candidate: -candidate.order)[:limit]


def _by_evidence(terms: EvidenceTerms, concepts: float, modalities: float, reach: float) -> Candidate[EvidenceTerms]:
    least = min(terms.reach_shortcut or 0.0, terms.reach_conv or 0.0)
    criteria = []
    if (terms.modality_difference or 0.0) >= modalities:
        words = f"{terms.words_shortcut or 0.0:.0%} words over the shortcut, {terms.words_conv or 0.0:.0%} over conv"
        criteria.append(f"two modalities: {words}")
    if (terms.concept_difference or 0.0) >= concepts:
        criteria.append(f"two concepts: {terms.concept_difference:.2f} apart, at least {concepts:g}")
    reaches = f"{terms.reach_shortcut:.3f} and {terms.reach_conv:.3f}"
    criteria.append(f"both reach the sum: percentiles {reaches}, at least {reach:g}")
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, tuple(criteria), least, terms)


def _by_weights(terms: WeightTerms, shortcut: float, conv: float) -> Candidate[WeightTerms]:
    criteria = (
        f"different inputs: {terms.shared} shared, cosine {terms.cosine:+.2f} from {terms.source_layer}",
        f"both strongly wired: percentiles {shortcut:.3f} and {conv:.3f} of their layer",
    )
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, criteria, min(shortcut, conv), terms)


def _apart(terms: WeightTerms) -> bool:
    """Whether the branches' inputs are others, and not the same taken back."""
    return terms.shared <= SHARED * min(terms.shortcut_inputs, terms.conv_inputs) and abs(terms.cosine) <= COSINE


def _place(ordered: Sequence[float], value: float) -> float:
    """The share of values that are no larger."""
    return bisect_right(ordered, value) / len(ordered)


def _sums(store: CircuitStore, model: str, layer: Layer | None) -> tuple[Layer, int]:
    architecture = store.model(model).architecture
    chosen = architecture.check(layer or architecture.final)
    return chosen, architecture.channels(chosen)


def _two_back(store: CircuitStore, model: str, layer: Layer) -> Layer:
    architecture = store.model(model).architecture
    before = architecture.block_input(layer)
    source = before and architecture.block_input(before)
    if source is None:
        raise CircuitError(f"There is no sum two blocks before {layer}. Name another source.")
    return source
