"""`circuits load`: an extraction folder into the database."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Database, Folder, connect, resolved_settings


def load(
    folder: Folder,
    offline_csv: Annotated[
        Path | None, typer.Option("--offline-csv", metavar="DIR", help="Write files for neo4j-admin there instead.")
    ] = None,
    database: Database = None,
) -> None:
    """Load an extraction folder into the database; people's labels stay, and an interrupted load goes on.

    Example: circuits load rn50.extraction
    """
    from extract.folder.extraction import Extraction
    from graph.loading.neo4j_import import write_csv

    if offline_csv is None:
        load_folder(folder, database)
        return
    command = write_csv(Extraction.open(folder), offline_csv)
    typer.echo(f"Stop the server, import into an empty database, start it, and load again to finish:\n\n{command}")


def load_folder(folder: Path, database: str | None) -> None:
    """Load a folder and print what arrived."""
    from extract.folder.extraction import Extraction
    from graph.loading import load

    extraction, place = Extraction.open(folder), resolved_settings(database).place
    if isinstance(place, Path):
        card = load.load(extraction, place)
    else:
        with connect(database) as connection:
            card = load.load(extraction, connection)
    typer.echo(f"{card.id} is loaded: {card.units:,} units, {card.edges:,} edges, {card.images:,} images.")
