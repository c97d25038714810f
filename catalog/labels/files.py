"""Label files: the labels that hold, or the whole history, as CSV or JSON; read, checked and taken in.

A file's column or key is a field of an annotation, of which only `unit` and `text` must be there. CSV may have commas,
semicolons or tabs between, as spreadsheets write it; what a spreadsheet would take for a formula has an apostrophe
before it there.
"""

import csv
import io
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
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
from extract.files import replace_file
from graph.records import Action, Annotation, Origin

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
_SAID = tuple(name for name in Label.model_fields if name != "source")  # what makes two labels say the same
_FORMULA = re.compile(r"'*[=+\-@]")


def _with_point(told: object) -> object:
    return told.replace(",", ".") if isinstance(told, str) else told


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no time of ours") from error


class _Entry(Label):
    """An entry of a file; what it does not say of who, when and whence is filled in."""

    unit: ShortText
    at: Annotated[datetime, AfterValidator(_in_utc)]
    model: ShortText
    source: Origin = "import"
    confidence: Annotated[float | None, BeforeValidator(_with_point), Field(ge=0, le=1)] = None
    id: ShortText
    action: Action = "add"
    supersedes: ShortText | None = None


def encode(annotations: Iterable[Annotation], form: Form, whole: bool = False) -> bytes:
    """Annotations as the bytes of a file; `whole` for a history, with what each entry does."""
    columns = (*COLUMNS, *(_HISTORY if whole else ()), *_IDENTITY)
    rows = [asdict(a) | {"at": a.at.astimezone(UTC).isoformat()} for a in annotations]
    return _WRITERS[form]([{name: row[name] for name in columns} for row in rows]).encode()


def decode(data: bytes, form: Form, model: str, author: str) -> list[Annotation]:
    """The entries of a file's bytes; `model` and `author` where the file names none.

    Raises LabelFileError that tells the first lines which break a rule.
    """
    now, found, bad = datetime.now(UTC), list[Annotation](), list[str]()
    for number, row in enumerate(_rows(data, form), start=1):
        given = {"model": model, "author": author, "at": now, "id": str(uuid.uuid4())} | row
        try:
            found.append(Annotation(**dict(_Entry.model_validate(given))))
        except ValidationError as error:
            bad.append(f"entry {number} ({broken(error)})")
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise LabelFileError(
            f"Entries that are no labels: {'; '.join(bad[:3])}{more}. Mend the file; nothing was read."
        )
    return found


def write(annotations: Iterable[Annotation], path: Path, whole: bool = False) -> None:
    """Write a file whose name ends in .csv or .json; LabelFileError."""
    replace_file(path, encode(annotations, form_of(path.name), whole), LabelFileError)


def read(path: Path, model: str, author: str) -> list[Annotation]:
    """The entries of a file, as `decode`; LabelFileError."""
    form = form_of(path.name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelFileError(f"{path} cannot be read: {error.strerror}.") from error
    return decode(data, form, model, author)


def form_of(name: str) -> Form:
    """The form that a file's name tells; LabelFileError."""
    for form in FORMS:
        if name.casefold().endswith(f".{form}"):
            return form
    raise LabelFileError(f"The name {name!r} tells no form of labels. End it in .csv or .json.")


def importing(labels: Labels, said: Iterable[Annotation], both: bool = False) -> Plan:
    """The labels that hold by a file, set against those of the catalog.

    In conflict is a label that says something else than a person's current label of its unit, branch and facet, unless
    another person says the same; and one whose id stands here for something else, or for what was changed since.
    `both` appends these beside the old ones, under ids of their own. Labels proposed automatically are no person's.
    """
    history = labels.history()
    ids, held = {a.id: a for a in history}, current(history)
    known = {_said(label): label for label in held}
    labelled, unknown = _told_apart(labels, said)
    new, there, conflicts = dict[str, Annotation](), list[Annotation](), list[Conflict]()
    for label in labelled:
        rival = ids.get(label.id) or _rival(label, held)
        if same := known.get(_said(label)):
            there.append(same)
        elif rival and not both:
            conflicts.append(Conflict(label, rival))
        else:
            taken = replace(label, id=str(uuid.uuid4())) if label.id in ids else label
            new[taken.id] = ids[taken.id] = known[_said(label)] = taken
    return Plan(tuple(new.values()), tuple(there), tuple(conflicts), unknown)


def _told_apart(labels: Labels, said: Iterable[Annotation]) -> tuple[list[Annotation], tuple[str, ...]]:
    """The labels that hold of those said, as additions of this model's units; and units that are none of its."""
    holding = current(said)
    foreign = [f"{a.model}/{a.unit}" for a in holding if a.model != labels.store.id]
    own = [a for a in holding if a.model == labels.store.id]
    units, unknown = known_units(labels, (a.unit for a in own))
    found = [replace(a, unit=str(units[a.unit]), action="add", supersedes=None) for a in own if a.unit in units]
    return found, (*unknown, *dict.fromkeys(foreign))


def _rival(label: Annotation, held: Iterable[Annotation]) -> Annotation | None:
    """A person's label that contradicts this one."""
    place = label.unit, label.branch, label.facet
    rivals = [a for a in held if (a.unit, a.branch, a.facet) == place and a.source != "auto"]
    own = next((a for a in rivals if a.author == label.author), None)
    agreed = any(a.text == label.text and a.author != label.author for a in rivals)
    return own if own and own.text == label.text else None if agreed or not rivals else own or rivals[0]


def _said(label: Annotation) -> tuple[object, ...]:
    return label.unit, *(getattr(label, name) for name in _SAID)


def _rows(data: bytes, form: Form) -> Iterator[dict[str, Any]]:
    """The entries as they stand, empty cells left out."""
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
    """A text that a spreadsheet takes for no formula."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _bare(value: str) -> str:
    return value[1:] if value.startswith("'") and _FORMULA.match(value) else value


_WRITERS: Mapping[Form, Callable[[list[dict[str, Any]]], str]] = {"csv": _to_csv, "json": _to_json}
_READERS: Mapping[Form, Callable[[str], Iterable[dict[str, Any]]]] = {"csv": _from_csv, "json": _from_json}
