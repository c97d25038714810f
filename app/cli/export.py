"""`circuits export`: write a circuit as a file for other graph tools."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.options import DatabaseOption, Limit, ModelName, UnitName, open_model, path
from app.cli.writing import writing


def export(
    name: UnitName,
    output: Annotated[
        Path, typer.Option(parser=path, metavar="PATH", help="The file to write: .json, .graphml or .zip.")
    ],
    form: Annotated[
        Literal["json", "graphml", "csv"] | None, typer.Option("--format", help="csv is a zip with two tables.")
    ] = None,
    circuit: Annotated[
        bool, typer.Option("--circuit", help="Write the enrichment circuit instead of the neighbourhood.")
    ] = False,
    limit: Limit = 10,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Write a unit's neighbourhood or enrichment circuit to a file for other graph tools.

    Example: circuits export 4/2/6/34 --circuit --output unit-34.graphml
    """
    with open_model(database, model_name) as model:
        unit = model.unit(name)
        view = unit.enrichment_circuit(limit) if circuit else unit.neighbourhood(limit)
    with writing(output):
        view.export(output, form)
    typer.echo(f"{view.name}: {len(view.units)} units and {len(view.edges)} edges are in {output}.")
