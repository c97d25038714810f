"""`circuits doctor`: say what is installed, which database answers, and what the database holds."""

import platform
from collections.abc import Iterable, Mapping
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
    "on them, what was measured, and whether units show the labels that their histories come to. "
    "`circuits doctor --whole` reads all of it."
)
UNCOMPARED = "all is there; an earlier version loaded it: load it again, so that its numbers can be compared"


Whole = Annotated[
    bool, typer.Option("--whole", help="Check every edge and number; takes minutes for many millions of edges.")
]


def doctor(whole: Whole = False, database: DatabaseOption = None, wide: Wide = False) -> None:
    """Show what is installed and which database answers, and check that it holds everything that was loaded.

    Example: circuits doctor
    """
    with connect(database) as catalog:
        facts = [("python", platform.python_version()), *map(_installed, PACKAGES), ("database", catalog.url)]
        printing.show(printing.table("Installed", ("", ""), facts), _server(catalog), wide=wide)
        models = [(card, *_verified(catalog, card.id, whole)) for card in catalog.models]
        unfinished = catalog.unfinished
        if not (models or unfinished):
            catalog.model()  # says that nothing was loaded yet
        printing.show(_models(models, unfinished), wide=wide)
        if not whole:
            typer.echo(QUICK)
    if unfinished or not all(healthy for _, healthy, _ in models):
        raise typer.Exit(2)


def _verified(catalog: "Catalog", model: str, whole: bool) -> tuple[bool, str]:
    """Return whether a model is healthy, and its state in words."""
    try:
        compared = catalog.verify(model, whole)
    except CircuitsError as error:
        return False, str(error)
    return True, UNCOMPARED if whole and not compared else "all is there"


def _installed(name: str) -> tuple[str, str]:
    """Return a package's name and version."""
    try:
        return name, version(name)
    except PackageNotFoundError:
        return name, "not installed"


def _server(catalog: "Catalog") -> printing.TerminalTable:
    """Make a table of the server that answers, and of what it does by itself."""
    can = catalog.capabilities
    guard = "by read mode" if can.refuses_writes_in_read_mode else "by a user's rights"
    facts = [
        ("server", f"{can.name} {catalog.version}"),
        ("keeps a user's Cypher from writing", guard),
        ("ends a query in time", "by itself" if can.enforces_timeouts else "when told to"),
        ("full-text and relationship indexes", "yes" if can.further_indexes else "no"),
    ]
    return printing.table("Server", ("", ""), facts)


def _models(models: "Iterable[tuple[ModelCard, bool, str]]", unfinished: Mapping[str, str]) -> printing.TerminalTable:
    """Make a table of the models in a database, with what is wrong with any of them."""
    rows: list[tuple[object, ...]] = [(c.id, c.units, c.edges, c.labelled, c.images, result) for c, _, result in models]
    rows += [(name, *[None] * 4, result) for name, result in unfinished.items()]
    columns = ("model", "units", "edges", "labelled units", "images", "counted again")
    return printing.table("Held", columns, rows, ("model", "counted again"))
