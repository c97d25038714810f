"""`circuits figure`: a circuit drawn into a file."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Database, Limit, Model, Reveal, open_model


def figure(
    subject: Annotated[
        str, typer.Argument(metavar="UNIT|FILE", help="A unit, or a circuit that `circuits export` wrote.")
    ],
    output: Annotated[Path, typer.Option(help="The file; .svg, .png or .pdf tells the form.")],
    circuit: Annotated[
        bool, typer.Option("--circuit/--neighbourhood", help="Which circuit of a unit: the enrichment circuit or this.")
    ] = False,
    limit: Limit = 5,
    pictures: Annotated[
        bool | None,
        typer.Option("--pictures/--no-pictures", help="Out of the catalog; without being asked for a unit alone."),
    ] = None,
    scale: Annotated[float, typer.Option(min=0.1, max=10, help="Pixels of a PNG for each of the drawing.")] = 2.0,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
) -> None:
    """Draw a unit's neighbourhood, its enrichment circuit or an exported circuit as SVG, PNG or PDF.

    Example: circuits figure 4/2/6/34 --circuit --output unit-34.pdf
    """
    from catalog.circuits import export, rendering
    from catalog.circuits.circuit import printable
    from catalog.circuits.figure import draw
    from catalog.circuits.local import enrichment_circuit, neighbourhood
    from catalog.circuits.pictures import with_pictures
    from catalog.hiding.veil import Veil

    if Path(subject).suffix in export.SUFFIXES:
        drawn = export.read(Path(subject))
        if pictures:
            with open_model(database, model or drawn.model) as (store, _):
                drawn = with_pictures(store, drawn, reveal)
    else:
        with open_model(database, model) as (store, card):
            around = enrichment_circuit if circuit else neighbourhood
            drawn = around(store, card.architecture.unit(subject), limit)
            drawn = drawn if pictures is False else with_pictures(store, drawn, reveal)
    rendering.write(draw(drawn, revealed=reveal), output, scale)
    name = printable(Veil(reveal).label(drawn.name))
    typer.echo(f"{name}: {len(drawn.units)} units and {len(drawn.edges)} edges are drawn in {output}.")
