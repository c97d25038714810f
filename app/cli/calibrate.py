"""`circuits calibrate`: expanded weights against what ablation measures."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pictures, Pretrained, default_folder, probes_at
from app.cli.options import Database, Json
from extract.files import replace_file
from extract.units import Architecture, Layer

if TYPE_CHECKING:
    from extract.ablation.calibration import Agreement


def calibrate(
    name: NetworkName,
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
    from catalog.errors import ExportError, torch_needed

    with torch_needed():
        import pyarrow as pa

        from app.cli.scatter import scatter
        from extract.ablation import calibration
        from extract.ablation.calibration import agreements
        from extract.folder.extraction import Extraction
        from extract.network import weights
        from extract.probes import sample

    live = weights.load_network(name, pretrained)
    extraction = Extraction.open(folder or default_folder(live.model, database))
    layers = [_layers(live.architecture, text) for text in pair] if pair else calibration.pairs(live.architecture)
    images = list(sample.random_sample(probes_at(pictures), count, seed).values())
    measured = [calibration.calibrate(live, extraction, *ends, images, edges, seed) for ends in layers]
    rows = pa.concat_tables(measured)
    agreement = agreements(rows)
    if plot is not None:
        advice = "Name a file in a folder that is there."
        replace_file(plot, scatter(rows, agreement).encode(), ExportError, advice)
    printing.show_rows(agreement, _agreements(agreement), as_json)


def _layers(architecture: Architecture, text: str) -> tuple[Layer, Layer]:
    """The layers of SOURCE:TARGET."""
    source, colon, target = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is no pair of layers. Write SOURCE:TARGET, such as 4/1/6:4/2/5.")
    return architecture.layer(source), architecture.layer(target)


def _agreements(agreements: "Iterable[Agreement]") -> printing.TerminalTable:
    """How well static edges agree with measured ones, a line a layer pair and kind of edges."""
    rows = [
        (f"{a.source} to {a.target}", a.chosen, a.n, a.left_out, a.means, a.zeros, a.magnitudes, a.signs)
        for a in agreements
    ]
    agree = ("rho of means", "under zero", "rho of magnitudes", "signs agree")
    columns = ("layers", "edges", "measured", "left out", *agree)
    return printing.table("Expanded weights against ablation", columns, rows)
