"""Options and arguments that several verbs of the command line share, and the catalog they open."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.database import connect
from graph.schema import ModelCard
from graph.store import CircuitStore


def home() -> Path:
    """The folder of what this project keeps: CIRCUITS_HOME, else .circuits here."""
    return Path(os.environ.get("CIRCUITS_HOME", ".circuits"))


def place(database: str | None) -> str | Path:
    """A server's URL, or the folder of an embedded database: the one named, else `database` in `home`."""
    return database if database and "://" in database else Path(database or home() / "database")


@contextmanager
def opened(database: str | None, model: str | None) -> Iterator[tuple[CircuitStore, ModelCard]]:
    """The open store, and the model asked for or the only one."""
    with connect(place(database)) as connected:
        store = CircuitStore(connected)
        yield store, store.model(model)


def size(text: str | int) -> int:
    """Bytes from a number with K, M, G or T, such as 2G."""
    found = re.fullmatch(r"(\d+)([KMGT]?)", str(text).strip().upper())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size. Write bytes, or a number with K, M, G or T, such as 2G.")
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def parameter(text: str) -> tuple[str, Any]:
    """A name and its value, JSON or else text, from name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} sets no parameter. Write name=value.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


Database = Annotated[
    str | None,
    typer.Option("--database", envvar="CIRCUITS_DATABASE", help="A folder, or a bolt://, neo4j:// or neo4j+s:// URL."),
]
Model = Annotated[str | None, typer.Option("--model", help="Such as RN50:openai; not needed where there is only one.")]
Json = Annotated[bool, typer.Option("--json", help="Rows as JSON, for programs.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what is flagged as sensitive.")]
Author = Annotated[str | None, typer.Option("--author", help="Who does this; the login name if not given.")]
UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="layer/block/index/channel, such as 4/2/6/34.")]
Memory = Annotated[
    int, typer.Option("--memory", parser=size, metavar="SIZE", show_default="2G", help="What extracting may take.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many; of contributions, how many of each sign.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="An extraction folder.")]
