"""The verb that searches for units: `circuits search`."""

from typing import Annotated

import typer

from app.cli import printing as tables
from app.cli.options import Database, Json, Limit, Model, Reveal, opened
from catalog.hiding.veil import Veil
from graph.records import Filters, Modality
from graph.search import LIMIT

Bounds = list[str] | None


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Of a label, a concept or a word; nothing for any.")] = "",
    layer: Annotated[str | None, typer.Option(help="Of the units; any if not given.")] = None,
    labelled: Annotated[bool | None, typer.Option("--labelled/--unlabelled", help="Only units with labels.")] = None,
    modality: Annotated[Modality | None, typer.Option(help="What the units are more selective for.")] = None,
    least: Annotated[Bounds, typer.Option(metavar="NAME=NUMBER", help="Such as share_exact=0.5; repeatable.")] = None,
    most: Annotated[Bounds, typer.Option(metavar="NAME=NUMBER", help="The same from above.")] = None,
    limit: Limit = LIMIT,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Search for units by labels, by what their top examples show, by words that drive them, and by numbers.

    Example: circuits search banana --layer 4/2/6 --least share_exact=0.5 --limit 10
    """
    bounds = (dict(map(_bound, given or [])) for given in (least, most))
    with opened(database, model) as (store, card):
        within = card.architecture.layer(layer) if layer else None
        found = store.search(text, Filters(within, labelled, modality, *bounds), limit)
        veil = Veil.of(store, reveal)
    tables.show_rows(found, tables.found(found, veil), as_json)


def _bound(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} bounds nothing. Write NAME=NUMBER, such as share_exact=0.5.") from None
