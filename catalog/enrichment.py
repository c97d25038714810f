"""Search for enrichment circuits: sum units whose conv branch and shortcut bring two different facets.

A search by evidence selects units by their verdict in the census (`extract.enrichment.census`), the statistical test
of which units are enriched, and reports the test's effects, both facets and the least certain step. Ablation is a
second witness: it says whether the claim that each branch brings its own facet is *supported*, *contradicted* or
*inconclusive*, on the same facets and on new concepts near what the branches respond to
(`extract.enrichment.dissociation`).

A search by weights selects units whose branches have different inputs and are both strongly wired. It is a screen, not
a test.

The terms are reported side by side and never multiplied into a score. The share over the shortcut is reported too, but
is not a criterion: a high share does not rule enrichment out, and a middling share does not establish it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, get_args

from catalog.errors import CircuitError
from extract.units import Layer, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore
from graph.records import Ablation, EvidenceTerms, Verdict, WeightTerms

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
STRONGEST = 8  # inputs of either branch that are compared
SHARED = 0.2  # share of strongest inputs that the branches may have in common
COSINE = 0.2  # absolute cosine of the branches' inputs; far below zero, the conv branch undoes the shortcut

Terms = TypeVar("Terms", EvidenceTerms, WeightTerms)


@dataclass(frozen=True)
class Tally:
    """Counts of a sum's units: those with a verdict (`judged`), each verdict, and the results of ablation.

    `supported` and `contradicted` count enriched units, out of the `ablated` ones; `others_supported` counts other
    units, out of `others_ablated`. `unjudged` says why units have no verdict, where the reason is known.
    """

    layer: Layer
    judged: int
    enriched: int
    not_enriched: int
    facets_alike: int
    open: int
    ablated: int
    supported: int
    contradicted: int
    others_ablated: int
    others_supported: int
    unjudged: str | None = None

    @property
    def band(self) -> tuple[float, float]:
        """The band of prevalence: the share of judged units that are enriched, and the share not excluded."""
        return self.enriched / max(1, self.judged), 1 - self.not_enriched / max(1, self.judged)

    @property
    def sentence(self) -> str:
        """The counts in a sentence."""
        if not self.judged:
            return f"{self.layer}: no unit is judged. {self.unjudged or ''}".rstrip()
        confirmed, possible = self.band
        return (
            f"{self.layer}: of {self.judged} units judged, {self.enriched} are enriched, {self.not_enriched} are not, "
            f"{self.facets_alike} have facets that are alike, and {self.open} are open: {confirmed:.0%} confirmed, "
            f"{possible:.0%} not excluded. Ablation supports {self.supported} and contradicts {self.contradicted} of "
            f"the {self.ablated} enriched ones that it was tried on; of the {self.others_ablated} others it supports "
            f"{self.others_supported}."
        )


@dataclass(frozen=True)
class Candidate(Generic[Terms]):
    """A selected sum unit, with the criteria that it met (sentences with their numbers) and all its terms.

    Candidates are sorted by `order`, largest first. In a search by evidence, `order` is the lesser of the lower bounds
    of both branches' specificity (0 without them); in a search by weights, the lesser of the branches' percentiles.
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
    verdict: Verdict | None = "enriched",
    q: float | None = None,
    concepts: float = 0.0,
    modalities: float = 0.0,
) -> list[Candidate[EvidenceTerms]]:
    """Find units of a sum layer (None: the last) with this verdict of the census (`verdict` None: any, or none).

    `q` is the largest accepted q of being enriched (None: any). The branches' top probes must also differ by at least
    `concepts` (1 - cosine) or `modalities` (difference of shares or selectivity). Raises NotExtracted for a layer that
    is not a sum, or if nothing was measured or judged; CircuitError for an unknown verdict.
    """
    layer, _ = _sums(store, layer)
    if verdict is not None and verdict not in VERDICTS:
        raise CircuitError(f"{verdict!r} is not a verdict. Choose one of {', '.join(VERDICTS)}, or None for any.")
    rows = store.enrichment_by_evidence(layer, limit, verdict, q, concepts or None, modalities or None)
    if verdict is not None and not rows and not (counts := tally(store, layer)).judged and not counts.unjudged:
        raise NotExtracted(
            f"The units of {layer} have no verdict. Show {store.id} probes with `circuits extract`, then load its "
            "extraction again."
        )
    return list(map(_by_evidence, rows))


def tally(store: ModelStore, layer: Layer | None = None) -> Tally:
    """Count the verdicts of a sum layer (None: the last). Raises NotExtracted for a layer that is not a sum."""
    layer, _ = _sums(store, layer)
    units = store.verdicts(layer)

    def count(*ablations: Ablation | None, enriched: bool) -> int:
        return sum(row.units for row in units if (row.verdict == "enriched") is enriched and row.ablation in ablations)

    verdicts = {name: sum(row.units for row in units if row.verdict == name) for name in VERDICTS}
    known = get_args(Ablation)
    return Tally(
        layer,
        judged=sum(verdicts.values()),
        enriched=verdicts["enriched"],
        not_enriched=verdicts["not enriched"],
        facets_alike=verdicts["facets alike"],
        open=verdicts["open"],
        ablated=count(*known, enriched=True),
        supported=count("supported", enriched=True),
        contradicted=count("contradicted", enriched=True),
        others_ablated=count(*known, enriched=False),
        others_supported=count("supported", enriched=False),
        unjudged=next((row.unjudged for row in units if row.unjudged), None),
    )


def by_weights(
    store: ModelStore,
    layer: Layer | None = None,
    source: Layer | None = None,
    strongest: int = STRONGEST,
    limit: int = 20,
) -> list[Candidate[WeightTerms]]:
    """Find units of a sum layer (None: the last) whose branches have different strongest inputs from one source layer.

    `source` None is the sum two blocks back; `strongest` is the number of inputs of each branch that are compared.
    Candidates are sorted by the lesser of the branches' strengths, each as a percentile in its layer. Raises
    NotExtracted for a layer that is not a sum, or if these weights were not extracted; CircuitError if there is no sum
    two blocks back.
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
    criteria = [*_verdict(terms), *_facets(terms)]
    if terms.ablation is not None:
        lost = f"{terms.effect_conv or 0.0:+.2f} without conv, {terms.effect_shortcut or 0.0:+.2f} without the shortcut"
        near = f", {terms.nearby_ablation} on new concepts" if terms.nearby_ablation else ""
        criteria.append(
            f"ablation, {terms.ablation}{near}: how much more its own facet loses than the other, in sd {lost}"
        )
    order = terms.least_specificity or 0.0
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, tuple(criteria), order, terms)


def _verdict(terms: EvidenceTerms) -> Iterator[str]:
    """Yield a sentence on the verdict and its certainty, then one on the least certain step."""
    if terms.verdict is None:
        return
    q = {"enriched": terms.q, "not enriched": terms.q_not_enriched}.get(terms.verdict)
    recurs = (
        f", recurs in {terms.recurrence:.0%} of the splits that hold out vendors and fonts"
        if terms.recurrence is not None
        else ""
    )
    yield f"{terms.verdict}{'' if q is None else f', q {q:.2g}'}{recurs}"
    if terms.weakest_link:
        yield f"{'fails' if terms.verdict == 'not enriched' else 'least certain'}: {terms.weakest_link}"


def _facets(terms: EvidenceTerms) -> Iterator[str]:
    """Yield, for each facet, a sentence on how far the sum rises and how much more the facet's branch brings."""
    for branch, rise, own in (
        ("shortcut", terms.rise_shortcut, terms.specificity_shortcut),
        ("conv", terms.rise_conv, terms.specificity_conv),
    ):
        if rise is not None and own is not None:
            brings = f"{branch} brings {own:+.2f} more there than on the other facet"
            yield f"on the {branch} facet the sum rises {rise:+.2f} sd; {brings}"
    if terms.low_level:
        yield f"may respond to {terms.low_level} rather than to a concept"


def _by_weights(terms: WeightTerms, shortcut: float, conv: float) -> Candidate[WeightTerms]:
    criteria = (
        f"different inputs: {terms.shared} shared, cosine {terms.cosine:+.2f} from {terms.source_layer}",
        f"both strongly wired: percentiles {shortcut:.3f} and {conv:.3f} of their layer",
    )
    return Candidate(terms.unit, terms.shortcut, terms.conv, terms.labels, criteria, min(shortcut, conv), terms)


def _apart(terms: WeightTerms) -> bool:
    """Check that the branches have different inputs, and that conv does not undo what the shortcut brings."""
    return terms.shared <= SHARED * min(terms.shortcut_inputs, terms.conv_inputs) and abs(terms.cosine) <= COSINE


def _place(ordered: Sequence[float], value: float) -> float:
    """Return the share of `ordered` values that are not larger than `value`."""
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
        way = "Name another source" if before else "Name a later sum; no source leads into both branches of this one"
        raise CircuitError(f"There is no sum two blocks before {layer}. {way}.")
    return source
