"""`circuits figure`: draw a circuit into a file."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DatabaseOption, Limit, ModelName, Reveal, at_home, open_model, path
from app.cli.writing import writing


def figure(
    subject: Annotated[
        str,
        typer.Argument(parser=at_home, metavar="UNIT|FILE", help="A unit, or a circuit that `circuits export` wrote."),
    ],
    output: Annotated[Path, typer.Option(parser=path, metavar="PATH", help="The file to write: .svg, .png or .pdf.")],
    circuit: Annotated[
        bool, typer.Option("--circuit/--neighbourhood", help="Which circuit of a unit to draw.")
    ] = False,
    limit: Limit = 5,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures",
            help="Draw pictures from the catalog; the default for a unit, not for a circuit's file.",
        ),
    ] = None,
    scale: Annotated[float, typer.Option(min=0.1, max=10, help="Pixels of a PNG for each pixel of the drawing.")] = 2.0,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
) -> None:
    """Draw a unit's neighbourhood, its enrichment circuit or an exported circuit as SVG, PNG or PDF.

    Example: circuits figure 4/2/6/34 --circuit --output unit-34.pdf
    """
    from catalog import READABLE_CIRCUITS, Veil, printable, read_circuit  # slow to import, and help does without

    with writing(output):
        if Path(subject).suffix.casefold() in READABLE_CIRCUITS:
            view = read_circuit(subject)
            if pictures:
                with open_model(database, model_name or view.record.model) as model:
                    model.circuit(view).render(output, scale, reveal)
            else:
                view.render(output, scale, reveal)
        else:
            with open_model(database, model_name) as model:
                unit = model.unit(subject)
                view = unit.enrichment_circuit(limit) if circuit else unit.neighbourhood(limit)
                view.render(output, scale, reveal, pictures is not False)
    name = printable(Veil(reveal).label(view.name))
    typer.echo(f"{name}: {len(view.units)} units and {len(view.edges)} edges are drawn in {output}.")
