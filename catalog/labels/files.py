"""Label files: read and write the current labels, or the whole history, as CSV or JSON, and plan an import.

Each column or key is a field of an annotation; only `unit` and `text` are required. CSV is as `extract.csv_tables`
writes it; JSON is a list of entries, or one entry per line.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from catalog.errors import LabelFileError
from catalog.labels.bulk import Conflict, FileCounts, Plan, known_units
from catalog.labels.file_entries import Columns, LabelRow
from catalog.labels.history import current
from catalog.labels.labels import Labels
from catalog.labels.rules import Label
from catalog.text_rules import broken
from extract import csv_tables
from extract.files import decoded, read_file, replace_file
from extract.unique_names import doubles_refused, json_object, refuse_doubled
from graph.plain_json import as_json
from graph.records import Annotation

Form = Literal["csv", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
COLUMNS = (
    "unit",
    "text",
    "author",
    "at",
    "branch",
    "facet",
    "modality",
    "source",
    "confidence",
    "sensitive",
    "evidence",
)
_HISTORY = ("action", "supersedes")
_IDENTITY = ("id", "model")
_CONTENT = tuple(name for name in Label.model_fields if name != "source")  # two labels with equal content are the same
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class LabelFile:
    """The entries of a label file, and the number of cells in each column that is not a field."""

    entries: tuple[Annotation, ...]
    unread: Mapping[str, int]


def encode(annotations: Iterable[Annotation], form: Form, whole: bool = False) -> bytes:
    """Encode annotations as the bytes of a file; `whole` adds the columns of a history."""
    columns = (*COLUMNS, *(_HISTORY if whole else ()), *_IDENTITY)
    rows = [as_json(a) | {"at": a.at.astimezone(UTC).isoformat()} for a in annotations]
    return _WRITERS[form]([{name: row[name] for name in columns} for row in rows]).encode()


def decode(data: bytes, form: Form, model: str, author: str, columns: Mapping[str, str] | None = None) -> LabelFile:
    """Decode a label file; `model` and `author` are for entries that name none, `columns` maps fields to columns.

    Raises LabelFileError that names the first three entries which break a rule, or an id or field that occurs twice.
    """
    now, layout = datetime.now(UTC), Columns(columns or {})
    annotations, broken_entries = list[Annotation](), list[str]()
    for number, row in enumerate(_rows(data, form, layout), start=1):
        fields = {"model": model, "author": author, "at": now, "id": str(uuid.uuid4())} | row
        try:
            annotations.append(Annotation(**dict(LabelRow.model_validate(fields))))
        except ValidationError as error:
            broken_entries.append(f"entry {number} ({broken(error)})")
    if broken_entries:
        more = f" and {len(broken_entries) - 3} more" if len(broken_entries) > 3 else ""
        raise LabelFileError(
            f"These entries are not labels: {'; '.join(broken_entries[:3])}{more}. Nothing was imported. Correct the "
            "file."
        )
    with doubles_refused(LabelFileError, "In this file"):
        refuse_doubled((a.id for a in dict.fromkeys(annotations)), "id")
    return LabelFile(tuple(annotations), layout.unread)


def write(annotations: Iterable[Annotation], path: Path, whole: bool = False) -> None:
    """Write annotations into a file whose name ends in .csv or .json. Raises LabelFileError."""
    replace_file(path, encode(annotations, form_of(path.name), whole), LabelFileError)


def read(path: Path, model: str, author: str, columns: Mapping[str, str] | None = None) -> LabelFile:
    """Read and `decode` a label file. Raises LabelFileError."""
    form = form_of(path.name)
    return decode(read_file(path, LabelFileError), form, model, author, columns)


def form_of(name: str) -> Form:
    """Return the form that a file name's suffix stands for. Raises LabelFileError for any other suffix."""
    for form in FORMS:
        if name.casefold().endswith(f".{form}"):
            return form
    if name.casefold().endswith(_JSON_LINES):
        return "json"
    raise LabelFileError(f"The name {name!r} does not show the format. Name a file that ends in .csv or .json.")


def importing(
    labels: Labels, entries: Iterable[Annotation], both: bool = False, unread: Mapping[str, int] | None = None
) -> Plan:
    """Plan an import: compare a file's current labels with the catalog's. `unread` counts the file's other columns.

    A file's label is in conflict in two cases. First, people's current labels on the same unit, branch and facet have
    other texts, or the same author's has the same text with other details. Second, the catalog uses the label's id for
    something else, or for a label that was changed since. Automatically proposed labels in the catalog cause no
    conflict. `both` adds labels in conflict beside the old ones, under new ids where the old id is taken.
    """
    entries, history = list(entries), labels.history()
    by_id, holding = {a.id: a for a in history}, current(history)
    by_content = {_content(label): label for label in holding}
    additions, unknown = _additions(labels, entries)
    new, existing, conflicts = dict[str, Annotation](), list[Annotation](), list[Conflict]()
    for label in additions:
        rival = by_id.get(label.id) or _rival(label, holding)
        if same := by_content.get(_content(label)):
            existing.append(same)
        elif rival and not both:
            conflicts.append(Conflict(label, rival))
        else:
            added = replace(label, id=str(uuid.uuid4())) if label.id in by_id else label
            new[added.id] = by_id[added.id] = by_content[_content(label)] = added
    counts = FileCounts(len(entries), len(entries) - len(current(entries)), unread or {})
    return Plan(tuple(new.values()), tuple(existing), tuple(conflicts), unknown, counts)


def _additions(labels: Labels, entries: Iterable[Annotation]) -> tuple[list[Annotation], tuple[str, ...]]:
    """Return a file's current labels as additions to this model's units, and the units that the model lacks."""
    holding = current(entries)
    foreign = [f"{a.model}/{a.unit}" for a in holding if a.model != labels.store.id]
    own = [a for a in holding if a.model == labels.store.id]
    units, unknown = known_units(labels, (a.unit for a in own))
    additions = [replace(a, unit=str(units[a.unit]), action="add", supersedes=None) for a in own if a.unit in units]
    return additions, (*unknown, *dict.fromkeys(foreign))


def _rival(label: Annotation, holding: Iterable[Annotation]) -> Annotation | None:
    """Return a person's current label that contradicts this one, preferably the same author's.

    Returns None if no person labelled this unit, branch and facet, or if another person's label has the same text.
    """
    place = label.unit, label.branch, label.facet
    rivals = [a for a in holding if (a.unit, a.branch, a.facet) == place and a.source != "auto"]
    own = next((a for a in rivals if a.author == label.author), None)
    if own and own.text == label.text:
        return own
    if not rivals or any(a.text == label.text and a.author != label.author for a in rivals):
        return None
    return own or rivals[0]


def _content(label: Annotation) -> tuple[object, ...]:
    """Return the fields that are equal in two labels that say the same."""
    return label.unit, *(getattr(label, name) for name in _CONTENT)


def _rows(data: bytes, form: Form, columns: Columns) -> list[dict[str, Any]]:
    """Read a file's entries as dicts keyed by field, without empty cells. Raises LabelFileError."""
    try:
        with doubles_refused(LabelFileError, "In this file"):
            rows = list(_READERS[form](data))
            return columns.fields(rows, csv_tables.columns(data) if form == "csv" and not rows else ())
    except (*csv_tables.UNREADABLE, TypeError, AttributeError, RecursionError) as error:
        raise LabelFileError(
            f"This is not a label file in {form.upper()} ({error}). Save it as UTF-8, with a unit and a text in every "
            "entry. `circuits label export` writes an example."
        ) from error


def _to_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps([{n: v for n, v in row.items() if v is not None} for row in rows], indent=1, ensure_ascii=False)


def _from_json(data: bytes) -> list[dict[str, Any]]:
    """Read JSON objects from a list, or from one line each."""
    text = decoded(data)
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and all(line.lstrip().startswith("{") for line in lines):
        return [json.loads(line, object_pairs_hook=json_object) for line in lines]
    rows: list[dict[str, Any]] = json.loads(text, object_pairs_hook=json_object)
    if not isinstance(rows, list):
        raise TypeError("not a list of labels")
    return rows


def _to_csv(rows: list[dict[str, Any]]) -> str:
    return csv_tables.encode(list(rows[0]) if rows else (*COLUMNS, *_IDENTITY), (row.values() for row in rows))


_WRITERS: Mapping[Form, Callable[[list[dict[str, Any]]], str]] = {"csv": _to_csv, "json": _to_json}
_READERS: Mapping[Form, Callable[[bytes], Iterable[dict[str, Any]]]] = {"csv": csv_tables.decode, "json": _from_json}
