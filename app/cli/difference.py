"""`circuits difference`: the units whose activation a word raises most."""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.network_options import Font, LayerName, NetworkOption, Pretrained
from app.cli.options import Json, Limit


def difference(
    word: Annotated[str, typer.Argument(help="Any text that fits the image.")],
    baseline: Annotated[
        str, typer.Option(help="A text, or mean: the mean over the 10,000 most common words.")
    ] = "eeeeee",
    font: Font = None,
    layer: LayerName = None,
    network: NetworkOption = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show a word to a network: the units whose mean activation rises most over a baseline.

    Example: circuits difference anchor --layer 4/2/6
    """
    from catalog import open_network  # slow to import, and help does without

    common = baseline == "mean"
    live = open_network(network, pretrained)
    ranking = live.difference(word, None if common else baseline, layer, progress=common, font=font)
    rows = [{"unit": str(unit), "rise": rise} for unit, rise in ranking.top(limit) if rise > 0]
    rises = printing.table("", ("unit", f"{word} over {baseline}"), [(row["unit"], row["rise"]) for row in rows])
    printing.show_rows(rows, rises, as_json)
