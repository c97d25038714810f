"""`circuits words`: the units that a word, shown as an image, raises most."""

from typing import Annotated

import typer

from app import tables
from app.options import Json, Limit
from catalog.errors import TorchMissing


def words(
    word: Annotated[str, typer.Argument(help="Any text that fits the image.")],
    baseline: Annotated[
        str, typer.Option(help="A text, or mean: the mean over the 10,000 most common words.")
    ] = "eeeeee",
    layer: Annotated[str | None, typer.Option(help="Such as 4/2/5, a conv branch; the last sum if not given.")] = None,
    network: Annotated[str, typer.Option(help="Such as RN50, or an open_clip configuration file.")] = "demo",
    pretrained: Annotated[
        str | None, typer.Option(help="A tag such as openai, or a weights file; else random, but for the demo.")
    ] = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show a word to a network: the units whose mean activation rises most over a baseline.

    Example: circuits words anchor --layer 4/2/6
    """
    try:
        from extract import difference, weights
        from extract.words import most_common
    except ImportError as error:
        raise TorchMissing(
            f"Showing a word needs torch and open_clip ({error}). Install them: pip install 'clip-circuits[extract]'"
        ) from error
    loaded = weights.load_network(network, pretrained)
    chosen = loaded.architecture.layer(layer) if layer else None
    against = most_common() if baseline == "mean" else baseline
    ranking = difference.difference(loaded, word, against, chosen, progress=baseline == "mean")
    rows = [{"unit": str(unit), "rise": rise} for unit, rise in ranking.top(limit) if rise > 0]
    tables.show_rows(rows, tables.rises(word, baseline, rows), as_json)
