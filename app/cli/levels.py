"""`circuits levels`: how a unit's activation is distributed, and what is shown at each of its levels."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import printing
from app.cli.options import Folder, Json, UnitName

if TYPE_CHECKING:
    from extract.responses.levels import Estimate

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
    from extract.folder.extraction import Extraction
    from extract.responses import sorting_task
    from extract.responses.levels import distribution, of_branch, store

    extraction = Extraction.open(folder)
    named = extraction.manifest.architecture.unit(name)
    unit = named if branch == "unit" else of_branch(extraction, named, branch)
    if sheet is not None:
        estimates = store(extraction, named, branch, sorting_task.read(sheet))
        printing.show_rows(estimates, _estimates(estimates), as_json)
    elif draw is not None:
        sheet_file = sorting_task.draw(extraction, unit, level or LEVELS, draw, each)
        typer.echo(f"Fill in the last column of {sheet_file}.")
    else:
        shape = distribution(extraction, unit, bins=20)
        rows = [
            {"from": float(low), "to": float(high), "probes": int(count)}
            for low, high, count in zip(shape.edges, shape.edges[1:], shape.counts, strict=False)
        ]
        title = f"Activation of {unit}: mean {shape.mean:.4g}, standard deviation {shape.sd:.4g}"
        histogram = printing.table(title, ("from", "to", "probes"), [tuple(row.values()) for row in rows])
        printing.show_rows(rows, histogram, as_json)


def _estimates(estimates: "Iterable[Estimate]") -> printing.TerminalTable:
    """How probable each category is at each level."""
    rows = [(e.level, e.category, f"{e.n} of {e.of}", e.probability, e.low, e.high) for e in estimates]
    columns = ("level", "category", "images", "probability", "at least", "at most")
    return printing.table("Sorted", columns, rows)
