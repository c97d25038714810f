"""`circuits migrate`: bring an older database up to this version."""

from typing import TYPE_CHECKING

import typer

from app.cli.options import DatabaseOption, connect

if TYPE_CHECKING:
    from catalog import Catalog


def migrate(database: DatabaseOption = None) -> None:
    """Upgrade a database of an older version; units, edges and labels stay.

    Example: circuits migrate
    """
    from catalog import SCHEMA_VERSION  # slow to import, and help does without

    with connect(database) as catalog:
        before = catalog.migrate()
        if before == SCHEMA_VERSION:
            typer.echo(f"The database has schema {SCHEMA_VERSION}, the current one.")
        say_migrated(catalog, before)


def say_migrated(catalog: "Catalog", before: int) -> None:
    """Say that an older database (version `before`) was migrated, and name the saved queries that are now outdated."""
    from catalog import SCHEMA_VERSION  # slow to import, and help does without

    if before == SCHEMA_VERSION:
        return
    typer.echo(f"The database was upgraded from schema {before} to schema {SCHEMA_VERSION}.")
    if outdated := catalog.outdated_queries():
        typer.echo(
            "These saved queries use names that no longer exist, or that now mean something else: "
            f"{', '.join(outdated)}. Find the new names in the changelog, and save the queries again."
        )
