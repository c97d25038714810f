"""Options of the commands that read a network, and what they name."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import resolved_settings

if TYPE_CHECKING:
    from extract.probes.sources import Source

Network = Annotated[str, typer.Option("--network", help="Such as RN50, or an open_clip configuration file.")]
NetworkName = Annotated[
    str, typer.Argument(metavar="NAME", help="Such as RN50, demo, or an open_clip configuration file.")
]
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
Pictures = Annotated[
    str, typer.Option("--pictures", help="A folder, WebDataset shards, a table of probes, or demo for the demo's own.")
]


def prompts(model: str, classes: str | None) -> tuple[str, ...]:
    """What an image may be taken for: the prompts or the file's lines, each once; if not given, the demo's concepts."""
    from extract.demo import MODEL as DEMO
    from extract.probes import table, word_lists

    if classes and Path(classes).is_file():
        return word_lists.from_file(Path(classes))
    if classes is None and model == DEMO:
        return tuple(sorted({str(concept) for concept in table.read()["concept"].to_pylist()}))
    return tuple(dict.fromkeys(prompt.strip() for prompt in (classes or "").split(",") if prompt.strip()))


def probes_at(place: str) -> "Source":
    """The probes at a path, or the demo's."""
    from extract.demo import PROBES
    from extract.probes.sources import source

    return source(PROBES if place == "demo" else place)


def default_folder(model: str, database: str | None) -> Path:
    """Where a model's extraction is unless another place is named; the demo's is where `circuits demo` puts it."""
    from extract.demo import MODEL as DEMO

    return resolved_settings(database).home / "demo.extraction" if model == DEMO else folder_of(model)


def folder_of(model: str) -> Path:
    """The name of a folder for a model's extraction, here."""
    return Path(re.sub(r"[^\w.-]+", "-", model) + ".extraction")
