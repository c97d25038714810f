import pytest

from catalog.enrichment import STRONGEST, by_evidence, by_weights
from extract.errors import UnknownUnit
from extract.units import Layer
from graph.errors import NotExtracted
from graph.store import CircuitStore

MODEL = "planted:by-hand"


def channels(units: list[str]) -> list[int]:
    return [int(unit.rpartition("/")[2]) for unit in units]


def test_evidence_finds_two_facets_that_both_reach_the_sum(planted_store: CircuitStore) -> None:
    found = by_evidence(planted_store, MODEL)

    assert channels([c.unit for c in found]) == [0, 1, 4]  # not the discarded facet 2, nor 3, which has one


def test_a_candidate_says_which_criteria_it_met_and_shows_every_term(planted_store: CircuitStore) -> None:
    both, concept, modality = by_evidence(planted_store, MODEL)

    assert [text.partition(":")[0] for text in both.criteria] == [
        "two modalities",
        "two concepts",
        "both reach the sum",
    ]
    assert [text.partition(":")[0] for text in concept.criteria] == ["two concepts", "both reach the sum"]
    assert [text.partition(":")[0] for text in modality.criteria] == ["two modalities", "both reach the sum"]
    assert "0.970 and 0.950, at least 0.8" in both.criteria[2]
    assert (both.shortcut, both.conv) == ("4/1/6/0", "4/2/5/0")
    assert both.terms.share_exact == pytest.approx(0.9966)
    assert {e.modality for e in both.terms.conv_examples} == {"word"}
    assert {e.modality for e in both.terms.shortcut_examples} == {"picture"}


def test_the_share_over_the_shortcut_is_no_criterion(planted_store: CircuitStore) -> None:
    shares = [c.terms.share_exact for c in by_evidence(planted_store, MODEL)]

    assert shares == pytest.approx([0.9966, 0.5, 0.3])  # the highest first, and a middling one does not help unit 3


def test_the_floors_are_the_caller_s(planted_store: CircuitStore) -> None:
    assert channels([c.unit for c in by_evidence(planted_store, MODEL, reach=0.45)])[:2] == [0, 2]
    assert channels([c.unit for c in by_evidence(planted_store, MODEL, reach=0.94)]) == [0]
    assert channels([c.unit for c in by_evidence(planted_store, MODEL, concepts=2, modalities=0.5)]) == [0, 4]
    assert channels([c.unit for c in by_evidence(planted_store, MODEL, concepts=0.5, modalities=2)]) == [0, 1]
    assert by_evidence(planted_store, MODEL, reach=1.0) == []


def test_the_limit_comes_after_the_order(planted_store: CircuitStore) -> None:
    assert by_evidence(planted_store, MODEL, limit=2) == by_evidence(planted_store, MODEL)[:2]
    assert by_weights(planted_store, MODEL, limit=1) == by_weights(planted_store, MODEL)[:1]


def test_weights_find_branches_built_from_different_inputs_the_stronger_first(planted_store: CircuitStore) -> None:
    found = by_weights(planted_store, MODEL)

    assert channels([c.unit for c in found]) == [0, 3]  # not 1, 5 and 6, which share inputs or a direction
    assert found[0].criteria[0] == "different inputs: 0 shared, cosine +0.00 from 4/0/8"
    assert found[0].order == 1
    assert found[1].order == pytest.approx(1 / 32)  # its conv branch is the weakest of the layer
    assert found[0].terms.conv_strength == pytest.approx(5 * sum(1 - rank / 100 for rank in range(1, STRONGEST + 1)))


def test_only_the_strongest_inputs_are_compared(planted_store: CircuitStore) -> None:
    few = by_weights(planted_store, MODEL, strongest=3)

    assert [c.terms.conv_inputs for c in few] == [3, 3]


def test_what_was_not_extracted_or_measured_is_said(planted_store: CircuitStore) -> None:
    with pytest.raises(NotExtracted, match="3/0/8"):
        by_weights(planted_store, MODEL, source=Layer.parse("3/0/8"))
    with pytest.raises(NotExtracted, match="no sum"):
        by_evidence(planted_store, MODEL, Layer.parse("4/2/5"))
    with pytest.raises(UnknownUnit):
        by_evidence(planted_store, MODEL, Layer.parse("4/7/6"))
