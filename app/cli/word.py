"""`circuits word`: the units that a word drives most."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.options import Database, Json, Limit, Model, Reveal, open_model


def word(
    text: Annotated[str, typer.Argument(metavar="WORD", help="One of those shown to the network.")],
    layer: Annotated[str | None, typer.Option(help="Of the units; all that were measured if not given.")] = None,
    limit: Limit = 10,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Show which units a word drives furthest above random letter strings of its length.

    Example: circuits word anchor --layer 4/2/6
    """
    from catalog.hiding.veil import Veil

    with open_model(database, model) as (store, card):
        responses = store.readers(text, card.architecture.layer(layer) if layer else None, limit)
        veil = Veil.of(store, reveal)
    rows = [(r.unit, veil.over(r.unit).labels(r.labels), r.value, r.z, r.rank) for r in responses]
    units = printing.table("Units that read it", ("unit", "labels", "value", "z", "rank in layer"), rows)
    printing.show_rows(responses, units, as_json)
