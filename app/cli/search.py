"""`circuits search`: find units by labels, by what drives them, and by numbers."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.options import DatabaseOption, Json, Limit, ModelName, Reveal, Wide, open_model
from graph.records import Modality

Bounds = list[str] | None


def search(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A part of a label, a concept or a word; empty for any.")
    ] = "",
    layer: Annotated[str | None, typer.Option(help="The layer of the units; by default any.")] = None,
    labelled: Annotated[bool | None, typer.Option("--labelled/--unlabelled", help="Only units with labels.")] = None,
    modality: Annotated[
        Modality | None, typer.Option(help="What the units are more selective for: words or pictures.")
    ] = None,
    least: Annotated[
        Bounds,
        typer.Option(metavar="NAME=NUMBER", help="Only units with at least this, such as share_exact=0.5; repeatable."),
    ] = None,
    most: Annotated[
        Bounds, typer.Option(metavar="NAME=NUMBER", help="Only units with at most this, as for --least.")
    ] = None,
    limit: Limit = 60,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Search for units by labels, top probes, words that drive them, and measured numbers.

    Example: circuits search banana --layer 4/2/6 --least share_exact=0.5 --limit 10
    """
    from catalog import reason  # slow to import, and help does without

    at_least, at_most = (dict(map(_bound, bounds or [])) for bounds in (least, most))
    with open_model(database, model_name) as model:
        hits = model.search(text, layer, labelled, modality, at_least, at_most, limit)
        veil = model.veil(reveal)
    rows = []
    for hit in hits:
        own = veil.over(hit.unit.id)
        reasons = dict.fromkeys(reason(match, own) for match in hit.matches)
        rows.append((hit.unit.id, own.labels(hit.unit.labels), "; ".join(reasons)))
    printing.show_rows(hits, printing.table("", ("unit", "labels", "why"), rows), as_json, wide)


def _bound(text: str) -> tuple[str, float]:
    """Return a statistic's name and its bound, from NAME=NUMBER. Raises BadParameter."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a bound. Write NAME=NUMBER, such as share_exact=0.5.") from None
