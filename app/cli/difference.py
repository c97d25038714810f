"""Verbs that show something to a network itself: `circuits difference` and `circuits attack`."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from app.cli import printing as tables
from app.cli.options import Json, Limit
from catalog.errors import ExportError, torch_needed
from extract.demo import MODEL as DEMO
from extract.files import replace_file
from extract.probes.rasterised_words import ATTACK

if TYPE_CHECKING:
    from PIL.Image import Image

    from extract.recording.typographic_attack import Attack

Network = Annotated[str, typer.Option("--network", help="Such as RN50, or an open_clip configuration file.")]
Pretrained = Annotated[
    str | None,
    typer.Option("--pretrained", help="A tag such as openai, or a weights file; else random, but for the demo."),
]
Classes = Annotated[
    str | None,
    typer.Option("--classes", help="Prompts, comma between, or a file, one a line; for the demo its own concepts."),
]
LayerName = Annotated[
    str | None, typer.Option("--layer", help="Such as 4/2/5, a conv branch; the last sum if not given.")
]


def difference(
    word: Annotated[str, typer.Argument(help="Any text that fits the image.")],
    baseline: Annotated[
        str, typer.Option(help="A text, or mean: the mean over the 10,000 most common words.")
    ] = "eeeeee",
    layer: LayerName = None,
    network: Network = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show a word to a network: the units whose mean activation rises most over a baseline.

    Example: circuits difference anchor --layer 4/2/6
    """
    with torch_needed():
        from extract.network import weights
        from extract.probes.word_lists import most_common
        from extract.recording import difference
    loaded = weights.load_network(network, pretrained)
    chosen = loaded.architecture.layer(layer) if layer else None
    against = most_common() if baseline == "mean" else baseline
    ranking = difference.difference(loaded, word, against, chosen, progress=baseline == "mean")
    rows = [{"unit": str(unit), "rise": rise} for unit, rise in ranking.top(limit) if rise > 0]
    tables.show_rows(rows, tables.rises(word, baseline, rows), as_json)


def attack(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP file.")],
    text: Annotated[str, typer.Argument(help="What is written on it.")],
    classes: Classes = None,
    size: Annotated[float, typer.Option(min=1, help="Of the letters, in 224ths of the image.")] = ATTACK.size,
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
    with torch_needed():
        from extract.network import weights
        from extract.probes import pictures
        from extract.recording import typographic_attack as attack
    shown = pictures.read_picture(picture)
    loaded = weights.load_network(network, pretrained)
    chosen = loaded.architecture.layer(layer) if layer else None
    lettering = replace(ATTACK, size=size)
    among = prompts(loaded.model, classes)
    found = attack.attack(loaded, shown, text, among, chosen, lettering, [at] if at else None)
    if output:
        _write(found.attacked, output)
    content = _told(found, limit)
    if as_json:
        tables.show_json(content)
    else:
        tables.show(*tables.sections(f"with {text!r}", content))


def prompts(model: str, classes: str | None) -> tuple[str, ...]:
    """What an image may be taken for: the prompts or the file's lines, each once; if not given, the demo's concepts."""
    from extract.probes import table as probes
    from extract.probes import word_lists as words

    if classes and Path(classes).is_file():
        return words.from_file(Path(classes))
    if classes is None and model == DEMO:
        return tuple(sorted({str(concept) for concept in probes.read()["concept"].to_pylist()}))
    return tuple(dict.fromkeys(prompt.strip() for prompt in (classes or "").split(",") if prompt.strip()))


def _told(found: "Attack", limit: int) -> dict[str, list[dict[str, str | float]]]:
    """The classes most probable before or after, and the units that change most, as rows."""
    likely = np.argsort(-np.maximum(found.before, found.after), kind="stable")[:limit].tolist()
    classes = [
        {"class": found.classes[i], "before": float(found.before[i]), "after": float(found.after[i])} for i in likely
    ]
    units = {"risen": found.risen(limit), "fallen": found.fallen(limit)}
    changes = {name: [{"unit": str(unit), "change": change} for unit, change in some] for name, some in units.items()}
    return {"classes": classes, **changes}


def _write(picture: "Image", file: Path) -> None:
    from PIL.Image import registered_extensions  # a picture is there, so this is loaded; help does without

    advice, stream = "Name a file such as attacked.png in a folder that is there.", BytesIO()
    try:
        picture.save(stream, registered_extensions()[file.suffix.lower()])
    except (OSError, KeyError) as error:
        raise ExportError(f"{file} cannot be written: Pillow knows no such format. {advice}") from error
    replace_file(file, stream.getvalue(), ExportError, advice)
