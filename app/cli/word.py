"""`circuits word`: show the units that a word drives most."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.options import DatabaseOption, Json, Limit, ModelName, Reveal, Wide, open_model


def word(
    text: Annotated[str, typer.Argument(metavar="WORD", help="A word that the network was shown.")],
    layer: Annotated[str | None, typer.Option(help="The layer of the units; by default all measured layers.")] = None,
    limit: Limit = 10,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show which units a word drives furthest above random letter strings of its length.

    Example: circuits word anchor --layer 4/2/6
    """
    with open_model(database, model_name) as model:
        responses, veil = model.units_reading(text, layer, limit), model.veil(reveal)
    rows = [(r.unit, veil.over(r.unit).labels(r.labels), r.value, r.z, r.rank) for r in responses]
    columns = ("unit", "labels", "value", "z", "rank in layer")
    units = printing.table("Units that read it", columns, rows, ("unit", "z", "labels"))
    printing.show_rows(responses, units, as_json, wide)
