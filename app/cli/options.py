"""Options and arguments that several verbs of the command line share, and the catalog they open."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from catalog.queries import parse_value
from graph.connection.database import Database as Connection
from graph.model_store import ModelStore
from graph.opening import connect
from graph.records import Modality, ModelCard
from graph.settings import Settings, settings
from graph.store import Store

BEFORE_THE_VERB: ContextVar[Mapping[str, str]] = ContextVar("BEFORE_THE_VERB", default=MappingProxyType({}))


def given(database: str | None) -> dict[str, str]:
    """The settings that stand on the command line: before the verb, and this verb's --database."""
    return dict(BEFORE_THE_VERB.get()) | ({"database": database} if database else {})


def chosen(database: str | None) -> Settings:
    """The settings: those on the command line, then the environment's, then those of .env."""
    return settings(**given(database))


def connected(database: str | None) -> Connection:
    """The open database."""
    wanted = chosen(database)
    return connect(wanted.place, wanted.user, wanted.password.get_secret_value(), wanted.database_name)


@contextmanager
def opened(database: str | None, model: str | None) -> Iterator[tuple[ModelStore, ModelCard]]:
    """The store of the model asked for or the only one, and its card."""
    with connected(database) as connection:
        store = Store(connection).model(model)
        yield store, store.card


def size(text: str | int) -> int:
    """Bytes from a number with K, M, G or T, such as 2G."""
    found = re.fullmatch(r"(\d+)([KMGT]?)", str(text).strip().upper())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size. Write bytes, or a number with K, M, G or T, such as 2G.")
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def parameter(text: str) -> tuple[str, Any]:
    """A parameter's name and value, from name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} sets no parameter. Write name=value.")
    return name, parse_value(value)


Database = Annotated[
    str | None,
    typer.Option("--database", help="A folder, or a bolt://, neo4j:// or neo4j+s:// URL."),
]
Model = Annotated[str | None, typer.Option("--model", help="Such as RN50:openai; not needed where there is only one.")]
Json = Annotated[bool, typer.Option("--json", help="Rows as JSON, for programs.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what is flagged as sensitive.")]
Author = Annotated[str | None, typer.Option("--author", help="Who does this; the login name if not given.")]
LabelName = Annotated[str, typer.Argument(metavar="LABEL", help="The label's text or id.")]
LabelText = Annotated[str, typer.Argument(metavar="TEXT", help="What the unit answers to.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why it is wrong: a short text or a link.")]
Evidence = Annotated[str | None, typer.Option("--evidence", help="Why it is so: a short text or a link.")]
Facet = Annotated[str | None, typer.Option("--facet", help="One of the things a unit answers to.")]
Seen = Annotated[Modality | None, typer.Option("--modality", help="Pictures, or words in pictures.")]
Confidence = Annotated[float | None, typer.Option("--confidence", help="From 0 to 1.")]
UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="layer/block/index/channel, such as 4/2/6/34.")]
Memory = Annotated[
    int, typer.Option("--memory", parser=size, metavar="SIZE", show_default="2G", help="What extracting may take.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many; of contributions, how many of each sign.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="An extraction folder.")]
