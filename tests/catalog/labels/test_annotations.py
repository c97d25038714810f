"""Labels on both servers: what holds after any story, two writers at once, many labels at once, and flags."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from catalog.errors import LabelError
from catalog.labels.bulk import adding, apply, rejecting, units_from, units_of_query
from catalog.labels.history import current
from catalog.labels.labels import Labels, changed
from extract.errors import CircuitsError
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.connection.database import Database
from graph.errors import AnnotationSuperseded, WriteRefused
from graph.loading.load import load
from graph.records import Annotation
from graph.store import Store
from tests.builders.servers import server_with

MODEL = "random:a"
_channels = count()


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("annotations") / "a.extraction", MODEL, 1, width=8, density=0.01)


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def database(request: pytest.FixtureRequest, extraction: Extraction) -> Iterator[Database]:
    """A server that holds the extraction."""
    with server_with(request, extraction) as database:
        yield database


@pytest.fixture
def labels(database: Database) -> Labels:
    return Labels(Store(database).model(MODEL))


@pytest.fixture
def unit() -> Unit:
    """One that no other test here labels."""
    return Unit.parse(f"2/1/6/{next(_channels)}")


def seen(labels: Labels, unit: Unit) -> dict[str, object]:
    """A unit's labels as a user's own Cypher finds them."""
    text = (
        "MATCH (u:Unit {key: $key}) RETURN u:Labelled AS labelled, "
        "COLLECT { MATCH (u)-[r:LABELLED]->(l:Label) WITH r, l ORDER BY r.annotation "
        "RETURN [r.annotation, l.text] } AS of"
    )
    return labels.store.database.read(text, key=f"{MODEL}/{unit}")[0]


def holding(annotations: list[Annotation]) -> dict[str, object]:
    return {"labelled": bool(annotations), "of": sorted([a.id, a.text] for a in annotations)}


def test_an_amendment_takes_the_labels_place_and_both_stay_in_the_history(labels: Labels, unit: Unit) -> None:
    old = labels.add(unit, "hat", "ada", "conv", facet="felt", modality="picture", confidence=0.5)

    new = labels.amend(unit, "hat", "bowler hat", "bob", confidence=0.9, evidence="https://example.org/hats")

    assert labels.current(unit) == [new]
    assert labels.history(unit) == [old, new]
    assert (new.action, new.supersedes, new.author, new.text) == ("amend", old.id, "bob", "bowler hat")
    assert (new.branch, new.facet, new.modality) == ("conv", "felt", "picture")
    assert (new.confidence, new.evidence) == (0.9, "https://example.org/hats")
    assert labels.store.unit(unit).labels == ("bowler hat",)


def test_an_amendment_may_take_a_facet_away_and_one_that_changes_nothing_adds_nothing(
    labels: Labels, unit: Unit
) -> None:
    labels.add(unit, "hat", "ada", facet="felt")
    bare = labels.amend(unit, "hat", author="ada", facet=None)
    assert (bare.text, bare.facet) == ("hat", None)
    assert labels.amend(unit, "hat", author="ada") == bare
    assert len(labels.history(unit)) == 2


def test_a_rejection_ends_a_label_with_its_author_and_reason_in_the_history(labels: Labels, unit: Unit) -> None:
    said = labels.add(unit, "hat", "ada", evidence="seen")
    no = labels.reject(unit, "hat", "it is the head below", "bob")
    assert labels.current(unit) == []
    assert labels.history(unit) == [said, no]
    assert (no.action, no.author, no.text, no.evidence) == ("reject", "bob", "hat", "it is the head below")
    assert labels.store.unit(unit).labels == ()


@pytest.mark.parametrize("change", ["amend", "reject", "withdraw"])
def test_undoing_a_change_brings_the_label_back_as_it_was_and_undoing_that_takes_it_again(
    labels: Labels, unit: Unit, change: str
) -> None:
    said = labels.add(unit, "hat", "ada", facet="felt", confidence=0.25, evidence="seen")
    getattr(labels, change)(unit, "hat", "head", **({} if change == "withdraw" else {"author": "bob"}))
    after = labels.current(unit)

    undone = labels.undo(unit, author="cy")
    assert labels.current(unit) == [said]
    assert seen(labels, unit) == holding([said])
    again = labels.undo(unit, undone.id, "cy")

    assert labels.current(unit) == after
    assert seen(labels, unit) == holding(after)
    assert (undone.action, again.action) == ("undo", "redo")
    labels.undo(unit, again.id, "cy")
    assert labels.current(unit) == [said]
    assert [a.action for a in labels.history(unit)] == ["add", change, "undo", "redo", "undo"]


def test_undoing_again_and_again_walks_back_to_nothing(labels: Labels, unit: Unit) -> None:
    labels.add(unit, "hat", "ada")
    labels.add(unit, "cap", "ada")
    labels.amend(unit, "hat", "bowler", "ada")
    labels.withdraw(unit, "cap", "ada")
    told = []
    for _ in range(4):
        labels.undo(unit, author="ada")
        told.append({a.text for a in labels.current(unit)})
    assert told == [{"bowler", "cap"}, {"hat", "cap"}, {"hat"}, set()]
    with pytest.raises(LabelError, match="holds no change to undo"):
        labels.undo(unit, author="ada")
    assert len(labels.history(unit)) == 8


def test_what_was_changed_since_or_is_undone_already_is_not_undone(labels: Labels, unit: Unit) -> None:
    said = labels.add(unit, "hat", "ada")
    amended = labels.amend(unit, "hat", "cap", "bob")
    with pytest.raises(LabelError, match=f"bob has changed {said.id} since. Undo that change first: {amended.id}"):
        labels.undo(unit, said.id, "ada")
    undone = labels.undo(unit, author="ada")
    labels.reject(unit, "hat", author="bob")
    with pytest.raises(LabelError, match=f"bob has changed {undone.id} since"):
        labels.undo(unit, undone.id, "ada")  # else two labels would stand for one
    with pytest.raises(LabelError, match="is already undone"):
        labels.undo(unit, amended.id, "ada")
    with pytest.raises(LabelError, match="has no entry 'x'"):
        labels.undo(unit, "x", "ada")
    assert len(labels.history(unit)) == 4
    assert labels.current(unit) == []


def test_after_any_story_cypher_finds_the_labels_that_the_history_comes_to(labels: Labels, unit: Unit) -> None:
    rng, done = random.Random(5), 0  # noqa: S311, no secret
    for step in range(60):
        verb = rng.choice(["add", "amend", "reject", "withdraw", "undo", "undo entry"])
        try:
            if verb == "add":
                labels.add(unit, rng.choice("abc"), rng.choice(["ada", "bob"]))
            elif verb == "undo":
                labels.undo(unit, author="cy")
            elif verb == "undo entry":
                labels.undo(unit, rng.choice([a.id for a in labels.history(unit)] or ["x"]), "cy")
            elif held := labels.current(unit):
                chosen = rng.choice(held).id
                labels.amend(unit, chosen, f"word {step}", "bob") if verb == "amend" else getattr(labels, verb)(
                    unit, chosen
                )
            done += 1
        except LabelError:
            pass
        assert seen(labels, unit) == holding(labels.current(unit))
        roots = [root(a, labels.history(unit)) for a in labels.current(unit)]
        assert len(set(roots)) == len(roots)  # no two labels stand for one
    assert done > 40
    Store(labels.store.database).verify(MODEL)


def root(label: Annotation, history: list[Annotation]) -> str:
    """The first label of those that it amends."""
    before = next((a for a in history if a.id == label.supersedes), None)
    return root(before, history) if before else label.id


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each gives or raises, all of them begun at the same moment."""
    start = Barrier(len(acts))

    def do(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except CircuitsError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def test_of_writers_that_amend_one_label_at_once_one_succeeds_and_the_others_are_told(database: Database) -> None:
    writers = [Labels(Store(database).model(MODEL)) for _ in range(4)]
    for unit in (Unit.parse(f"2/0/8/{channel}") for channel in range(5)):
        said = writers[0].add(unit, "hat", "ada")
        notes = [_amendment(said, f"hat {n}") for n in range(4)]
        told = at_once(*(lambda w=w, n=n: w.store.annotate(n) for w, n in zip(writers, notes, strict=True)))
        errors = [error for error in told if error is not None]
        assert len(errors) == 3
        for error in errors:
            assert isinstance(error, AnnotationSuperseded)
            assert "somebody changed it meanwhile" in str(error)
        (kept,) = writers[0].current(unit)
        assert kept == notes[told.index(None)]
        assert writers[0].history(unit) == [said, kept]
        assert seen(writers[0], unit) == holding([kept])
    Store(writers[0].store.database).verify(MODEL)


def _amendment(old: Annotation, text: str) -> Annotation:
    return replace(changed(old, "amend", "bob", old), text=text)


def test_writers_that_undo_one_change_at_once_undo_it_once(database: Database, unit: Unit) -> None:
    labels = Labels(Store(database).model(MODEL))
    labels.add(unit, "hat", "ada")
    at_once(*(lambda: labels.undo(unit, author="ada") for _ in range(4)))
    assert labels.current(unit) == []
    assert [a.action for a in labels.history(unit)] == ["add", "undo"]


def test_labels_added_to_one_unit_at_once_are_all_there(database: Database, unit: Unit) -> None:
    labels = Labels(Store(database).model(MODEL))
    told = at_once(*(lambda n=n: labels.add(unit, f"hat {n}", "ada") for n in range(8)))
    assert [error for error in told if not isinstance(error, Annotation)] == []
    assert {a.text for a in labels.current(unit)} == {f"hat {n}" for n in range(8)}
    assert seen(labels, unit) == holding(labels.current(unit))
    Store(labels.store.database).verify(MODEL)


def test_a_label_for_many_units_is_previewed_then_written_and_a_second_time_changes_nothing(labels: Labels) -> None:
    names = [f"1/1/6/{channel}" for channel in range(6)]
    there = labels.add(Unit.parse(names[2]), "stripes", "bob")
    plan = adding(labels, units_from(labels, "\n".join([*names, names[0]]), None), "stripes", "ada")

    assert [a.unit for a in plan.new] == [name for name in names if name != names[2]]
    assert (plan.existing, plan.unknown, labels.current(Unit.parse(names[0]))) == ((there,), (), [])
    apply(labels, plan)

    assert {str(card.id) for card in labels.store.labelled("stripes")} == set(names)
    assert adding(labels, names, "stripes", "ada").new == ()
    assert adding(labels, names, "stripes", "ada").sentence == "0 new, 6 already there, 0 in conflict, 0 unknown"

    no = rejecting(labels, names, " stripes ", "cy", "they are bars")
    assert len(no.new) == 6
    apply(labels, no)
    assert labels.store.labelled("stripes") == []
    assert {(a.author, a.evidence) for a in labels.history(Unit.parse(names[5])) if a.action == "reject"} == {
        ("cy", "they are bars")
    }
    assert labels.store.database.read("MATCH (l:Label {text: 'stripes'}) RETURN l") == []
    Store(labels.store.database).verify(MODEL)


def test_units_that_are_not_known_refuse_the_whole_or_are_passed_over(labels: Labels) -> None:
    plan = adding(labels, ["1/0/8/1", "9/9/6/1", "hat", "1/0/8/2"], "dots", "ada")
    assert plan.unknown == ("9/9/6/1", "hat")
    with pytest.raises(LabelError, match="9/9/6/1, hat"):
        apply(labels, plan)
    assert labels.store.labelled("dots") == []
    apply(labels, plan, skip=True)
    assert [str(card.id) for card in labels.store.labelled("dots")] == ["1/0/8/1", "1/0/8/2"]


def test_many_changes_are_written_all_or_none(labels: Labels) -> None:
    units = [Unit.parse(f"1/0/8/{channel}") for channel in (5, 6, 7)]
    for unit in units:
        labels.add(unit, "lines", "ada")
    plan = rejecting(labels, map(str, units), "lines", "bob")
    labels.amend(units[1], "lines", "edges", "cy")  # between the preview and the writing
    before = labels.history()
    with pytest.raises(AnnotationSuperseded):
        apply(labels, plan)
    assert labels.history() == before


def test_a_query_gives_the_units_and_writes_nothing(labels: Labels) -> None:
    query = "MATCH (u:Unit {layer: '1/1/6'}) WHERE u.channel < 3 RETURN u.id ORDER BY u.channel"
    assert units_of_query(labels, query) == ["1/1/6/0", "1/1/6/1", "1/1/6/2"]
    for text in ("MATCH (u:Unit) RETURN u.id, u.layer", "RETURN 1 AS n", "MATCH (u:Unit) RETURN u LIMIT 1"):
        with pytest.raises(LabelError, match="one column of unit ids"):
            units_of_query(labels, text)
    for units, wanted in ((None, None), (" , ", " "), ("1/1/6/0", query)):
        with pytest.raises(LabelError, match="Name the units in one way"):
            units_from(labels, units, wanted)
    assert units_from(labels, None, query) == units_of_query(labels, query)
    with pytest.raises(WriteRefused):
        units_of_query(labels, "MATCH (u:Unit) SET u.id = 'x' RETURN u.id")


def test_history_and_labels_outlive_a_reload(
    database: Database, labels: Labels, unit: Unit, random_extraction: Callable[..., Extraction], tmp_path: Path
) -> None:
    labels.add(unit, "hat", "ada")
    labels.amend(unit, "hat", "cap", "bob")
    labels.undo(unit, author="cy")
    before, held = labels.history(), current(labels.history())
    other = random_extraction(tmp_path / "b.extraction", MODEL, 2, width=8, density=0.01)
    load(other, database, progress=False)
    assert labels.history() == before
    for label in held:
        assert label.text in labels.store.unit(Unit.parse(label.unit)).labels
    assert seen(labels, unit) == holding(labels.current(unit))


def test_the_same_label_by_eight_at_once_counts_once(labels: Labels, unit: Unit) -> None:
    gate = Barrier(8)

    def add(_: int) -> str:
        gate.wait(60)
        return labels.add(unit, "wound", "ada").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(add, range(8)))
    assert ids == {label.id for label in labels.current(unit)}
    assert len(labels.history(unit)) == 1
