"""`circuits levels`: show how a unit's activation is distributed, and draw images of its levels to be sorted."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import printing
from app.cli.options import Folder, Json, UnitName, path

if TYPE_CHECKING:
    from catalog import Estimate  # slow to import, and help does without

LEVELS = (-1.0, 0.0, 1.0, 2.0, 3.0)


def levels(
    folder: Folder,
    name: UnitName,
    branch: Annotated[
        Literal["unit", "sum", "shortcut", "conv"],
        typer.Option(help="The branch of a sum's unit; `unit` is the named unit itself."),
    ] = "unit",
    draw: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            metavar="DIR",
            help="Write shuffled images of all levels, and a sheet to complete, into this folder.",
        ),
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="How many images per level.")] = 10,
    level: Annotated[
        list[float] | None, typer.Option(help="Standard deviations from the mean; repeatable; by default -1 to 3.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sorted", parser=path, metavar="PATH", help="A completed sheet: record how it was sorted."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what another sheet recorded.")] = False,
    as_json: Json = False,
) -> None:
    """Show how a unit's activation is distributed; draw images of each level to sort, and record the result.

    Example: circuits levels demo.extraction 4/2/6/34 --draw sorting
    """
    from catalog import open_extraction  # slow to import, and help does without

    extraction = open_extraction(folder)
    if sheet is not None:
        estimates = extraction.store_sorting(name, sheet, branch, replace)
        printing.show_rows(estimates, _estimates(estimates), as_json)
    elif draw is not None:
        task = extraction.draw_levels(name, draw, level or LEVELS, each, branch)
        typer.echo(f"Fill in the last column of {task}.")
    else:
        shape = extraction.distribution(name, branch, bins=20)
        rows = [
            {"from": float(low), "to": float(high), "probes": int(count)}
            for low, high, count in zip(shape.edges, shape.edges[1:], shape.counts, strict=False)
        ]
        title = (
            f"Activation of {extraction.unit(name, branch)}: mean {shape.mean:.4g}, standard deviation {shape.sd:.4g}"
        )
        histogram = printing.table(title, ("from", "to", "probes"), [tuple(row.values()) for row in rows])
        printing.show_rows(rows, histogram, as_json)


def _estimates(estimates: "Iterable[Estimate]") -> printing.TerminalTable:
    """Make a table of how probable each category is at each level."""
    rows = [(e.level, e.category, f"{e.n} of {e.of}", e.probability, e.low, e.high) for e in estimates]
    columns = ("level", "category", "images", "probability", "at least", "at most")
    return printing.table("Sorted", columns, rows)
