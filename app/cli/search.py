"""`circuits search`: units by labels, by what drives them, and by numbers."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.options import Database, Json, Limit, Model, Reveal, open_model
from graph.records import Filters, Modality

Bounds = list[str] | None


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Of a label, a concept or a word; nothing for any.")] = "",
    layer: Annotated[str | None, typer.Option(help="Of the units; any if not given.")] = None,
    labelled: Annotated[bool | None, typer.Option("--labelled/--unlabelled", help="Only units with labels.")] = None,
    modality: Annotated[Modality | None, typer.Option(help="What the units are more selective for.")] = None,
    least: Annotated[Bounds, typer.Option(metavar="NAME=NUMBER", help="Such as share_exact=0.5; repeatable.")] = None,
    most: Annotated[Bounds, typer.Option(metavar="NAME=NUMBER", help="The same from above.")] = None,
    limit: Limit = 60,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Search for units by labels, by what their top examples show, by words that drive them, and by numbers.

    Example: circuits search banana --layer 4/2/6 --least share_exact=0.5 --limit 10
    """
    from catalog.hiding.veil import Veil
    from catalog.search import reason

    bounds = (dict(map(_bound, bounds or [])) for bounds in (least, most))
    with open_model(database, model) as (store, card):
        within = card.architecture.layer(layer) if layer else None
        units = store.search(text, Filters(within, labelled, modality, *bounds), limit)
        veil = Veil.of(store, reveal)
    rows = []
    for result in units:
        own = veil.over(result.unit.id)
        reasons = dict.fromkeys(reason(match, own) for match in result.matches)
        rows.append((str(result.unit.id), own.labels(result.unit.labels), "; ".join(reasons)))
    printing.show_rows(units, printing.table("", ("unit", "labels", "why"), rows), as_json)


def _bound(text: str) -> tuple[str, float]:
    """A statistic's name and number, from NAME=NUMBER."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} bounds nothing. Write NAME=NUMBER, such as share_exact=0.5.") from None
