"""`circuits load`: load an extraction folder into the database."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.migrate import say_migrated
from app.cli.options import DatabaseOption, Folder, connect, path
from extract.printable import printable

if TYPE_CHECKING:
    from catalog import Catalog


def load(
    folder: Folder,
    offline_csv: Annotated[
        Path | None,
        typer.Option(
            "--offline-csv", parser=path, metavar="DIR", help="Write files for neo4j-admin into this folder instead."
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Load an extraction folder into the database; labels stay, and an interrupted load resumes.

    Example: circuits load rn50.extraction
    """
    with connect(database) as catalog:
        if offline_csv is None:
            load_folder(catalog, folder)
            return
        command = catalog.export_csv(folder, offline_csv)
    typer.echo(f"Stop the server, import into an empty database, start it, and load again to finish:\n\n{command}")


def load_folder(catalog: "Catalog", folder: Path) -> None:
    """Load an extraction folder, after migrating a database of an older version, and print what was loaded."""
    from catalog import open_extraction  # slow to import, and help does without

    extraction = open_extraction(folder)
    if not extraction.has_checksum:
        typer.echo(
            f"circuits: an earlier version wrote {folder}, without a checksum in the manifest. Its model and settings "
            "could not be checked.",
            err=True,
        )
    card = catalog.load(extraction, on_migration=partial(say_migrated, catalog)).card
    typer.echo(f"{printable(card.id)} is loaded: {card.units:,} units, {card.edges:,} edges, {card.images:,} images.")
