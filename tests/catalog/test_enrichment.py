import pytest

from catalog.enrichment import STRONGEST, by_evidence, by_weights, tally
from extract.errors import UnknownUnit
from extract.units import Layer, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


def channels(units: list[Unit]) -> list[int]:
    return [unit.channel for unit in units]


def test_evidence_finds_two_facets_that_both_reach_the_sum(planted_store: ModelStore) -> None:
    found = by_evidence(planted_store)

    assert channels([c.unit for c in found]) == [0, 4, 1]  # not the discarded facet 2, nor 3, which has one


def test_a_candidate_says_which_criteria_it_met_and_shows_every_term(planted_store: ModelStore) -> None:
    best = by_evidence(planted_store)[0]

    assert best.criteria == (
        "two facets: 0.90 apart in concept, 0% words over the shortcut, 0% over conv, p 0.0005",
        "both reach the sum: percentiles 0.970 and 0.950, p 0.001",
        "supported: each facet loses more without its own branch, in sd +0.90 without conv, +1.00 without the shortcut",
    )
    assert (str(best.shortcut), str(best.conv)) == ("4/1/6/0", "4/2/5/0")
    assert best.terms.share_exact == pytest.approx(0.9966)
    assert {e.modality for e in best.terms.conv_examples} == {"word"}
    assert {e.modality for e in best.terms.shortcut_examples} == {"picture"}


def test_supported_ones_come_first_then_the_larger_effects_and_contradicted_ones_last(
    planted_store: ModelStore,
) -> None:
    every = by_evidence(planted_store, q=None, limit=50, reach=0)

    assert channels([c.unit for c in every])[:3] == [0, 4, 1]
    assert channels([c.unit for c in every])[-1] == 2
    assert len(every) == 31


def test_the_share_over_the_shortcut_is_no_criterion(planted_store: ModelStore) -> None:
    shares = [c.terms.share_exact for c in by_evidence(planted_store)]

    assert shares == pytest.approx([0.9966, 0.3, 0.5])


def test_the_rate_and_the_floors_are_the_caller_s(planted_store: ModelStore) -> None:
    def found(**floors: float | None) -> list[int]:
        return sorted(channels([c.unit for c in by_evidence(planted_store, **floors)]))  # type: ignore[arg-type]

    assert found(q=0.005) == [0]
    assert found(q=0.02) == [0, 1]
    assert found(q=0.65, reach=0.45) == [0, 1, 2, 4]
    assert found(reach=0.94) == [0]
    assert found(concepts=2, modalities=0.5) == [0, 4]
    assert found(concepts=0.5, modalities=2) == [0, 1]
    assert found(reach=1.0) == []


def test_the_tally_counts_candidates_and_what_ablation_says_of_them_and_of_the_rest(
    planted_store: ModelStore,
) -> None:
    found = tally(planted_store)

    assert (str(found.layer), found.tested, found.candidates) == ("4/2/6", 31, 3)
    assert (found.judged, found.supported, found.contradicted) == (3, 2, 0)
    assert (found.others_judged, found.others_supported) == (28, 0)
    assert found.sentence.startswith("4/2/6: 3 of 31 tested units are candidates at q <= 0.05. Ablation supports 2 ")
    assert tally(planted_store, q=0.65).contradicted == 1


def test_a_sum_whose_units_were_not_tested_is_said(planted_store: ModelStore) -> None:
    with pytest.raises(NotExtracted, match="4/1/6 were not tested"):
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
    with pytest.raises(NotExtracted, match="no sum"):
        by_evidence(planted_store, Layer.parse("4/2/5"))
    with pytest.raises(UnknownUnit):
        by_evidence(planted_store, Layer.parse("4/7/6"))
