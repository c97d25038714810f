"""Print records as tables for the terminal or as JSON.

rich is imported where something is printed: completion and `--json` do without it.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import typer

from graph.records import as_json

if TYPE_CHECKING:
    from rich.table import Table

    from graph.records import ModelCard

_PICTURES = ("thumbnail", "picture")  # fields that no terminal shows


@dataclass(frozen=True)
class TerminalTable:
    """A title, the names of the columns, and rows of texts; columns without any text are left out."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> TerminalTable:
    """Make a table of any values, each as `cell` writes it."""
    cells = [[cell(value) for value in row] for row in rows]
    filled = [i for i in range(len(columns)) if not cells or any(row[i] for row in cells)]
    return TerminalTable(
        title, tuple(columns[i] for i in filled), tuple(tuple(row[i] for i in filled) for row in cells)
    )


def measured(model: "ModelCard") -> TerminalTable:
    """What the numbers of a model were measured on."""
    return table("Measured on", ("",), [(line,) for line in model.measured])


def sections(title: str, content: Mapping[str, Sequence[Mapping[str, object]]]) -> list[TerminalTable]:
    """A table for each kind of rows by their keys, titled by the kind; kinds without rows are left out."""
    return [
        table(f"{name} {title}", tuple(rows[0]), [tuple(row.values()) for row in rows])
        for name, rows in content.items()
        if rows
    ]


def show(*tables: TerminalTable) -> None:
    """Print tables one below the other; output that is no terminal is 140 columns wide."""
    from rich.console import Console

    Console(width=get_terminal_size((140, 0)).columns).print(*map(_rendered, tables), sep="\n")


def show_json(content: object) -> None:
    """Print records as JSON, without their pictures; dates as text."""
    typer.echo(json.dumps(as_json(content, _PICTURES), indent=1, ensure_ascii=False))


def show_rows(records: Sequence[Any], rows: TerminalTable, json_wanted: bool) -> None:
    """Print records as JSON, or else the table made of them."""
    if json_wanted:
        show_json(records)
    else:
        show(rows)


def cell(value: object) -> str:
    """A value as text: numbers to four digits, None as nothing, and nothing that a terminal takes for a command."""
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_command(letter) else letter for letter in text)


def _is_command(letter: str) -> bool:
    """Whether a terminal may take the letter for a command."""
    return letter != "\n" and unicodedata.category(letter) == "Cc"


def _rendered(content: TerminalTable) -> "Table":
    """The table for rich; its texts are never taken for markup, and the first column, a name, is never broken."""
    from rich.table import Table
    from rich.text import Text

    rendered = Table(title=Text(content.title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(content.columns):
        rendered.add_column(Text(column), overflow="fold", no_wrap=i == 0)
    for row in content.rows:
        rendered.add_row(*map(Text, row))
    return rendered
