"""`circuits attack`: what a text written on a picture does."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.network_options import Classes, LayerName, Network, Pretrained, prompts
from app.cli.options import Json, Limit
from extract.files import replace_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from extract.recording.typographic_attack import Attack


def attack(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP file.")],
    text: Annotated[str, typer.Argument(help="What is written on it.")],
    classes: Classes = None,
    size: Annotated[float, typer.Option(min=1, help="Of the letters, in 224ths of the image.")] = 20,
    at: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Once there, x and y in pixels of the network's input; else four times, as in the article."),
    ] = None,
    layer: LayerName = None,
    network: Network = "demo",
    pretrained: Pretrained = None,
    output: Annotated[Path | None, typer.Option(help="Where to write the attacked picture.")] = None,
    limit: Limit = 5,
    as_json: Json = False,
) -> None:
    """Write a text on a picture: what the network takes it for before and after, and the units that change most.

    Example: circuits attack cat.png dog --output attacked.png
    """
    from catalog.errors import torch_needed

    with torch_needed():
        from extract.network import weights
        from extract.probes.pictures import read_picture
        from extract.probes.rasterised_words import ATTACK
        from extract.recording import typographic_attack
    original = read_picture(picture)
    live = weights.load_network(network, pretrained)
    recorded = live.architecture.layer(layer) if layer else None
    lettering, places = replace(ATTACK, size=size), [at] if at else None
    result = typographic_attack.attack(live, original, text, prompts(live.model, classes), recorded, lettering, places)
    if output:
        _write(result.attacked, output)
    content = _rows(result, limit)
    if as_json:
        printing.show_json(content)
    else:
        printing.show(*printing.sections(f"with {text!r}", content))


def _rows(attack: "Attack", limit: int) -> dict[str, list[dict[str, str | float]]]:
    """The classes most probable before or after, and the units that change most, as rows."""
    import numpy as np  # which the network has loaded

    likely = np.argsort(-np.maximum(attack.before, attack.after), kind="stable")[:limit].tolist()
    classes = [
        {"class": attack.classes[i], "before": float(attack.before[i]), "after": float(attack.after[i])} for i in likely
    ]
    units = {"risen": attack.risen(limit), "fallen": attack.fallen(limit)}
    changes = {name: [{"unit": str(unit), "change": change} for unit, change in some] for name, some in units.items()}
    return {"classes": classes, **changes}


def _write(picture: "Image", file: Path) -> None:
    """Write a picture in the format that the file's name tells; ExportError where that cannot be done."""
    from PIL.Image import registered_extensions  # a picture is there, so this is loaded; help does without

    from catalog.errors import ExportError

    advice, stream = "Name a file such as attacked.png in a folder that is there.", BytesIO()
    try:
        picture.save(stream, registered_extensions()[file.suffix.lower()])
    except (OSError, KeyError) as error:
        raise ExportError(f"{file} cannot be written: Pillow knows no such format. {advice}") from error
    replace_file(file, stream.getvalue(), ExportError, advice)
