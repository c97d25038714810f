"""Read an entry of a label file: its fields, as people and spreadsheets write them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from catalog.errors import LabelFileError
from catalog.labels.rules import Label
from catalog.text_rules import ShortText
from extract.csv_tables import english_cell
from extract.unique_names import refuse_doubled
from graph.records import Action, Origin

_FIRST_DAY = datetime(1899, 12, 30, tzinfo=UTC)  # from which spreadsheets count
_DAYS = (20_000, 80_000)  # 1954 to 2119 as spreadsheets count
_TIMESTAMP = 1e8  # seconds since 1970 are at least this: a smaller number would be before March 1973
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[,\s]*(.*)")
_LIKE = 0.85  # two names at least this similar are taken for a typing error


def _share(number: object) -> object:
    """Convert a number with a decimal comma or a percent sign to a plain number."""
    if not isinstance(number, str):
        return number
    digits = number.strip().replace(",", ".")
    if not digits.endswith("%"):
        return digits
    try:
        return float(digits.removesuffix("%")) / 100
    except ValueError:
        return number


def _truth(answer: object) -> object:
    return english_cell(answer.strip()) if isinstance(answer, str) else answer


def _time(at: object) -> object:
    """Convert a date that begins with the day, or a spreadsheet's number of days, to a plain time.

    Raises ValueError for other bare numbers below 1e8.
    """
    if isinstance(at, str) and (date := _DAY_FIRST.fullmatch(at.strip())):
        return f"{date[3]}-{int(date[2]):02}-{int(date[1]):02} {date[4]}".strip()
    try:
        number = float(at.replace(",", ".") if isinstance(at, str) else at)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return at
    if number >= _TIMESTAMP:
        return at
    if _DAYS[0] <= number < _DAYS[1]:
        return _FIRST_DAY + timedelta(seconds=round(number * 86_400))
    raise ValueError(f"{at} is a number; write a time such as 2025-11-25 13:22")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is not a time in UTC") from error


class LabelRow(Label):
    """The rules of a file's entry, after missing author, time, model and id were filled in."""

    unit: ShortText
    at: Annotated[datetime, BeforeValidator(_time), AfterValidator(_in_utc)]
    model: ShortText
    source: Origin = "import"
    confidence: Annotated[float | None, BeforeValidator(_share), Field(ge=0, le=1)] = None
    sensitive: Annotated[bool, BeforeValidator(_truth)] = False
    id: ShortText
    action: Action = "add"
    supersedes: ShortText | None = None


FIELDS = (*LabelRow.model_fields, "layer")  # a file with a layer may give a unit as the number of its channel


@dataclass
class Columns:
    """The map from a file's columns to fields: a column has the field's name, in any case, or the name in `names`.

    `unread` counts the cells of columns that are not a field.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)

    def fields(self, rows: Iterable[Mapping[str, Any]], header: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Convert rows to dicts keyed by field, without empty cells; `header` names the columns if there are no rows.

        Raises Doubled for a field that a row has twice, LabelFileError for a missing column or an unknown field.
        """
        rows = list(rows)
        present = dict.fromkeys((*header, *(name for row in rows for name in row)))
        self._refuse_missing(present)
        return [self._entry(row) for row in rows]

    def _field(self, name: str) -> str | None:
        """Return the field that a column holds; None for a column that is not a field."""
        folded = name.strip().casefold()
        named = {column.strip().casefold(): entry_field for entry_field, column in self.names.items()}
        if folded in named:
            return named[folded]
        return folded if folded in FIELDS and folded not in self.names else None

    def _entry(self, row: Mapping[str, Any]) -> dict[str, Any]:
        cells = [(self._field(name), name, value) for name, value in row.items()]
        refuse_doubled((name for name, _, _ in cells if name), "field")
        self.unread.update(name for known, name, value in cells if known is None and value not in (None, ""))
        entry = {name: value for name, _, value in cells if name and value not in (None, "")}
        layer, channel = entry.pop("layer", None), re.fullmatch(r"(\d+)(\.0+)?", str(entry.get("unit", "")))
        return entry | {"unit": f"{layer}/{channel[1]}"} if layer is not None and channel else entry

    def _refuse_missing(self, present: Iterable[str]) -> None:
        columns = [name for name in present if name.strip()]
        folded = {name.strip().casefold() for name in columns}
        if unknown := [name for name in self.names if name not in FIELDS]:
            raise LabelFileError(f"A label has no field {unknown[0]!r}. Its fields are {', '.join(FIELDS)}.")
        if absent := [name for name in self.names.values() if columns and name.strip().casefold() not in folded]:
            raise LabelFileError(f"The file has no column {absent[0]!r}. It has {', '.join(columns)}.")
        fields = {self._field(name) for name in columns}
        for missing in ("unit", "text"):
            if columns and missing not in fields:
                raise LabelFileError(
                    f"The file has no column {missing!r}; it has {', '.join(columns)[:300]}. Name the column of the "
                    f"{missing} (columns=...)."
                )
        for name in columns:
            like = get_close_matches(name.strip().casefold(), FIELDS, 1, _LIKE)
            if self._field(name) is None and like and like[0] not in fields:
                raise LabelFileError(
                    f"The file has a column {name!r}, which is not a field of labels. Rename it to {like[0]!r} if that "
                    "is meant, or remove it."
                )
