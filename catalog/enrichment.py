"""The search for enrichment circuits: sum units whose conv branch and shortcut bring two different facets.

By evidence: two facets rather than one, both of which reach the sum, tested on probes at a false discovery rate
(`extract.enrichment.two_facets`); where the branches were ablated, each bringing its own facet is *supported*,
*contradicted* or *inconclusive* (`extract.enrichment.dissociation`). By weights: both branches are built, strongly,
from different inputs; that is a screen and no test. Every term stands beside the others and none is multiplied into a
score; the share over the shortcut is shown and never a criterion, since a high share rules enrichment out as little as
a middling one establishes it.
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
    """How many units of a sum were tested, how many are candidates, and what ablation says of them and of the others.

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
    """A sum unit that passed: by which criteria, each a sentence with its numbers, and all its terms.

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
    """Units of a sum layer (None: the last) with two facets, in concept or in modality, that both reach the sum.

    At a false discovery rate `q` (None: untested ones too). A unit must also differ by at least `concepts` (1 - cosine)
    or `modalities` (difference of shares or selectivity), and either facet must reach the percentile `reach`, without
    effect 0.5. Supported ones come first, contradicted ones last, then by the lesser of both effects. Raises
    NotExtracted for a layer that is no sum, or where nothing was measured or tested.
    """
    layer, channels = _sums(store, layer)
    rows = store.enrichment_by_evidence(layer, channels, concepts, modalities, reach, q)
    if q is not None and not rows and not tally(store, layer, q).tested:
        raise NotExtracted(f"The units of {layer} were not tested. Extract {store.id} with probes, then load it again.")
    found = sorted(map(_by_evidence, rows), key=lambda each: (_ORDER.index(each.terms.verdict), -each.order))
    return found[:limit]


def tally(store: ModelStore, layer: Layer | None = None, q: float = Q) -> Tally:
    """The candidates of a sum layer (None: the last) in numbers. Raises NotExtracted for a layer that is no sum."""
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
    found = [
        _by_weights(terms, _place(shortcut, terms.shortcut_strength), _place(conv, terms.conv_strength))
        for terms in rows
        if _apart(terms)
    ]
    return sorted(found, key=lambda candidate: -candidate.order)[:limit]


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
    known = [value for value in values if value is not None]
    return f", p {max(known):.2g}" if known else ""


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


def _sums(store: ModelStore, layer: Layer | None) -> tuple[Layer, int]:
    architecture = store.architecture
    chosen = architecture.check(layer or architecture.final)
    return chosen, architecture.channels(chosen)


def _two_back(store: ModelStore, layer: Layer) -> Layer:
    architecture = store.architecture
    before = architecture.block_input(layer)
    source = before and architecture.block_input(before)
    if source is None:
        raise CircuitError(f"There is no sum two blocks before {layer}. Name another source.")
    return source
