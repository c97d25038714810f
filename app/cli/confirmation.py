"""Ask before something is removed."""

from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", help="Remove it without asking.")]


def confirm(consequence: str, yes: bool) -> None:
    """Say what removing does and ask, unless `yes`; exit with code 2 if the answer is no or nobody answers."""
    if yes:
        return
    typer.echo(consequence, err=True)
    try:
        agreed = typer.confirm("Remove it?", err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        typer.echo("circuits: nothing was removed. Answer y to remove it, or pass --yes.", err=True)
        raise typer.Exit(2)
