"""`circuits doctor`: what is installed, which database answers, and what it holds."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.options import DatabaseOption, Wide, connect
from extract.errors import CircuitsError

if TYPE_CHECKING:
    from catalog import Catalog
    from graph.records import ModelCard

PACKAGES = ("clip-circuits", "torch", "open_clip_torch", "neo4j", "arcadedb-embedded", "streamlit")
QUICK = (
    "Counted: units, labels, images, words, and edges of all models. Not read: the edges of each unit and the numbers "
    "on them. `circuits doctor --whole` follows every edge and sums its magnitude; it reads no other number."
)


Whole = Annotated[bool, typer.Option("--whole", help="Follow every edge, which takes minutes for many millions.")]


def doctor(whole: Whole = False, database: DatabaseOption = None, wide: Wide = False) -> None:
    """Say what is installed, which database answers, and whether it holds all that was loaded.

    Example: circuits doctor
    """
    with connect(database) as catalog:
        facts = [("python", platform.python_version()), *map(_installed, PACKAGES), ("database", catalog.url)]
        printing.show(printing.table("Installed", ("", ""), facts), _server(catalog), wide=wide)
        models = [(card, _problem(catalog, card.id, whole)) for card in catalog.models]
        if not models:
            catalog.model()  # says why: nothing was loaded yet, or not to the end
        printing.show(_models(models), wide=wide)
        if not whole:
            typer.echo(QUICK)
    if any(problem for _, problem in models):
        raise typer.Exit(2)


def _problem(catalog: "Catalog", model: str, whole: bool) -> str:
    """What is wrong with a model, or nothing."""
    try:
        catalog.verify(model, whole)
    except CircuitsError as error:
        return str(error)
    return ""


def _installed(name: str) -> tuple[str, str]:
    """A package's name and version."""
    try:
        return name, version(name)
    except PackageNotFoundError:
        return name, "not installed"


def _server(catalog: "Catalog") -> printing.TerminalTable:
    """Which server answers, and what it does of its own."""
    can = catalog.capabilities
    guard = "by read mode" if can.refuses_writes_in_read_mode else "by a user's rights"
    facts = [
        ("server", f"{can.name} {catalog.version}"),
        ("keeps a user's Cypher from writing", guard),
        ("ends a query in time", "by itself" if can.enforces_timeouts else "when told to"),
        ("full-text and relationship indexes", "yes" if can.further_indexes else "no"),
    ]
    return printing.table("Server", ("", ""), facts)


def _models(models: "Iterable[tuple[ModelCard, str]]") -> printing.TerminalTable:
    """The models in a database, and what is wrong with any."""
    rows = [(c.id, c.units, c.edges, c.labelled, c.images, problem or "all is there") for c, problem in models]
    columns = ("model", "units", "edges", "labelled units", "images", "counted again")
    return printing.table("Held", columns, rows, ("model", "counted again"))
