"""Label files: what is written reads back equal, and what is taken in overwrites nothing."""

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import LabelError, LabelFileError
from catalog.labels import bulk as many
from catalog.labels import files as label_files
from catalog.labels.files import FORMS, Form, encode, importing
from catalog.labels.history import current
from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import Annotation
from graph.store import Store

MODEL = "planted:by-hand"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOSTILE = (
    'a, "b"; c\td', "two\nlines", "=HYPERLINK(\"http://x\")", "'=1+1", "''quoted", "'tis", "+1", "-x", "@SUM(A1)",
    "<script>alert(1)</script>", "\u202eright to left\u202c", "👩‍🚀", "血", "null", "NaN", "true", "0.5", "\\n",
    "x'}) DETACH DELETE n //", "sep=;", "#", "x" * 200,
)  # fmt: skip
_channels = count()


@pytest.fixture
def labels(planted_store: ModelStore) -> Labels:
    return Labels(planted_store)


@pytest.fixture
def unit(labels: Labels) -> Iterator[Unit]:
    """One that no other test here labels, and whose labels are gone afterwards."""
    unit = Unit.parse(f"4/0/5/{next(_channels)}")
    yield unit
    for label in labels.current(unit):
        labels.withdraw(unit, label.id, "test")


def decode(data: bytes, form: Form, model: str, author: str, columns: dict[str, str] | None = None) -> list[Annotation]:
    return list(label_files.decode(data, form, model, author, columns).entries)


def some(seed: int, n: int = 40) -> list[Annotation]:
    """Annotations with anything in them that a label may have."""
    rng = random.Random(seed)  # noqa: S311, no secret
    return [
        Annotation(
            id=f"id {seed} {number}", model=MODEL, unit=f"4/2/6/{rng.randrange(32)}", text=rng.choice(HOSTILE),
            author=rng.choice(("ada", *HOSTILE)), at=NOON + timedelta(microseconds=rng.randrange(10**12)),
            action=rng.choice(("add", "amend")), branch=rng.choice(("sum", "shortcut", "conv")),
            facet=rng.choice((None, *HOSTILE)), modality=rng.choice((None, "picture", "word")),
            source=rng.choice(("human", "auto", "import")), confidence=rng.choice((None, 0.0, 1.0, rng.random())),
            sensitive=rng.random() < 0.5, supersedes=rng.choice((None, "another")),
            evidence=rng.choice((None, "https://example.org/?a=1&b=2", *HOSTILE)),
        )
        for number in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(20))
def test_a_history_that_is_written_reads_back_equal(form: Form, seed: int) -> None:
    written = some(seed)
    assert decode(encode(written, form, whole=True), form, "another model", "nobody") == written


@pytest.mark.parametrize("form", FORMS)
def test_labels_that_are_written_read_back_as_additions(form: Form) -> None:
    written = some(99)
    read = decode(encode(written, form), form, "another model", "nobody")
    assert read == [replace(a, action="add", supersedes=None) for a in written]
    assert decode(encode([], form), form, MODEL, "nobody") == []


def test_the_tables_are_those_of_pythons_own_readers() -> None:
    written = [replace(a, text="hat", facet=None) for a in some(3)]
    rows = list(csv.DictReader(io.StringIO(encode(written, "csv").decode(), newline="")))
    assert [(row["unit"], row["text"], row["facet"], row["id"]) for row in rows] == [
        (a.unit, "hat", "", a.id) for a in written
    ]
    told = json.loads(encode(written, "json"))
    assert [(row["unit"], row.get("confidence")) for row in told] == [(a.unit, a.confidence) for a in written]


def test_no_cell_of_a_table_is_a_formula_to_a_spreadsheet() -> None:
    text = encode(some(4, 200), "csv", whole=True).decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert any(cell.startswith("'=") for cell in cells)
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffunit;text;confidence;sensitive\r\n4/2/6/1;Hut;0,5;TRUE\r\n",  # as a spreadsheet writes it
        "sep=;\r\nunit;text;confidence;sensitive\r\n4/2/6/1;Hut;0,5;1\r\n",
        "text\tunit\tconfidence\tsensitive\nHut\t4/2/6/1\t0.5\tyes\n",
        "unit,text,confidence,sensitive,,\n4/2/6/1,Hut,0.5,True,,\n,,,,,\n",
    ],
)
def test_tables_of_spreadsheets_are_understood_and_what_they_lack_is_filled_in(text: str) -> None:
    before = datetime.now(UTC)
    (label,) = decode(text.encode(), "csv", MODEL, "ada")
    assert (label.unit, label.text, label.confidence, label.sensitive) == ("4/2/6/1", "Hut", 0.5, True)
    assert (label.model, label.author, label.source, label.branch) == (MODEL, "ada", "import", "sum")
    assert label.at >= before


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


def as_spreadsheets_write(text: str) -> list[bytes]:
    """A table with commas in the encodings and with the separators of spreadsheets."""
    separated = [text, text.replace(",", ";"), text.replace(",", "\t"), f"sep=;\r\n{text.replace(',', ';')}"]
    return [table.encode(encoding) for table in separated for encoding in ENCODINGS]


def test_tables_in_every_encoding_and_with_every_separator_of_spreadsheets_are_read() -> None:
    for data in as_spreadsheets_write("unit,text,sensitive\r\n4/2/6/1,Hüt,TRUE\r\n,,\r\n"):
        assert [(a.unit, a.text, a.sensitive) for a in decode(data, "csv", MODEL, "ada")] == [("4/2/6/1", "Hüt", True)]


@pytest.mark.parametrize(
    ("form", "text", "name"),
    [
        ("csv", "unit,text,text\n4/2/6/1,hut,house", "'text'"),
        ("csv", "unit,text,unit\n4/2/6/1,hut,4/2/6/9", "'unit'"),
        ("csv", "unit,Text,text\n4/2/6/1,hut,house", "'text'"),
        ("csv", "unit,text,notes,notes\n4/2/6/1,hut,,", "'notes'"),
        ("json", '[{"unit": "4/2/6/1", "text": "hut", "unit": "4/2/6/9"}]', "'unit'"),
        ("json", '[{"unit": "4/2/6/1", "text": "hut", "Unit": "4/2/6/9"}]', "'unit'"),
        ("json", '{"unit": "4/2/6/1", "text": "hut", "text": "house"}\n{"unit": "4/2/6/2", "text": "hut"}', "'text'"),
        ("csv", "unit,text,id\n4/2/6/1,hut,one\n4/2/6/2,cat,one\n", "'one'"),
    ],
)
def test_what_stands_twice_is_refused_by_its_name(form: Form, text: str, name: str) -> None:
    with pytest.raises(LabelFileError, match=rf"{name} occurs twice\. Rename or remove one"):
        decode(text.encode(), form, MODEL, "ada")


NOV_25 = datetime(2025, 11, 25, tzinfo=UTC)
TIMES = {
    "45986.55": NOV_25.replace(hour=13, minute=12),  # spreadsheets count days from 1899-12-30
    "45986,55": NOV_25.replace(hour=13, minute=12),
    "45986": NOV_25,
    "25.11.2025": NOV_25,
    "25.11.2025 13:22": NOV_25.replace(hour=13, minute=22),
    "25.11.2025, 13:22:05": NOV_25.replace(hour=13, minute=22, second=5),
    "2025-11-25": NOV_25,
    "1764028800": NOV_25,
    "1764028800000": NOV_25,  # ms
}


@pytest.mark.parametrize("at", TIMES)
def test_a_time_is_read_as_spreadsheets_and_people_write_it(at: str) -> None:
    (label,) = decode(f"unit;text;at\n4/2/6/1;hut;{at}\n".encode(), "csv", MODEL, "ada")
    assert label.at == TIMES[at]


@pytest.mark.parametrize("at", ["0", "1", "46", "-3", "20251125", "99999999", "nan", "31.11.2025", "1.5e4", "25.11.25"])
def test_a_bare_number_or_a_day_that_is_none_is_no_time(at: str) -> None:
    with pytest.raises(LabelFileError, match=r"entry 1 \(at"):
        decode(f"unit;text;at\n4/2/6/1;hut;{at}\n".encode(), "csv", MODEL, "ada")
    with pytest.raises(LabelFileError, match=r"entry 1 \(at"):
        decode(b'[{"unit": "4/2/6/1", "text": "hut", "at": 45.5}]', "json", MODEL, "ada")


DISSECT = b"layer,unit,description,similarity\nlayer4,34,you,0.2\n4/1/6,3,wound,0.1\n"


def test_a_column_of_another_name_is_read_as_the_field_that_somebody_says_it_is() -> None:
    labels = decode(DISSECT, "csv", MODEL, "ada", {"text": "Description", "confidence": "similarity"})
    assert [(a.unit, a.text, a.confidence) for a in labels] == [("layer4/34", "you", 0.2), ("4/1/6/3", "wound", 0.1)]
    told = label_files.decode(DISSECT, "csv", MODEL, "ada", {"text": "description"})
    assert told.unread == {"similarity": 2}
    with pytest.raises(LabelFileError, match=r"no column 'text'; it has layer, unit, description, similarity.*columns"):
        decode(DISSECT, "csv", MODEL, "ada")
    with pytest.raises(LabelFileError, match=r"no column 'words'\. It has layer, unit"):
        decode(DISSECT, "csv", MODEL, "ada", {"text": "words"})
    with pytest.raises(LabelFileError, match=r"no field 'caption'\. Its fields are"):
        decode(DISSECT, "csv", MODEL, "ada", {"caption": "description"})


@pytest.mark.parametrize(
    ("form", "text", "unread"),
    [
        ("csv", "Unit,Text\n4/2/6/1,hut\n", {}),
        ("csv", " UNIT ,TEXT,Confidence\n4/2/6/1,hut,60%\n", {}),
        ("csv", "unit;text;confidence\n4/2/6/1;hut;60,0 %\n", {}),
        ("csv", "unit,text,notes\n4/2/6/1,hut,checked\n", {"notes": 1}),
        ("csv", ",unit,text\n0,4/2/6/1,hut\n", {"": 1}),  # pandas writes its index so
        ("json", '{"unit": "4/2/6/1", "text": "hut", "colour": "red"}\n', {"colour": 1}),
    ],
)
def test_headers_in_any_case_and_columns_that_are_no_field_are_read_past_and_counted(
    form: Form, text: str, unread: dict[str, int]
) -> None:
    told = label_files.decode(text.encode(), form, MODEL, "ada")
    assert [(a.unit, a.text) for a in told.entries] == [("4/2/6/1", "hut")]
    assert told.entries[0].confidence in (None, 0.6)
    assert told.unread == unread


def test_json_may_be_an_entry_a_line() -> None:
    lines = b'{"unit": "4/2/6/1", "text": "hut\\u2028x"}\r\n\n{"unit": "4/2/6/2", "text": "cat"}\n'
    assert [a.unit for a in decode(lines, "json", MODEL, "ada")] == ["4/2/6/1", "4/2/6/2"]
    for encoding in ENCODINGS:
        assert decode(lines.decode().encode(encoding), "json", MODEL, "ada")[0].text == "hut\u2028x"
    assert label_files.form_of("labels.JSONL") == label_files.form_of("labels.ndjson") == "json"


BAD: dict[str, tuple[str, bytes]] = {
    "no json": ("json", b"{"),
    "no list": ("json", b'{"unit": "4/2/6/1"}'),
    "a list of no labels": ("json", b"[1]"),
    "depth": ("json", b"[" * 100_000),
    "not UTF-8": ("csv", "unit,text\n4/2/6/1,é".encode("latin-1")),
    "another encoding": ("csv", "unit,text\n4/2/6/1,hat".encode("utf-32")),
    "a page of the web": ("csv", b"<html><table><tr><td>unit</td></tr></table></html>"),
    "a spreadsheet": ("csv", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00"),
    "other columns and no row": ("csv", b"Einheit;Bezeichnung\n"),
    "an open quote": ("csv", b'unit,text\n4/2/6/1,"hat'),
    "too many cells": ("csv", b"unit,text\n4/2/6/1,hat,and,more\n"),
    "no text": ("csv", b"unit,text\n4/2/6/1,\n"),
    "no unit": ("json", b'[{"text": "hat"}]'),
    "an unknown column": ("csv", b"unit,text,confidance\n4/2/6/1,hat,0.5\n"),
    "a number that is none": ("csv", b"unit,text,confidence\n4/2/6/1,hat,much\n"),
    "a number too large": ("json", b'[{"unit": "4/2/6/1", "text": "hat", "confidence": 2}]'),
    "not a number": ("json", b'[{"unit": "4/2/6/1", "text": "hat", "confidence": NaN}]'),
    "a time that is none": ("csv", b"unit,text,at\n4/2/6/1,hat,soon\n"),
    "a time before all time": ("csv", b"unit,text,at\n4/2/6/1,hat,0001-01-01T00:00:00+14:00\n"),
    "a branch that is none": ("csv", b"unit,text,branch\n4/2/6/1,hat,sideways\n"),
    "a control character": ("json", b'[{"unit": "4/2/6/1", "text": "h\\u0007at"}]'),
    "a text too long": ("csv", b"unit,text\n4/2/6/1," + b"x" * 201),
    "a cell far too long": ("csv", b"unit,text\n4/2/6/1," + b"x" * 200_000),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_label_file_is_refused_in_one_sentence_or_two(case: str) -> None:
    form, data = BAD[case]
    with pytest.raises(LabelFileError) as error:
        decode(data, "csv" if form == "csv" else "json", MODEL, "ada")
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("data", [b"", b" \n\n", b"unit,text\n", b"\xef\xbb\xbfUnit;Text"])
def test_a_table_without_a_row_holds_no_label(data: bytes) -> None:
    assert decode(data, "csv", MODEL, "ada") == []


def test_the_first_bad_entries_are_named_and_the_rest_counted() -> None:
    text = "unit,text\n" + "4/2/6/1,hat\n4/2/6/1,\n" * 5
    with pytest.raises(LabelFileError, match=r"entry 2 \(text.*entry 4.*entry 6.* and 2 more"):
        decode(text.encode(), "csv", MODEL, "ada")


def test_a_file_whose_name_tells_no_form_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("labels.xlsx", "labels"):
        with pytest.raises(LabelFileError, match=r"\.csv or \.json"):
            label_files.write([], tmp_path / name)
    with pytest.raises(LabelFileError, match="cannot be read"):
        label_files.read(tmp_path / "absent.csv", MODEL, "ada")
    with pytest.raises(LabelFileError, match="cannot be written"):
        label_files.write([], tmp_path / "absent" / "labels.csv")


def test_an_import_ends_in_a_line_of_what_was_seen_taken_and_left_out_and_why(labels: Labels, unit: Unit) -> None:
    labels.add(unit, "hat", "ada")
    rows = (
        ",unit,text,branch,notes,author\n"
        f"0,{unit},hat,sum,checked,file\n1,{unit},cap,sum,checked,file\n"
        f"2,9/9/6/1,fez,sum,checked,file\n3,{unit},cap,conv,checked,file\n"
    )
    content = label_files.decode(rows.encode(), "csv", MODEL, "ada")
    plan = importing(labels, content.entries, unread=content.unread)
    assert plan.sentence == (
        "4 seen: 2 new, 0 already there, 1 in conflict, 1 unknown; "
        "columns not read: one without a name (4 cells), notes (4 cells)"
    )


def take_in(labels: Labels, said: list[Annotation], **how: Any) -> many.Plan:
    plan = importing(labels, said, **how)
    many.apply(labels, plan)
    return plan


@pytest.mark.parametrize("form", FORMS)
def test_labels_leave_one_catalog_and_enter_another_equal_and_a_second_time_nothing_changes(
    labels: Labels, unit: Unit, form: Form
) -> None:
    said = [
        replace(a, id=f"{form} {a.id}", unit=str(unit), action="add", supersedes=None, text=f"{form} {number}")
        for number, a in enumerate(some(7, 12))
    ]
    written = encode(said, form)
    plan = take_in(labels, decode(written, form, MODEL, "nobody"))

    assert (len(plan.new), plan.existing, plan.conflicts, plan.unknown) == (12, (), (), ())
    held = labels.current(unit)
    assert held == sorted(said, key=lambda a: (a.at, a.id))
    assert encode(sorted(held, key=lambda a: said.index(a)), form) == written

    history = labels.history()
    again = take_in(labels, decode(written, form, MODEL, "nobody"))
    assert (again.new, set(again.existing), again.conflicts) == ((), set(said), ())
    assert labels.history() == history
    Store(labels.store.database).verify(MODEL)


def test_of_a_history_the_labels_that_hold_are_taken_in(labels: Labels, unit: Unit) -> None:
    first = replace(some(1, 1)[0], id="h1", unit=str(unit), text="hat", action="add", supersedes=None)
    second = replace(first, id="h2", text="cap", action="amend", supersedes="h1")
    gone = [replace(first, id="h3", text="fez"), replace(first, id="h4", text="fez", action="reject", supersedes="h3")]
    plan = take_in(labels, decode(encode([first, second, *gone], "csv", whole=True), "csv", MODEL, "nobody"))
    assert [(a.id, a.text, a.action, a.supersedes) for a in plan.new] == [("h2", "cap", "add", None)]
    assert [a.text for a in labels.current(unit)] == ["cap"]


def entry(unit: Unit, text: str, **more: Any) -> list[Annotation]:
    row = {"unit": str(unit), "text": text, "author": "file"} | more
    return decode(json.dumps([row]).encode(), "json", MODEL, "nobody")


def test_what_says_something_else_than_a_person_is_reported_and_not_added(labels: Labels, unit: Unit) -> None:
    held = labels.add(unit, "hat", "ada")
    said = entry(unit, "wound")
    plan = take_in(labels, said)
    assert [(c.entry.text, c.current, c.changed_since) for c in plan.conflicts] == [("wound", held, False)]
    assert plan.new == ()
    assert labels.current(unit) == [held]

    both = take_in(labels, said, both=True)
    assert both.conflicts == ()
    assert [a.text for a in labels.current(unit)] == ["hat", "wound"]
    assert take_in(labels, said, both=True).new == ()
    assert take_in(labels, said).existing == both.new


def test_another_branch_or_facet_or_a_person_who_agrees_or_a_proposal_is_no_conflict(
    labels: Labels, unit: Unit
) -> None:
    labels.add(unit, "hat", "ada")
    labels.add(unit, "proposal", "machine", "conv", source="auto")
    for said in (entry(unit, "cap", facet="wool"), entry(unit, "cap", branch="conv"), entry(unit, "hat")):
        plan = take_in(labels, said)
        assert (len(plan.new), plan.conflicts) == (1, ())
    assert len(labels.current(unit)) == 5


def test_a_label_that_was_changed_or_taken_back_here_does_not_come_back(labels: Labels, unit: Unit) -> None:
    said = labels.add(unit, "hat", "ada")
    labels.reject(unit, "hat", author="bob")
    plan = take_in(labels, decode(encode([said], "json"), "json", MODEL, "nobody"))
    assert [c.changed_since for c in plan.conflicts] == [True]
    assert labels.current(unit) == []
    (back,) = take_in(labels, [said], both=True).new
    assert back.id != said.id
    assert labels.current(unit) == [back]


def test_an_entry_that_stands_twice_in_a_file_is_added_once(labels: Labels, unit: Unit) -> None:
    plan = take_in(labels, entry(unit, "hat") + entry(unit, "hat") + entry(unit, "cap"))
    assert [a.text for a in plan.new] == ["hat", "cap"]
    assert len(plan.existing) == 1


def test_unknown_units_are_all_listed_and_refuse_the_whole_or_are_passed_over(labels: Labels, unit: Unit) -> None:
    said = entry(unit, "hat") + entry(unit, "hat", model="RN50:openai")
    said += [replace(said[0], id=str(n), unit=name) for n, name in enumerate(("9/9/6/1", "hat", "4/2/6/32"))]
    plan = importing(labels, said)
    assert plan.unknown == ("9/9/6/1", "hat", "4/2/6/32", f"RN50:openai/{unit}")
    with pytest.raises(LabelError) as error:
        many.apply(labels, plan)
    assert all(name in str(error.value) for name in plan.unknown)
    assert labels.current(unit) == []
    many.apply(labels, plan, skip=True)
    assert [a.text for a in labels.current(unit)] == ["hat"]


def test_units_may_be_written_as_elsewhere(labels: Labels, unit: Unit) -> None:
    (label,) = importing(labels, [replace(a, unit="layer4.2.act3:31") for a in entry(unit, "hat")]).new
    assert label.unit == "4/2/6/31"


def test_what_holds_by_a_file_is_what_holds_by_its_history() -> None:
    written = some(11)
    read = decode(encode(written, "csv", whole=True), "csv", MODEL, "nobody")
    assert current(read) == current(written)
