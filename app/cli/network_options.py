"""Options of the commands that read a network, and the prompts and folders that these options name."""

import re
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import at_home, path, resolved_settings

NetworkOption = Annotated[
    str,
    typer.Option("--network", parser=at_home, metavar="TEXT", help="Such as RN50, or an open_clip configuration file."),
]
NetworkName = Annotated[
    str, typer.Argument(parser=at_home, metavar="NAME", help="Such as RN50, demo, or an open_clip configuration file.")
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        "--pretrained",
        parser=at_home,
        metavar="TEXT",
        help="A tag such as openai, or a weights file; else random, but for the demo.",
    ),
]
ClassesFile = Annotated[
    str | None,
    typer.Option(
        "--classes",
        parser=at_home,
        metavar="TEXT",
        help="Prompts, comma-separated, or a file with one per line; for the demo its own concepts.",
    ),
]
Font = Annotated[
    Path | None,
    typer.Option(
        "--font", parser=path, metavar="PATH", help="The letters' font, a .ttf or .otf file; by default DejaVu Sans."
    ),
]
ProbedFolder = Annotated[
    Path,
    typer.Option("--extraction", parser=path, metavar="PATH", help="An extraction folder of this network with probes."),
]
SameProbes = Annotated[
    str, typer.Option("--probes", parser=at_home, metavar="TEXT", help="The same images that `extract` was given.")
]
SumName = Annotated[str | None, typer.Option("--layer", help="A sum such as 4/2/6; the last one if not given.")]
LayerName = Annotated[
    str | None, typer.Option("--layer", help="Such as 4/2/5, a conv branch; by default the last sum.")
]
Pictures = Annotated[
    str,
    typer.Option(
        "--pictures",
        parser=at_home,
        metavar="TEXT",
        help="A folder, WebDataset shards, a table of probes, or demo for the demo's own.",
    ),
]


def prompts(classes: str | None) -> Path | list[str] | None:
    """Return the prompts that an image is compared with: a file with one prompt a line, or the texts between commas."""
    if classes is None:
        return None
    if Path(classes).is_file():
        return Path(classes)
    return [prompt.strip() for prompt in classes.split(",") if prompt.strip()]


def default_folder(model: str, database: str | None) -> Path:
    """Return where a model's extraction is unless the user says so; the demo's is where `circuits demo` puts it."""
    from catalog import DEMO  # slow to import, and help does without

    return resolved_settings(database).home / "demo.extraction" if model == DEMO else folder_of(model)


def folder_of(model: str) -> Path:
    """Return the name of a model's extraction folder, in the working folder; a hash in the model's id is left out."""
    return Path(re.sub(r"[^\w.-]+", "-", model.partition("@")[0]) + ".extraction")
