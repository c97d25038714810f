"""Options and arguments that several commands share, and the catalog that they name.

The catalog is imported only where it is opened, because help, completion and mistakes do without it.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from catalog import Catalog, Model, Settings  # slow to import, and help does without

GLOBAL_OPTIONS: ContextVar[Mapping[str, str]] = ContextVar("GLOBAL_OPTIONS", default=MappingProxyType({}))

_MOST = 10**9  # rows, which servers count in 64 bits
_LONGEST = 86_400  # seconds, a day


def overrides(database: str | None) -> dict[str, str]:
    """Return the settings on the command line: the options before the command, and the command's --database."""
    return dict(GLOBAL_OPTIONS.get()) | ({"database": database} if database else {})


def resolved_settings(database: str | None) -> "Settings":
    """Return the settings. Those on the command line go before the environment's, and these before those of .env."""
    import catalog  # slow to import, and help does without

    return catalog.settings(**overrides(database))


def connect(database: str | None) -> "Catalog":
    """Return the catalog, which connects at its first question."""
    import catalog  # slow to import, and help does without

    user, password, name = (GLOBAL_OPTIONS.get().get(name) for name in ("user", "password", "database_name"))
    return catalog.open_catalog(database, user=user, password=password, database_name=name)


@contextmanager
def open_model(database: str | None, name: str | None) -> "Iterator[Model]":
    """Open the model of that name (None: the only model); inside the block no question is asked twice."""
    with connect(database) as catalog, catalog.reading_once():
        yield catalog.model(name)


def path(text: str | Path) -> Path:
    """Return a path with ~ replaced by the home folder, because shells do not expand a ~ behind an equals sign."""
    return Path(at_home(str(text)))


def at_home(text: str) -> str:
    """Replace a ~ at the beginning of a text, which is a path or a name, by the home folder."""
    return os.path.expanduser(text)  # noqa: PTH111, a name such as RN50 stays as it is


def size(text: str | int) -> int:
    """Return the number of bytes that a text names: digits, with or without K, M, G or T, such as 2G."""
    number = re.fullmatch(r"(\d+)([KMGT]?)", str(text).strip().upper())
    if number is None:
        raise typer.BadParameter(
            f"{text!r} is not a size. Write a number of bytes, or a number with K, M, G or T, such as 2G."
        )
    return int(number[1]) << 10 * " KMGT".index(number[2] or " ")


def parameters_of(texts: Iterable[str] | None) -> dict[str, Any]:
    """Return the parameters of a query, keyed by name, from texts of the form name=value."""
    import catalog  # slow to import, and help does without

    values = assignments(texts, "does not set a parameter. Write name=value.")
    return {name: catalog.parse_value(value) for name, value in values.items()}


def assignments(texts: Iterable[str] | None, refusal: str) -> dict[str, str]:
    """Return the values, keyed by name, from texts of the form name=value.

    Raises BadParameter for a name that stands twice, and for a text of another form, with `refusal` as the message.
    """
    values = dict[str, str]()
    for text in texts or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} {refusal}")
        if name in values:
            raise typer.BadParameter(f"{name!r} occurs twice. Write it once.")
        values[name] = value
    return values


DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="A folder, or a bolt://, neo4j:// or neo4j+s:// URL."),
]
ModelName = Annotated[
    str | None, typer.Option("--model", help="Such as RN50:openai; needed only if there are several.")
]
Json = Annotated[bool, typer.Option("--json", help="Print rows as JSON, for programs.")]
Wide = Annotated[bool, typer.Option("--wide", help="Print every column, however narrow the terminal.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Reveal sensitive content.")]
Author = Annotated[str | None, typer.Option("--author", help="Who makes the change; by default the login name.")]
UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="layer/block/index/channel, such as 4/2/6/34.")]
Limit = Annotated[
    int, typer.Option("--limit", min=1, max=_MOST, help="How many rows; of contributions, how many of each sign.")
]
Folder = Annotated[Path, typer.Argument(parser=path, metavar="FOLDER", help="An extraction folder.")]
Memory = Annotated[
    int,
    typer.Option(
        "--memory", parser=size, metavar="SIZE", show_default="2G", help="The memory that the extraction may use."
    ),
]
CircuitFile = Annotated[
    Path | None,
    typer.Option("--output", parser=path, metavar="PATH", help="Write the circuit; .json, .graphml or .zip."),
]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", help="name=value, the value JSON or text; repeatable.")
]
RowLimit = Annotated[int, typer.Option("--limit", min=1, max=_MOST, help="The largest number of rows.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=_LONGEST, help="The time limit in seconds.")]
Version = Annotated[
    str | None,
    typer.Argument(metavar="[VERSION]", help="An entry's id in the history; by default the last of this name."),
]
