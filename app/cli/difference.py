"""`circuits difference`: show the units that a word raises most, or that answer to both a word and a picture."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import printing
from app.cli.network_options import Font, LayerName, NetworkOption, Pretrained
from app.cli.options import Json, Limit, path

BASELINE = "eeeeee"  # the article's


def difference(
    word: Annotated[str, typer.Argument(help="Any text that fits into the image.")],
    baseline: Annotated[
        str | None,
        typer.Option(show_default=BASELINE, help="A text, or `mean` for the mean over the 10,000 most common words."),
    ] = None,
    also: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            metavar="PATH",
            help="A picture, such as a photograph of what the word names: the units that answer to both, by the "
            "smaller of their mean activations; there is no baseline.",
        ),
    ] = None,
    font: Font = None,
    layer: LayerName = None,
    network: NetworkOption = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show a word to a network, and list the units whose mean activation rises most over a baseline.

    Example: circuits difference anchor --layer 4/2/6
    """
    from catalog import open_network  # slow to import, and help does without

    if also and baseline:
        raise typer.BadParameter("--also and --baseline exclude each other. Leave out one of them.")
    live = open_network(network, pretrained)
    if also:
        ranking, number, title = live.intersection(word, also, layer, font), "activation", f"{word} and {also.name}"
    else:
        text = None if baseline == "mean" else baseline or BASELINE
        ranking = live.difference(word, text, layer, progress=text is None, font=font)
        number, title = "rise", f"{word} over {baseline or BASELINE}"
    rows = [{"unit": str(unit), number: value} for unit, value in ranking.rises(limit)]
    table = printing.table("", ("unit", title), [tuple(row.values()) for row in rows])
    printing.show_rows(rows, table, as_json)
