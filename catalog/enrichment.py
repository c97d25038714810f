"""Search for enrichment circuits: sum units whose conv branch and shortcut bring two different facets.

By evidence: a unit has two facets rather than one, and both reach the sum, tested on probes at a false discovery rate
(`extract.enrichment.two_facets`). Where the branches were ablated, the claim that each brings its own facet is
*supported*, *contradicted* or *inconclusive* (`extract.enrichment.dissociation`). By weights: the branches have
different inputs and both are strongly wired; that is a screen and no test. The terms are reported side by side and
never multiplied into a score. The share over the shortcut is reported, too, but is no criterion: a high share does not
rule enrichment out, and a middling one does not establish it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from catalog.errors import CircuitError
from extract.units import Layer, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore
from graph.records import EvidenceTerms, WeightTerms

Q = 0.05  # the false discovery rate: the share of candidates that are expected to be none
_ORDER = ("supported", "inconclusive", None, "contradicted")
STRONGEST = 8  # inputs of either branch that are compared
SHARED = 0.2  # share of strongest inputs that the branches may have in common
COSINE = 0.2  # cosine of the branches' inputs, either sign; far below nought the conv branch takes back what is there

Terms = TypeVar("Terms", EvidenceTerms, WeightTerms)


@dataclass(frozen=True)
class Tally:
    """Counts of a sum's units: tested ones, candidates, and what ablation says of candidates and of the others.

    `supported` and `others_supported` are of the candidates and of the other tested units, out of those `judged`, which
    have a verdict, and `others_judged`.
    """

    layer: Layer
    q: float
    tested: int
    candidates: int
    judged: int
    supported: int
    contradicted: int
    others_judged: int
    others_supported: int

    @property
    def sentence(self) -> str:
        """The numbers, to be read."""
        return (
            f"{self.layer}: {self.candidates} of {self.tested} tested units are candidates at q <= {self.q:g}. "
            f"Ablation supports {self.supported} and contradicts {self.contradicted} of the {self.judged} judged; of "
            f"the {self.others_judged} other units it supports {self.others_supported}."
        )


@dataclass(frozen=True)
class Candidate(Generic[Terms]):
    """A sum unit that passed, the criteria it met (sentences with their numbers), and all its terms.

    `order` is what candidates are ordered by, larger first: by evidence, within a verdict, the lesser of both effects
    in standard deviations (0 where there are none); by weights the lesser of two percentiles.
    """

    unit: Unit
    shortcut: Unit
    conv: Unit
    labels: tuple[str, ...]
    criteria: tuple[str, ...]
    order: float
    terms: Terms


def by_evidence(
    store: ModelStore,
    layer: Layer | None = None,
    limit: int = 20,
    q: float | None = Q,
    concepts: float = 0.0,
    modalities: float = 0.0,
    reach: float = 0.5,
) -> list[Candidate[EvidenceTerms]]:
    """Find units of a sum layer (None: the last) with two facets, in concept or in modality, that both reach the sum.

    They pass the tests at a false discovery rate `q`; None also takes untested units. The facets must also differ by at
    least `concepts` (1 - cosine) or `modalities` (difference of shares or selectivity), and each must reach the
    percentile `reach`, which is 0.5 without effect. Supported candidates come first, contradicted ones last, then the
    larger of the lesser effects. Raises NotExtracted for a layer that is no sum, or if nothing was measured or tested.
    """
    layer, channels = _sums(store, layer)
    rows = store.enrichment_by_evidence(layer, channels, concepts, modalities, reach, q)
    if q is not None and not rows and not tally(store, layer, q).tested:
        raise NotExtracted(f"The units of {layer} were not tested. Extract {store.id} with probes, then load it again.")
    candidates = sorted(map(_by_evidence, rows), key=lambda c: (_ORDER.index(c.terms.verdict), -c.order))
    return candidates[:limit]


def tally(store: ModelStore, layer: Layer | None = None, q: float = Q) -> Tally:
    """Count the candidates of a sum layer (None: the last). Raises NotExtracted for a layer that is no sum."""
    layer, _ = _sums(store, layer)
    units = store.verdicts(layer, q)

    def count(candidate: bool, *verdicts: str) -> int:
        return sum(n for (of, verdict), n in units.items() if of is candidate and (not verdicts or verdict in verdicts))

    verdicts = ("supported", "contradicted", "inconclusive")
    return Tally(
        layer,
        q,
        tested=count(True) + count(False),
        candidates=count(True),
        judged=count(True, *verdicts),
        supported=count(True, "supported"),
        contradicted=count(True, "contradicted"),
        others_judged=count(False, *verdicts),
        others_supported=count(False, "supported"),
    )


def by_weights(
    store: ModelStore,
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
    layer, channels = _sums(store, layer)
    source = source or _two_back(store, layer)
    rows = store.enrichment_by_weights(layer, source, strongest, channels)
    shortcut, conv = (sorted(getattr(row, f"{branch}_strength") for row in rows) for branch in ("shortcut", "conv"))
    candidates = [
        _by_weights(terms, _place(shortcut, terms.shortcut_strength), _place(conv, terms.conv_strength))
        for terms in rows
        if _apart(terms)
    ]
    return sorted(candidates, key=lambda candidate: -candidate.order)[:limit]


def _by_evidence(terms: EvidenceTerms) -> Candidate[EvidenceTerms]:
    words = f"{terms.words_shortcut or 0.0:.0%} words over the shortcut, {terms.words_conv or 0.0:.0%} over conv"
    reaches = f"percentiles {terms.reach_shortcut:.3f} and {terms.reach_conv:.3f}"
    criteria = [
        f"two facets: {terms.concept_difference or 0.0:.2f} apart in concept, {words}{_p(terms.p_facets)}",
        f"both reach the sum: {reaches}{_p(terms.p_reach_shortcut, terms.p_reach_conv)}",
    ]
    if terms.verdict is not None:
        lost = f"{terms.effect_conv or 0.0:+.2f} without conv, {terms.effect_shortcut or 0.0:+.2f} without the shortcut"
        criteria.append(f"{terms.verdict}: each facet loses more without its own branch, in sd {lost}")
    least = min(terms.effect_conv or 0.0, terms.effect_shortcut or 0.0)
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, tuple(criteria), least, terms)


def _p(*values: float | None) -> str:
    """The largest p as the end of a sentence."""
    measured = [value for value in values if value is not None]
    return f", p {max(measured):.2g}" if measured else ""


def _by_weights(terms: WeightTerms, shortcut: float, conv: float) -> Candidate[WeightTerms]:
    criteria = (
        f"different inputs: {terms.shared} shared, cosine {terms.cosine:+.2f} from {terms.source_layer}",
        f"both strongly wired: percentiles {shortcut:.3f} and {conv:.3f} of their layer",
    )
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, criteria, min(shortcut, conv), terms)


def _apart(terms: WeightTerms) -> bool:
    """Whether the branches have different inputs, and conv does not take back what the shortcut brings."""
    return terms.shared <= SHARED * min(terms.shortcut_inputs, terms.conv_inputs) and abs(terms.cosine) <= COSINE


def _place(ordered: Sequence[float], value: float) -> float:
    """The share of values that are no larger."""
    return bisect_right(ordered, value) / len(ordered)


def _sums(store: ModelStore, layer: Layer | None) -> tuple[Layer, int]:
    architecture = store.architecture
    total = architecture.check(layer or architecture.final)
    return total, architecture.channels(total)


def _two_back(store: ModelStore, layer: Layer) -> Layer:
    architecture = store.architecture
    before = architecture.block_input(layer)
    source = before and architecture.block_input(before)
    if source is None:
        raise CircuitError(f"There is no sum two blocks before {layer}. Name another source.")
    return source
