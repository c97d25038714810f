"""`circuits levels`: how a unit's activation is distributed, and what is shown at each of its levels."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli import printing as tables
from app.cli.options import Folder, Json, UnitName
from extract.folder.extraction import Extraction
from extract.responses import levels as library
from extract.responses import sorting_task as sorting

LEVELS = (-1.0, 0.0, 1.0, 2.0, 3.0)


def levels(
    folder: Folder,
    name: UnitName,
    branch: Annotated[
        Literal["unit", "sum", "shortcut", "conv"], typer.Option(help="Of a sum's unit; unit is the one named.")
    ] = "unit",
    draw: Annotated[Path | None, typer.Option(metavar="DIR", help="Lay out images of each level there.")] = None,
    each: Annotated[int, typer.Option(min=1, help="Images a level.")] = 10,
    level: Annotated[
        list[float] | None, typer.Option(help="Standard deviations from the mean; repeatable; -1 to 3 if not given.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sorted", help="A sheet that was filled in: keep what it says.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how a unit's activation is distributed; draw images of its levels to sort, and keep how they were sorted.

    Example: circuits levels demo.extraction 4/2/6/34 --draw sorting
    """
    extraction = Extraction.open(folder)
    named = extraction.manifest.architecture.unit(name)
    unit = named if branch == "unit" else library.of_branch(extraction, named, branch)
    if sheet is not None:
        found = library.store(extraction, named, branch, sorting.read(sheet))
        tables.show_rows(found, tables.estimates(found), as_json)
    elif draw is not None:
        typer.echo(f"Fill in the last column of {sorting.draw(extraction, unit, level or LEVELS, draw, each)}.")
    else:
        shape = library.distribution(extraction, unit, bins=20)
        rows = [
            {"from": float(low), "to": float(high), "probes": int(count)}
            for low, high, count in zip(shape.edges, shape.edges[1:], shape.counts, strict=False)
        ]
        tables.show_rows(rows, tables.histogram(str(unit), shape.mean, shape.sd, rows), as_json)
