"""Write CSV tables in which no cell is a formula, and read CSV tables that spreadsheets save.

Writing puts an apostrophe before a text that a spreadsheet would run as a formula, and reading removes the apostrophe.
Commas, semicolons and tabs are read as separators.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from extract.files import decoded
from extract.unique_names import refuse_doubled

UNREADABLE = (ValueError, csv.Error)  # what `decode` raises for data that is not a table
_FORMULA = re.compile(r"[\s']*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # spreadsheets accept the full-width forms, too
_SEPARATORS = ",;\t"
_NUMBER = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_QUOTED = re.compile('"[^"]*"')
_TRUE = {"wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar", "sant", "prawda", "tosi", "истина"}
_FALSE = {"falsch", "faux", "falso", "onwaar", "falskt", "fałsz", "epätosi", "ложь"}


def encode(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Encode a row of column names and the rows below it as CSV; None becomes an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_guarded(name) for name in columns])
    writer.writerows([_guarded(value) for value in row] for row in rows)
    return text.getvalue()


def decode(data: bytes) -> Iterator[dict[str, str]]:
    """Decode the rows of a table in UTF-8 or UTF-16, keyed by column; rows with only empty cells are left out.

    Raises Doubled for two columns whose names differ at most in case, and one of the errors in UNREADABLE for data that
    is not a table.
    """
    lines = _lines(data)
    names = _header(lines)
    refuse_doubled((name.casefold() for name in names if name), "column")
    for cells in lines:
        if any(cells[len(names) :]):
            raise ValueError(f"line {lines.line_num} has more cells than there are columns, near {cells[0]!r}")
        if any(map(str.strip, cells)):
            yield {name: _bare(cell) for name, cell in zip_longest(names, cells[: len(names)], fillvalue="")}


def columns(data: bytes) -> list[str]:
    """Return the names of a table's columns; the table may have no rows. Raises one of the errors in UNREADABLE."""
    return _header(_lines(data))


def _lines(data: bytes) -> Any:  # csv's reader, whose type has no public name
    text = decoded(data)
    first, _, rest = text.partition("\n")
    if first.strip().strip('"').startswith("sep="):  # a line that spreadsheets write and read
        text, first = rest, rest.partition("\n")[0]
    separator = max(_SEPARATORS, key=_QUOTED.sub("", first).count)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _header(lines: Iterator[list[str]]) -> list[str]:
    return [_bare(name.strip()) for name in next(lines, [])]


def english_cell(cell: str) -> str:
    """Write a decimal comma as a point, and true or false in English, because spreadsheets save both localised."""
    if _NUMBER.fullmatch(cell):
        return cell.replace(",", ".")
    folded = cell.casefold()
    return "true" if folded in _TRUE else "false" if folded in _FALSE else cell


def _guarded(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
