"""Whatever a name, a label, a file or a variable holds, reading it gives a value or one of our errors."""

import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from app.cli.printing import cell
from catalog.circuits import export
from catalog.circuits.circuit import Circuit, Node
from catalog.errors import LabelFileError
from catalog.labels import files
from catalog.queries import parse_value
from catalog.text_rules import login_name
from extract import csv_tables
from extract.errors import CircuitsError
from extract.printable import printable
from extract.probes.word_lists import from_file
from extract.responses.sorting_task import read as read_sheet
from extract.units import ARCHITECTURES, Layer, Unit
from graph.cypher.named_query import parameters_in, trimmed
from graph.settings import settings
from tests.faults.fault_table import RecordFault, trials

ORDINARY, WHOLE = 4, 50  # trials of `NAMES` names each
NAMES = 10
PARTS = (
    "4/2/6/34", "layer4.2", "image_block_4_2_Add_6_0", "https://microscope.openai.com/models/x/", "?", "#", "/", "~",
    "\0",
    "\n", "\r", "\t", "\x1b[31m", "\u2028", "\u202e", "\ud800", "\udcff", "\ufeff", "\ufffe", "ﷺ", "👩‍🚀", "é",
    "e\u0301", "血",
    "=1+1", "@SUM(1)", "'", '"', ";", ",", "`", "\\u0027", "{", "}", "[", "]", "<b>", "&#0;", "]]>", "NaN", "Infinity",
    "1e999",
    "9" * 400, "-1", "45986.55", "0001-01-01T00:00:00+14:00", "60%", "x" * 300, "None", "null", "true", "${x}",
    "$x", "//", "/*",
)  # fmt: skip
KEYS = ("unit", "text", "at", "confidence", "sensitive", "id", "model", "branch", "layer", "Unit", "", "name")


@pytest.fixture(params=trials(ORDINARY, WHOLE))
def names(request: pytest.FixtureRequest) -> list[str]:
    chance = random.Random(request.param)  # noqa: S311, no secret
    return ["".join(chance.choices(PARTS, k=chance.randrange(1, 5))) for _ in range(NAMES)]


def label_files(name: str) -> Iterator[tuple[bytes, files.Form]]:
    """Files that hold a name as a label, as a unit, as a column and as all they are."""
    chance = random.Random(repr(name))  # noqa: S311, no secret
    row = {"unit": "4/2/6/1", "text": "hat"} | {chance.choice(KEYS): name, name: chance.choice(KEYS)}
    for encoding in ("utf-8", "utf-16", "latin-1"):
        yield json.dumps([row]).encode(encoding, "ignore"), "json"
        yield f"{','.join(row)}\n{','.join(map(str, row.values()))}\n".encode(encoding, "ignore"), "csv"
        yield csv_tables.encode(list(row), [row.values()]).encode(encoding, "ignore"), "csv"
        yield name.encode(encoding, "ignore"), "csv"
        yield name.encode(encoding, "ignore"), "json"


def circuits(name: str) -> Iterator[tuple[bytes, export.Format]]:
    """Exports with a name in place of something else."""
    circuit = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit", ("hat",)),), (), {"limit": 2})
    for part in (b"4/2/6/34", b"hat", b"unit", b"False", b"limit", b"2"):
        for form in ("json", "graphml"):
            yield export.encode(circuit, form).replace(part, name.encode(errors="ignore")), form
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(export.encode(circuit, "csv"))) as old, zipfile.ZipFile(file, "w") as new:
            for table in old.namelist():
                new.writestr(table, old.read(table).replace(part, name.encode(errors="ignore")))
        yield file.getvalue(), "csv"


def readings(name: str, folder: Path) -> Iterator[Callable[[], object]]:
    """Everything that reads a name."""
    yield partial(Unit.parse, name)
    yield partial(Layer.parse, name)
    yield partial(ARCHITECTURES["RN50"].unit, name)
    yield partial(ARCHITECTURES["RN50"].layer, name)
    yield partial(parse_value, name)
    yield partial(trimmed, name)
    yield partial(parameters_in, name)
    yield partial(cell, [name, float("nan"), {name: name}])
    yield partial(printable, name)
    yield partial(settings, home=name)
    yield partial(settings, database=name)
    yield partial(files.form_of, name)
    yield partial(files.read, Path(f"{name}.csv"), "m", "ada")
    yield partial(files.write, [], folder / f"{name}.csv")
    yield partial(export.read, Path(f"{name}.json"))
    yield partial(from_file, Path(name))
    yield partial(read_sheet, Path(name))
    for data, form in label_files(name):
        yield partial(files.decode, data, form, "m", "ada")
        yield partial(files.decode, data, form, "m", "ada", {"text": name})
    for data, circuit_form in circuits(name):
        yield partial(export.decode, data, circuit_form)


def test_a_hostile_name_gives_a_value_or_one_of_our_errors(
    names: list[str], tmp_path: Path, record_fault: RecordFault
) -> None:
    for name in names:
        for reading in readings(name, tmp_path):
            with suppress(CircuitsError):
                reading()
        record_fault("hostile name", True, 0.0)


def test_a_hostile_variable_or_file_of_settings_gives_a_value_or_one_of_our_errors(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in names:
        for key in ("HOME", "DATABASE", "HEAP", "USER", name):
            for encoding in ("utf-8", "utf-16", "latin-1"):
                Path(".env").write_bytes(f"CIRCUITS_{key}={name}\n".encode(encoding, "ignore"))
                with suppress(CircuitsError):
                    assert settings()


@pytest.mark.parametrize("form", files.FORMS)
def test_a_hostile_label_that_is_taken_in_comes_back_as_it_was(names: list[str], form: files.Form) -> None:
    for name in names:
        data = json.dumps([{"unit": "4/2/6/1", "text": name, "facet": name, "evidence": name, "id": "one"}]).encode()
        try:
            (entry,) = files.decode(data, "json", "m", "ada").entries
        except LabelFileError:
            continue
        assert files.decode(files.encode([entry], form), form, "m", "bob").entries == (entry,)


def test_an_author_of_the_surroundings_is_a_name_or_one_of_our_errors(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names:
        if "\0" in name or any("\ud800" <= letter < "\udc80" for letter in name):  # which no variable can hold
            continue
        monkeypatch.setitem(os.environ, "LOGNAME", name)
        assert login_name() == name
