from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from catalog.errors import LabelError
from catalog.labels.labels import Labels
from catalog.labels.rules import Label
from catalog.text_rules import LONGEST
from extract.errors import UnknownUnit
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"
AWKWARD = 'a, "b"\n<i>c</i> 👩‍🚀 {x: 1}\') DETACH DELETE n //'
_channels = count()


@pytest.fixture
def labels(planted_store: ModelStore) -> Labels:
    return Labels(planted_store)


@pytest.fixture
def unit() -> Unit:
    """One that no other test here labels: the history outlives a test."""
    return Unit.parse(f"4/1/6/{next(_channels)}")


def test_a_label_holds_what_was_said_and_by_whom_and_when(labels: Labels, unit: Unit) -> None:
    before = datetime.now(UTC)

    said = labels.add(unit, "wound", "ada", "shortcut", "injury", "picture", "import", 0.5, sensitive=True)

    assert labels.current(unit) == [said] == labels.history(unit)
    assert (said.model, said.unit, said.text, said.author) == (MODEL, str(unit), "wound", "ada")
    assert (said.branch, said.facet, said.modality, said.source) == ("shortcut", "injury", "picture", "import")
    assert (said.confidence, said.sensitive, said.action, said.supersedes) == (0.5, True, "add", None)
    assert before - timedelta(seconds=1) < said.at < datetime.now(UTC) + timedelta(seconds=1)


def test_the_author_is_the_login_name_unless_given(labels: Labels, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")

    assert labels.add(unit, "hat").author == "grace"
    assert labels.add(unit, "cap", " ada ").author == "ada"


def test_text_is_trimmed_and_otherwise_kept_to_the_letter(labels: Labels, unit: Unit) -> None:
    labels.add(unit, f"  {AWKWARD}\n", "ada")

    assert [a.text for a in labels.current(unit)] == [AWKWARD]
    assert labels.store.unit(unit).labels == (AWKWARD,)


def test_a_unit_has_several_labels_by_several_people(labels: Labels, unit: Unit) -> None:
    said = [labels.add(unit, "hat", "ada"), labels.add(unit, "hat", "grace"), labels.add(unit, "cap", "ada", "conv")]

    assert labels.current(unit) == said


def test_saying_the_same_again_adds_nothing(labels: Labels, unit: Unit) -> None:
    first = labels.add(unit, "hat", "ada", facet="felt")

    assert labels.add(unit, " hat ", "ada", facet="felt") == first
    assert labels.history(unit) == [first]


def test_a_text_of_decomposed_letters_is_the_same_and_is_searched_as_such(labels: Labels, unit: Unit) -> None:
    first = labels.add(unit, "cr\u00e8me br\u00fbl\u00e9e", "ada")
    assert labels.add(unit, "cre\u0300me bru\u0302le\u0301e", "ada") == first
    assert [hit.unit.id for hit in labels.store.search("bru\u0302le\u0301e")] == [unit]


def test_a_label_that_an_earlier_version_stored_in_decomposed_letters_is_the_same(labels: Labels, unit: Unit) -> None:
    typed, composed = "pa\u0302te\u0301", "p\u00e2t\u00e9"
    earlier = replace(labels.fresh(unit, Label(text=composed, author="ada")), text=typed)
    labels.store.annotate(earlier)
    assert labels.add(unit, composed, "ada").id == earlier.id
    for form in (typed, composed):
        assert [said.id for said in labels.current(containing=form)] == [earlier.id]
        assert [hit.unit.id for hit in labels.store.search(form)] == [unit]
    labels.withdraw(unit, composed, "ada")
    assert labels.current(unit) == []


@pytest.mark.parametrize("by_id", [False, True])
def test_a_withdrawal_ends_a_label_and_stays_beside_it_in_the_history(labels: Labels, unit: Unit, by_id: bool) -> None:
    said, other = labels.add(unit, "hat", "ada", sensitive=True), labels.add(unit, "cap", "ada")

    withdrawn = labels.withdraw(unit, said.id if by_id else " hat ", "grace")

    assert labels.current(unit) == [other]
    assert labels.history(unit) == [said, other, withdrawn]
    assert (withdrawn.action, withdrawn.supersedes, withdrawn.author) == ("withdraw", said.id, "grace")
    assert (withdrawn.text, withdrawn.sensitive) == ("hat", True)
    assert labels.store.unit(unit).labels == ("cap",)


def test_what_was_withdrawn_can_be_said_again(labels: Labels, unit: Unit) -> None:
    labels.add(unit, "hat", "ada")
    labels.withdraw(unit, "hat", "ada")

    again = labels.add(unit, "hat", "ada")

    assert labels.current(unit) == [again]
    assert [a.action for a in labels.history(unit)] == ["add", "withdraw", "add"]


def test_a_withdrawal_that_could_mean_two_labels_names_both_and_takes_none(labels: Labels, unit: Unit) -> None:
    said = [labels.add(unit, "hat", "ada"), labels.add(unit, "hat", "grace")]

    with pytest.raises(LabelError, match=f"{said[0].id} by ada.*{said[1].id} by grace"):
        labels.withdraw(unit, "hat", "ada")

    assert labels.current(unit) == said


def test_what_is_no_current_label_cannot_be_withdrawn(labels: Labels, unit: Unit) -> None:
    labels.add(unit, "hat", "ada")
    labels.withdraw(unit, "hat", "ada")
    history = labels.history(unit)

    for text in ("hat", history[0].id, history[1].id, "never said"):
        with pytest.raises(LabelError, match="has no current label"):
            labels.withdraw(unit, text, "ada")

    assert labels.history(unit) == history


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("text", value) for value in ("", "  \n ", "x" * (LONGEST + 1), "null\x00", "escape\x1b[2J", "\ud800")],
        *[("author", value) for value in ("   ", "a\x07")],
        *[("facet", value) for value in ("", "y" * (LONGEST + 1))],
        *[("branch", "sideways"), ("modality", "sound"), ("source", "oracle")],
        *[("confidence", value) for value in (-0.1, 1.1, float("nan"))],
    ],
)
def test_a_label_that_breaks_a_rule_is_refused_and_changes_nothing(
    labels: Labels, unit: Unit, field: str, value: Any
) -> None:
    with pytest.raises(LabelError, match=field):
        labels.add(unit, **{"text": "hat", "author": "ada", field: value})

    assert labels.history(unit) == []


def test_a_label_of_the_greatest_length_is_taken(labels: Labels, unit: Unit) -> None:
    assert labels.add(unit, "x" * LONGEST, "ada") == labels.current(unit)[0]


@pytest.mark.parametrize("name", ["4/2/6/32", "5/0/1/0"])
def test_a_unit_that_the_model_does_not_have_is_refused(labels: Labels, name: str) -> None:
    before = labels.history()

    with pytest.raises(UnknownUnit):
        labels.add(Unit.parse(name), "hat", "ada")

    assert labels.history() == before


def test_current_labels_are_found_by_what_they_contain(labels: Labels, unit: Unit) -> None:
    labels.add(unit, "Straw Hat 100% (.*)", "ada")
    labels.add(unit, "cap", "ada")
    labels.add(unit, "bowler hat", "ada")
    labels.withdraw(unit, "bowler hat", "ada")

    assert [a.text for a in labels.current(unit, "HAT")] == ["Straw Hat 100% (.*)"]
    assert [a.unit for a in labels.current(containing="100% (.*)")] == [str(unit)]
    assert labels.current(containing="no such thing") == []
