"""Print records as tables for the terminal or as JSON.

rich is imported only where a table is printed, because completion and `--json` do without it.
"""

import codecs
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import typer

from extract.printable import printable
from graph.plain_json import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType  # only tables need it

_PICTURES = ("thumbnail", "picture")  # fields that no terminal shows
_GAP = 2  # spaces between two columns
_COMFORTABLE = 12  # letters: a column of longer texts is at least this wide
_LONGEST = 10_000  # letters of a cell: an answer may hold millions in one, which nobody reads in a terminal


@dataclass(frozen=True)
class TerminalTable:
    """A title, the names of the columns, and rows of texts.

    If not all columns fit, those named in `decisive` come first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    decisive: tuple[str, ...] = ()

    def texts(self, column: int) -> list[str]:
        """Return a column's name, followed by its texts."""
        return [self.columns[column], *(row[column] for row in self.rows)]


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], decisive: Sequence[str] = ()
) -> TerminalTable:
    """Make a table of any values, each as `cell` writes it; columns with nothing in them are left out."""
    cells = [[cell(value) for value in row] for row in rows]
    filled = [i for i in range(len(columns)) if any(row[i] for row in cells)]
    texts = tuple(tuple(row[i] for i in filled) for row in cells)
    return TerminalTable(title, tuple(columns[i] for i in filled), texts, tuple(decisive))


def sections(title: str, content: Mapping[str, Sequence[Mapping[str, object]]]) -> list[TerminalTable]:
    """Make a table of each kind of rows, with the rows' keys as columns; kinds without rows are left out."""
    return [
        table(f"{name} {title}", tuple(rows[0]), [tuple(row.values()) for row in rows])
        for name, rows in content.items()
        if rows
    ]


def measured(lines: Sequence[str]) -> TerminalTable:
    """Make a table that says what the numbers of a model were measured on."""
    return table("Measured on", ("",), [(line,) for line in lines])


def show(*tables: TerminalTable, wide: bool = False) -> None:
    """Print tables one below the other; tables without rows are left out.

    A table has the columns that fit the terminal without a broken word, or all columns with `wide`. Output that is not
    a terminal counts as 140 columns wide.
    """
    from rich.console import Console  # only tables need it

    for content in tables:
        if content.rows:
            columns, widths = _layout(content, None if wide else get_terminal_size((140, 0)).columns)
            total = sum(widths) + _GAP * (len(widths) - 1)
            console = Console(width=max(total, get_terminal_size((140, 0)).columns))
            console.print(*_renderables(content, columns, widths, total), sep="\n")
            if hidden := len(content.columns) - len(columns):
                typer.echo(f"{hidden} more {'column' if hidden == 1 else 'columns'} with --wide or --json")


def show_json(content: object) -> None:
    """Print records as JSON, without their pictures and with dates as text.

    Letters beyond ASCII are escaped unless the output's encoding is UTF-8.
    """
    escaped = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    typer.echo(json.dumps(as_json(content, _PICTURES), indent=1, ensure_ascii=escaped))


def show_rows(records: Sequence[object], rows: TerminalTable, json_output: bool, wide: bool = False) -> None:
    """Print `records` as JSON if `json_output`; otherwise print `rows`, the table made of them."""
    if json_output:
        show_json(list(records))
    elif rows.rows:
        show(rows, wide=wide)
    else:
        typer.echo(f"{rows.title}: none" if rows.title else "none")


def cell(value: object) -> str:
    """Return a value as text: floats to four digits, None as nothing, and nothing that a terminal takes for a command.

    A text of more than `_LONGEST` letters is cut, and the number of missing letters follows it.
    """
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict | list):
        text = json.dumps(as_json(value), ensure_ascii=False)
    more = len(text) - _LONGEST
    return printable(text[:_LONGEST], lines=True) + (f" … {more:,} more letters with --json" if more > 0 else "")


def _layout(content: TerminalTable, width: int | None) -> tuple[list[int], list[int]]:
    """Return the indices of the columns that fit `width` (None: any width), and how wide each column is."""
    from rich.cells import cell_len  # only tables need it

    places = range(len(content.columns))
    full = [max(cell_len(line) for text in content.texts(i) for line in text.split("\n")) for i in places]
    if width is None or sum(full) + _GAP * (len(full) - 1) <= width:
        return list(places), full
    words = [max(cell_len(word) for text in content.texts(i) for word in text.split() or [""]) for i in places]
    least = [max(word, min(whole, _COMFORTABLE)) for word, whole in zip(words, full, strict=True)]
    if len(least) > 1 and full[0] <= width // 2:
        least[0] = full[0]  # the first column is a name, which stays in one line
    first = [i for name in content.decisive for i in places if content.columns[i] == name]
    columns = list[int]()
    for i in dict.fromkeys([*first, *places]):
        if len(columns) < 2 or sum(least[j] + _GAP for j in columns) + least[i] <= width:
            columns.append(i)
    if len(columns) == len(places):
        columns.sort()
    return columns, _widened([least[i] for i in columns], [full[i] for i in columns], width)


def _widened(widths: list[int], full: list[int], width: int) -> list[int]:
    """Return the widths after what is left of the terminal was shared evenly among the columns that need more."""
    left = width - sum(widths) - _GAP * (len(widths) - 1)
    while left > 0 and (narrow := [i for i in range(len(widths)) if widths[i] < full[i]]):
        for i in narrow[:left]:
            widths[i] += 1
        left -= len(narrow[:left])
    return widths


def _renderables(content: TerminalTable, columns: list[int], widths: list[int], total: int) -> "list[RenderableType]":
    """Make the title and the table for rich; texts are never taken for markup."""
    from rich.cells import cell_len  # only tables need it
    from rich.table import Table  # only tables need it
    from rich.text import Text  # only tables need it

    title = Text(content.title, "bold")
    title.pad_right(max(0, total - cell_len(content.title)))
    rows = Table(box=None, pad_edge=False, show_header=True)
    for i, width in zip(columns, widths, strict=True):
        rows.add_column(Text(content.columns[i]), overflow="fold", width=width)
    for row in content.rows:
        rows.add_row(*(Text(row[i]) for i in columns))
    return [title, rows] if content.title else [rows]
