"""Print how much was read of the user's pictures or words, and what was left out."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from extract.printable import printable

if TYPE_CHECKING:
    from catalog import Reading

_NAMED = 20  # names printed of what was left out


def print_reading(reading: "Reading", names: Path | None = None) -> None:
    """Print the first names that were left out, then what was read in one line; the file `names` lists all names."""
    for left_out in reading.left_out[:_NAMED]:
        typer.echo(f"circuits: {printable(left_out.name)} was left out: {printable(left_out.reason)}.", err=True)
    place = f"; all names are in {names}" if names and reading.left_out[_NAMED:] else ""
    typer.echo(f"circuits: {printable(str(reading))}{place}", err=True)
