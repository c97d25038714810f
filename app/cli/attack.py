"""`circuits attack`: write a text on a picture, and show what that changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.network_options import ClassesFile, Font, LayerName, NetworkOption, Pretrained, prompts
from app.cli.options import Json, Limit, Wide, path
from app.cli.writing import writing

if TYPE_CHECKING:
    from catalog import Attack  # slow to import, and help does without


def attack(
    picture: Annotated[Path, typer.Argument(parser=path, metavar="PATH", help="A PNG, JPEG or WebP file.")],
    text: Annotated[str, typer.Argument(help="The text to write on the picture.")],
    classes: ClassesFile = None,
    size: Annotated[float, typer.Option(min=1, help="The letters' size, in 224ths of the image.")] = 20,
    at: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Write it once, at x and y in pixels of the network's input; by default four times, as in the article."
        ),
    ] = None,
    font: Font = None,
    layer: LayerName = None,
    network: NetworkOption = "demo",
    pretrained: Pretrained = None,
    output: Annotated[
        Path | None, typer.Option(parser=path, metavar="PATH", help="Where to write the attacked picture.")
    ] = None,
    limit: Limit = 5,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Write a text on a picture; compare the network's answers and units before and after.

    Example: circuits attack cat.png dog --output attacked.png
    """
    from catalog import open_network  # slow to import, and help does without

    live = open_network(network, pretrained)
    result = live.attack(picture, text, prompts(classes), layer, size, at, font)
    if output:
        with writing(output):
            live.write_picture(result.attacked, output)
    content = _rows(result, limit)
    if as_json:
        printing.show_json(content)
    else:
        printing.show(*printing.sections(f"with {text!r}", content), wide=wide)


def _rows(attack: "Attack", limit: int) -> dict[str, list[dict[str, object]]]:
    """Return rows of the classes that are most probable before or after, and of the units that change most."""
    before, after = attack.before, attack.after
    return {
        "classes": [
            {"class": attack.classes[place], "before": float(before[place]), "after": float(after[place])}
            for place in attack.likeliest(limit)
        ],
        "risen": [{"unit": unit, "change": change} for unit, change in attack.risen(limit)],
        "fallen": [{"unit": unit, "change": change} for unit, change in attack.fallen(limit)],
    }
