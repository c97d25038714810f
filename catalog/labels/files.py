"""Label files: read and write the current labels, or the whole history, as CSV or JSON, and plan an import.

A column or key is a field of an annotation; only `unit` and `text` are required. CSV may be separated by commas,
semicolons or tabs, as spreadsheets write it. There an apostrophe stands before what a spreadsheet would take for a
formula.
"""

import csv
import io
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from catalog.errors import LabelFileError
from catalog.labels.bulk import Conflict, Plan, known_units
from catalog.labels.history import current
from catalog.labels.labels import Labels
from catalog.labels.rules import Label
from catalog.text_rules import ShortText, broken
from extract.files import read_file, replace_file
from graph.records import Action, Annotation, Origin, as_json

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
_CONTENT = tuple(name for name in Label.model_fields if name != "source")  # equal in two labels that are the same
_FORMULA = re.compile(r"'*[=+\-@]")


def _with_point(number: object) -> object:
    return number.replace(",", ".") if isinstance(number, str) else number


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is no time in UTC") from error


class _Entry(Label):
    """An entry of a file; `decode` fills in author, time, model and id where the file has none."""

    unit: ShortText
    at: Annotated[datetime, AfterValidator(_in_utc)]
    model: ShortText
    source: Origin = "import"
    confidence: Annotated[float | None, BeforeValidator(_with_point), Field(ge=0, le=1)] = None
    id: ShortText
    action: Action = "add"
    supersedes: ShortText | None = None


def encode(annotations: Iterable[Annotation], form: Form, whole: bool = False) -> bytes:
    """Encode annotations as the bytes of a file; `whole` adds the columns of a history."""
    columns = (*COLUMNS, *(_HISTORY if whole else ()), *_IDENTITY)
    rows = [as_json(a) | {"at": a.at.astimezone(UTC).isoformat()} for a in annotations]
    return _WRITERS[form]([{name: row[name] for name in columns} for row in rows]).encode()


def decode(data: bytes, form: Form, model: str, author: str) -> list[Annotation]:
    """Decode the entries of a file; `model` and `author` stand in where the file names none.

    Raises LabelFileError that names the first entries which break a rule.
    """
    now, annotations, broken_entries = datetime.now(UTC), list[Annotation](), list[str]()
    for number, row in enumerate(_rows(data, form), start=1):
        fields = {"model": model, "author": author, "at": now, "id": str(uuid.uuid4())} | row
        try:
            annotations.append(Annotation(**dict(_Entry.model_validate(fields))))
        except ValidationError as error:
            broken_entries.append(f"entry {number} ({broken(error)})")
    if broken_entries:
        more = f" and {len(broken_entries) - 3} more" if len(broken_entries) > 3 else ""
        raise LabelFileError(
            f"Entries that are no labels: {'; '.join(broken_entries[:3])}{more}. Mend the file; nothing was read."
        )
    return annotations


def write(annotations: Iterable[Annotation], path: Path, whole: bool = False) -> None:
    """Write annotations into a file whose name ends in .csv or .json. Raises LabelFileError."""
    replace_file(path, encode(annotations, form_of(path.name), whole), LabelFileError)


def read(path: Path, model: str, author: str) -> list[Annotation]:
    """Read the entries of a file, as `decode`. Raises LabelFileError."""
    form = form_of(path.name)
    return decode(read_file(path, LabelFileError), form, model, author)


def form_of(name: str) -> Form:
    """The form that a file's suffix names. Raises LabelFileError."""
    for form in FORMS:
        if name.casefold().endswith(f".{form}"):
            return form
    raise LabelFileError(f"The name {name!r} tells no form of labels. End it in .csv or .json.")


def importing(labels: Labels, entries: Iterable[Annotation], both: bool = False) -> Plan:
    """Plan an import: set a file's current labels against those of the catalog.

    A label is in conflict if a person's current label of its unit, branch and facet has another text, unless another
    person agrees with it; or if its id stands for something else here, or for a label that was changed since. Labels
    proposed automatically contradict nothing. `both` adds labels in conflict beside the old ones, under new ids.
    """
    history = labels.history()
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
    return Plan(tuple(new.values()), tuple(existing), tuple(conflicts), unknown)


def _additions(labels: Labels, entries: Iterable[Annotation]) -> tuple[list[Annotation], tuple[str, ...]]:
    """The current labels of a file as additions to this model's units, and the units that it does not have."""
    holding = current(entries)
    foreign = [f"{a.model}/{a.unit}" for a in holding if a.model != labels.store.id]
    own = [a for a in holding if a.model == labels.store.id]
    units, unknown = known_units(labels, (a.unit for a in own))
    additions = [replace(a, unit=str(units[a.unit]), action="add", supersedes=None) for a in own if a.unit in units]
    return additions, (*unknown, *dict.fromkeys(foreign))


def _rival(label: Annotation, holding: Iterable[Annotation]) -> Annotation | None:
    """A person's current label that contradicts this one: the same author's first.

    None where there is no label of that place by a person, or another person's has the same text.
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
    """What is equal in two labels that are the same."""
    return label.unit, *(getattr(label, name) for name in _CONTENT)


def _rows(data: bytes, form: Form) -> Iterator[dict[str, Any]]:
    """The entries as dicts, without empty cells."""
    try:
        rows = _READERS[form](data.decode("utf-8-sig"))
        yield from ({name: value for name, value in row.items() if value not in (None, "")} for row in rows)
    except (ValueError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise LabelFileError(
            f"This is no label file in {form.upper()} ({error}). Save it as UTF-8, with a unit and a text in every "
            "entry; `circuits label export` writes one to begin with."
        ) from error


def _to_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps([{n: v for n, v in row.items() if v is not None} for row in rows], indent=1, ensure_ascii=False)


def _from_json(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text)
    if not isinstance(rows, list):
        raise TypeError("not a list of labels")
    return rows


def _to_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *_IDENTITY) if not rows else rows[0])
    writer.writerows([_guarded(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _from_csv(text: str) -> Iterator[dict[str, Any]]:
    first, _, rest = text.partition("\n")
    if first.startswith("sep="):  # which spreadsheets write and read
        yield from _from_csv(rest)
        return
    between = max(",;\t", key=first.count)
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=between, strict=True):
        if any(row.pop(None, ())):  # what stands right of the last column
            raise ValueError(f"a line has more cells than there are columns, near {row.get('unit')!r}")
        if cells := {name.strip(): _bare(value) for name, value in row.items() if value}:
            yield cells


def _guarded(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _bare(value: str) -> str:
    """Take that apostrophe away."""
    return value[1:] if value.startswith("'") and _FORMULA.match(value) else value


_WRITERS: Mapping[Form, Callable[[list[dict[str, Any]]], str]] = {"csv": _to_csv, "json": _to_json}
_READERS: Mapping[Form, Callable[[str], Iterable[dict[str, Any]]]] = {"csv": _from_csv, "json": _from_json}
