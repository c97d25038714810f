"""Verbs that take parts of a network away to see what they do: `circuits ablate` and `circuits calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import typer

from app.cli import printing as tables
from app.cli.difference import Classes, Network, Pretrained, prompts
from app.cli.extract import default_folder, probes_at
from app.cli.options import Database, Json, Limit, UnitName
from app.cli.scatter import scatter
from catalog.errors import ExportError, torch_needed
from extract.files import replace_file
from extract.folder.extraction import Extraction
from extract.units import Architecture, Layer

if TYPE_CHECKING:
    from extract.ablation.part_ablation import Ablation

How = Literal["mean", "resample", "zero"]
Pictures = Annotated[
    str, typer.Option("--pictures", help="A folder, WebDataset shards, a table of probes, or demo for the demo's own.")
]


def ablate(
    name: UnitName,
    branch: Annotated[
        Literal["conv", "shortcut"] | None, typer.Option(help="What is taken away from a sum's unit.")
    ] = None,
    edge: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Or what this unit brings it over one convolution.")
    ] = None,
    pictures: Pictures = "demo",
    count: Annotated[int, typer.Option(min=2, help="Of the pictures at most, drawn at random.")] = 64,
    how: Annotated[
        How | None,
        typer.Option(help="What stands in its place; mean and resample if not given, and zero only beside both."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    classes: Classes = None,
    network: Network = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 5,
    as_json: Json = False,
) -> None:
    """Take a branch or an edge away from a unit: what that changes of the unit, the embedding and the logits.

    Example: circuits ablate 4/2/6/34 --branch conv
    """
    if (branch is None) == (edge is None):
        raise typer.BadParameter("Name either a --branch or the source of an --edge.")
    with torch_needed():
        from extract.ablation import part_ablation as ablation
        from extract.network import parts, weights
        from extract.probes import sample as reference
    loaded = weights.load_network(network, pretrained)
    unit = loaded.architecture.unit(name)
    part = parts.Branch(unit, branch) if branch else parts.ConvolutionEdge(loaded.architecture.unit(edge or ""), unit)
    parts.check(loaded.architecture, part)
    shown = reference.random_sample(probes_at(pictures), count, seed)
    ways = (how,) if how else ablation.REPLACEMENTS
    found = ablation.ablate(loaded, part, list(shown.values()), prompts(loaded.model, classes), ways, seed)
    content = _told(found, list(shown), limit)
    if as_json:
        tables.show_json(content)
    else:
        tables.show(*tables.sections(f"without {part}", content))


def calibrate(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Such as RN50, demo, or an open_clip configuration file.")
    ],
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE:TARGET", help="Layers; repeatable; else several into the last conv branch."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The extraction it goes to; where extracting put it.")
    ] = None,
    pictures: Pictures = "demo",
    count: Annotated[int, typer.Option(min=2, help="Of the pictures at most, drawn at random.")] = 128,
    edges: Annotated[int, typer.Option(min=1, help="Of a layer pair; half are the strongest, half random.")] = 600,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Where to draw static against measured.")
    ] = None,
    pretrained: Pretrained = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Measure by ablation how far expanded weights can be believed, layer pair by layer pair.

    Example: circuits calibrate demo --pair 4/1/6:4/2/5 --plot calibration.svg
    """
    with torch_needed():
        from extract.ablation import calibration
        from extract.network import weights
        from extract.probes import sample as reference
    from extract.ablation.calibration import agreements

    loaded = weights.load_network(name, pretrained)
    extraction = Extraction.open(folder or default_folder(loaded.model, database))
    layers = [_layers(loaded.architecture, text) for text in pair] if pair else calibration.pairs(loaded.architecture)
    shown = list(reference.random_sample(probes_at(pictures), count, seed).values())
    measured = [calibration.calibrate(loaded, extraction, *each, shown, edges, seed) for each in layers]
    found = pa.concat_tables(measured)
    told = agreements(found)
    if plot is not None:
        advice = "Name a file in a folder that is there."
        replace_file(plot, scatter(found, told).encode(), ExportError, advice)
    tables.show_rows(told, tables.agreements(told), as_json)


def _layers(architecture: Architecture, text: str) -> tuple[Layer, Layer]:
    source, colon, target = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is no pair of layers. Write SOURCE:TARGET, such as 4/1/6:4/2/5.")
    return architecture.layer(source), architecture.layer(target)


def _told(found: "Ablation", pictures: list[str], limit: int) -> dict[str, list[dict[str, Any]]]:
    """What changes on average, and the classes and pictures for which most does, as rows."""
    before, effects = found.before, found.effects
    average = [
        {
            "in its place": way,
            "pictures": len(pictures),
            "unit before": float(before.unit.mean()),
            "unit changes by": float(effect.unit.mean()),
            "or in size": float(np.abs(effect.unit).mean()),
            "cosine of embeddings": float(effect.cosine.mean()),
            "distance": float(effect.distance.mean()),
            "named otherwise": found.changed_answers(way) if found.prompts else None,
        }
        for way, effect in effects.items()
    ]
    logits = {way: effect.logits.mean(axis=0) for way, effect in effects.items()}
    units = {way: effect.unit for way, effect in effects.items()}
    return {
        "average": average,
        "logits": _most("class", found.prompts, before.logits.mean(axis=0), logits, limit),
        "pictures": _most("picture", pictures, before.unit, units, limit),
    }


def _most(
    kind: str, names: list[str] | tuple[str, ...], before: np.ndarray, changes: dict[How, np.ndarray], limit: int
) -> list[dict[str, Any]]:
    """The things for which most changes, in whichever way, as rows."""
    size = np.max([np.abs(change) for change in changes.values()], axis=0)
    return [
        {kind: names[i], "before": float(before[i]), **{way: float(change[i]) for way, change in changes.items()}}
        for i in np.argsort(-size, kind="stable")[:limit].tolist()
    ]
