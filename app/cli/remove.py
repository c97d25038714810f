"""`circuits remove`: remove a model from the database."""

from typing import Annotated

import typer

from app.cli.confirmation import Yes, confirm
from app.cli.options import DatabaseOption, connect
from extract.printable import printable


def remove(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Such as RN50:openai.")],
    with_labels: Annotated[
        bool,
        typer.Option("--with-labels", help="Also remove labels, flags and saved circuits, for good."),
    ] = False,
    yes: Yes = False,
    database: DatabaseOption = None,
) -> None:
    """Remove a model from the database; its labels stay for when it is loaded again.

    Example: circuits remove RN50:openai
    """
    with connect(database) as catalog:
        confirm(printable(catalog.plan_removal(model, with_labels).sentence), yes)
        removal = catalog.remove(model, with_labels)
    typer.echo(f"Removed: {printable(removal.sentence)}")
