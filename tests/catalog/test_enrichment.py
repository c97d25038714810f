from typing import Any

import pytest

from catalog.enrichment import STRONGEST, by_evidence, by_weights, tally
from catalog.errors import CircuitError
from extract.errors import UnknownUnit
from extract.units import Layer, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


def channels(units: list[Unit]) -> list[int]:
    return [unit.channel for unit in units]


def test_evidence_finds_the_units_that_the_census_calls_enriched(planted_store: ModelStore) -> None:
    found = by_evidence(planted_store)

    assert channels([c.unit for c in found]) == [0, 4, 1]  # not the discarded facet 2, nor 3, whose facets are alike


def test_a_candidate_says_which_criteria_it_met_and_shows_every_term(planted_store: ModelStore) -> None:
    best = by_evidence(planted_store)[0]

    assert best.criteria == (
        "enriched, q 0.001, recurs in 75% of the splits that hold out vendors and fonts",
        "least certain: the sum rises on the conv facet",
        "on the shortcut facet the sum rises +1.90 sd; shortcut brings +1.10 more there than on the other facet",
        "on the conv facet the sum rises +1.50 sd; conv brings +1.00 more there than on the other facet",
        "ablation, supported: how much more its own facet loses than the other, in sd +0.90 without conv, "
        "+1.00 without the shortcut",
    )
    assert (str(best.shortcut), str(best.conv)) == ("4/1/6/0", "4/2/5/0")
    assert best.terms.share_exact == pytest.approx(0.9966)
    assert {e.modality for e in best.terms.conv_examples} == {"word"}
    assert {e.modality for e in best.terms.shortcut_examples} == {"picture"}


def test_the_largest_of_the_lesser_specificities_comes_first(planted_store: ModelStore) -> None:
    every = by_evidence(planted_store, verdict=None, limit=50)

    assert channels([c.unit for c in every])[:4] == [0, 4, 1, 3]
    assert channels([c.unit for c in every])[-1] == 2
    assert [c.order for c in every[:4]] == pytest.approx([0.9, 0.4, 0.3, 0.2])
    assert len(every) == 31


def test_the_share_over_the_shortcut_is_no_criterion(planted_store: ModelStore) -> None:
    shares = [c.terms.share_exact for c in by_evidence(planted_store)]

    assert shares == pytest.approx([0.9966, 0.3, 0.5])


def test_verdict_rate_and_floors_are_the_caller_s(planted_store: ModelStore) -> None:
    def found(**floors: Any) -> list[int]:
        return sorted(channels([c.unit for c in by_evidence(planted_store, limit=50, **floors)]))

    assert found(q=0.005) == [0]
    assert found(q=0.02) == [0, 1]
    assert found(verdict="not enriched") == [2]
    with pytest.raises(CircuitError, match=r"0\.05 is not a verdict\. Choose one of enriched, "):
        found(verdict=0.05)
    assert found(verdict="facets alike") == [3]
    assert found(verdict="open") == list(range(5, 31))
    assert found(verdict=None, q=0.65) == [0, 1, 2, 4]
    assert found(concepts=2, modalities=0.5) == [0, 4]
    assert found(concepts=0.5, modalities=2) == [0, 1]


def test_the_tally_counts_verdicts_as_a_band_and_what_ablation_says(planted_store: ModelStore) -> None:
    found = tally(planted_store)

    assert (str(found.layer), found.judged) == ("4/2/6", 31)
    assert (found.enriched, found.not_enriched, found.facets_alike, found.open) == (3, 1, 1, 26)
    assert found.band == pytest.approx((3 / 31, 30 / 31))
    assert (found.ablated, found.supported, found.contradicted) == (3, 2, 0)
    assert (found.others_ablated, found.others_supported) == (28, 0)
    assert found.sentence == (
        "4/2/6: of 31 units judged, 3 are enriched, 1 are not, 1 have facets that are alike, and 26 are open: 10% "
        "confirmed, 97% not excluded. Ablation supports 2 and contradicts 0 of the 3 enriched ones that it was tried "
        "on; of the 28 others it supports 0."
    )


def test_a_sum_whose_units_were_not_judged_is_said(planted_store: ModelStore) -> None:
    with pytest.raises(NotExtracted, match="4/1/6 have no verdict"):
        by_evidence(planted_store, Layer.parse("4/1/6"))


def test_the_limit_comes_after_the_order(planted_store: ModelStore) -> None:
    assert by_evidence(planted_store, limit=2) == by_evidence(planted_store)[:2]
    assert by_weights(planted_store, limit=1) == by_weights(planted_store)[:1]


def test_weights_find_branches_built_from_different_inputs_the_stronger_first(planted_store: ModelStore) -> None:
    found = by_weights(planted_store)

    assert channels([c.unit for c in found]) == [0, 3]  # not 1, 5 and 6, which share inputs or a direction
    assert found[0].criteria[0] == "different inputs: 0 shared, cosine +0.00 from 4/0/8"
    assert found[0].order == 1
    assert found[1].order == pytest.approx(1 / 32)  # its conv branch is the weakest of the layer
    assert found[0].terms.conv_strength == pytest.approx(5 * sum(1 - rank / 100 for rank in range(1, STRONGEST + 1)))


def test_only_the_strongest_inputs_are_compared(planted_store: ModelStore) -> None:
    few = by_weights(planted_store, strongest=3)

    assert [c.terms.conv_inputs for c in few] == [3, 3]


def test_what_was_not_extracted_or_measured_is_said(planted_store: ModelStore) -> None:
    with pytest.raises(NotExtracted, match="3/0/8"):
        by_weights(planted_store, source=Layer.parse("3/0/8"))
    with pytest.raises(NotExtracted, match="is not a sum"):
        by_evidence(planted_store, Layer.parse("4/2/5"))
    with pytest.raises(UnknownUnit):
        by_evidence(planted_store, Layer.parse("4/7/6"))
