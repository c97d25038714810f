"""`circuits migrate`: an older database to this version."""

from typing import TYPE_CHECKING

import typer

from app.cli.options import DatabaseOption, connect

if TYPE_CHECKING:
    from catalog import Catalog


def migrate(database: DatabaseOption = None) -> None:
    """Bring a database of an older version up to this one; units, edges and labels stay.

    Example: circuits migrate
    """
    from catalog import SCHEMA_VERSION  # slow to import, and help does without

    with connect(database) as catalog:
        if not bring_up(catalog):
            catalog.migrate()  # an index may lack
            typer.echo(f"The schema is of version {SCHEMA_VERSION}.")


def bring_up(catalog: "Catalog") -> bool:
    """Migrate a database of an older version, and name the saved queries that it outdates; whether it was older."""
    from catalog import SCHEMA_VERSION  # slow to import, and help does without

    if catalog.schema_version >= SCHEMA_VERSION:
        return False
    before, outdated = catalog.migrate(), catalog.outdated_queries()
    typer.echo(f"The schema is of version {SCHEMA_VERSION}; it was of {before}.")
    if outdated:
        typer.echo(
            f"Saved queries that mention what units no longer have, or what means something else now: "
            f"{', '.join(outdated)}. The changelog says what stands in its place: save them anew."
        )
    return True
