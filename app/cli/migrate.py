"""`circuits migrate`: an older database to this version."""

import typer

from app.cli.options import DatabaseOption, connect


def migrate(database: DatabaseOption = None) -> None:
    """Bring a database of an older version up to this one; units, edges and labels stay.

    Example: circuits migrate
    """
    from catalog import SCHEMA_VERSION  # slow to import, and help does without

    with connect(database) as catalog:
        before, outdated = catalog.migrate(), catalog.outdated_queries()
    older = f"; it was of {before}." if before < SCHEMA_VERSION else "."
    typer.echo(f"The schema is of version {SCHEMA_VERSION}{older}")
    if outdated and before < SCHEMA_VERSION:
        typer.echo(
            f"Saved queries that mention what units no longer have, or what means something else now: "
            f"{', '.join(outdated)}. The changelog says what stands in its place: save them anew."
        )
