from datetime import UTC, datetime

from catalog.labels.history import fates, matching
from catalog.labels.queue import Queue, order, queue
from extract.units import Layer, Unit
from graph.model_store import ModelStore
from graph.records import Annotation

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MODEL = "planted:by-hand"
UNITS = tuple(Unit(Layer(4, 2, 6), channel) for channel in range(6))
A, B, C, D, E, F = UNITS


def label(
    unit: Unit | str, text: str, author: str = "ada", confidence: float | None = None, **more: object
) -> Annotation:
    fields: dict[str, object] = {"id": f"{unit} {text} {author}", "model": MODEL, "unit": str(unit), "text": text}
    return Annotation(**{**fields, "author": author, "at": NOON, "confidence": confidence, **more})  # type: ignore[arg-type]


LABELS = [
    label(B, "hat"), label(B, "cap", "bob"),  # disagree
    label(C, "hat"), label(C, "Hat", "bob"),  # agree
    label(D, "hat"), label(D, "wool", facet="stuff", author="bob"), label(D, "cap"),  # one mind
    label(E, "hat", confidence=0.2), label(F, "hat", confidence=0.5),
]  # fmt: skip


def test_units_wait_for_a_first_label_a_decision_or_a_second_look() -> None:
    assert queue(UNITS, LABELS, "all").waiting == UNITS
    assert queue(UNITS, LABELS, "unlabelled").waiting == (A,)
    assert queue(UNITS, LABELS, "disagreeing").waiting == (B,)
    assert queue(UNITS, LABELS, "unsure").waiting == (E,)


def test_the_way_on_and_back_leads_over_waiting_units_also_from_one_that_waits_no_more() -> None:
    found = Queue(UNITS, frozenset({B, D}))
    assert (found.at(None), found.at(Unit(Layer(4, 2, 6), 9)), found.at(E)) == (B, B, E)
    assert (found.after(A), found.after(B), found.after(C), found.after(D)) == (B, D, D, None)
    assert (found.before(F), found.before(D), found.before(C), found.before(B)) == (D, B, B, None)
    assert Queue(UNITS, frozenset()).at(None) is None


def test_candidates_come_first_then_the_other_units_of_the_layer(planted_store: ModelStore) -> None:
    found = order(planted_store, Layer(4, 2, 6))
    assert tuple(map(str, found[:3])) == ("4/2/6/0", "4/2/6/4", "4/2/6/1")
    assert sorted(map(str, found)) == sorted(f"4/2/6/{channel}" for channel in range(32))
    assert tuple(map(str, found[3:5])) == ("4/2/6/2", "4/2/6/3")
    for layer in (Layer(4, 2, 5), Layer(4, 1, 6)):  # no sum; not tested
        assert order(planted_store, layer) == tuple(Unit(layer, channel) for channel in range(32))


def test_entries_are_found_by_author_source_unit_and_day_the_newest_first() -> None:
    later = datetime(2026, 2, 3, 23, 59, tzinfo=UTC)
    history = [
        label("4/2/6/3", "hat"), label("4/2/6/34", "cap", "bob", source="auto"), label("4/2/5/3", "fez", at=later)
    ]  # fmt: skip
    assert matching(history) == history[::-1]
    assert matching(history, author="bob") == [history[1]]
    assert matching(history, source="auto") == [history[1]]
    assert matching(history, unit="4/2/6/3") == [history[0]]
    assert matching(history, unit="4/2/6") == matching(history, unit="4/2/6/") == [history[1], history[0]]
    assert matching(history, since=later.date()) == matching(history, until=later.date(), since=later.date())
    assert matching(history, since=later.date()) == [history[2]]
    assert matching(history, until=NOON.date()) == [history[1], history[0]]


def test_the_fate_of_each_entry_is_told() -> None:
    story = [
        label("a", "hat", id="1"), label("a", "cap", id="2", action="amend", supersedes="1"),
        label("a", "cap", id="3", action="reject", supersedes="2"),
        label("a", "cap", id="4", action="undo", supersedes="3"),
        label("a", "fez", id="5"), label("a", "fez", id="6", action="undo", supersedes="5"),
    ]  # fmt: skip
    assert fates(story) == {"1": "changed", "2": "holds", "3": "undone", "4": "", "5": "undone", "6": ""}
