"""`circuits calibrate`: compare expanded weights with what ablation measures."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pictures, Pretrained, default_folder
from app.cli.options import DatabaseOption, Json, Wide, path
from app.cli.writing import writing

if TYPE_CHECKING:
    from catalog import Agreement  # slow to import, and help does without

COLOURS = {"strongest": "#6d4aff", "random": "#33333f"}  # of edges, in the order in which they are drawn


def calibrate(
    name: NetworkName,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE:TARGET",
            help="Source and target layer; repeatable; by default several pairs into the last conv branch.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            metavar="FOLDER",
            help="The extraction that stores the calibration; by default where `extract` wrote it.",
        ),
    ] = None,
    pictures: Pictures = "demo",
    count: Annotated[int, typer.Option(min=2, help="At most so many pictures, drawn at random.")] = 128,
    edges: Annotated[
        int, typer.Option(min=1, help="How many edges of a layer pair; half the strongest, half random.")
    ] = 600,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the random draw.")] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(parser=path, metavar="FILE.svg", help="Draw measured against expanded weights into this file."),
    ] = None,
    pretrained: Pretrained = None,
    database: DatabaseOption = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Measure by ablation how well expanded weights predict effects, for each layer pair.

    Example: circuits calibrate demo --pair 4/1/6:4/2/5 --plot calibration.svg
    """
    from catalog import open_extraction, open_network, write_drawing  # slow to import, and help does without

    live = open_network(name, pretrained)
    extraction = open_extraction(folder or default_folder(live.model, database))
    pairs = [_layers(text) for text in pair] if pair else None
    measured = live.calibrate(extraction, pairs, pictures, count, edges, seed)
    agreements = live.agreements(measured)
    if plot is not None:
        with writing(plot):
            write_drawing(scatter_plot(measured.to_pylist(), agreements), plot)
    printing.show_rows(agreements, _agreements(agreements), as_json, wide)


def _layers(text: str) -> tuple[str, str]:
    """Return the two layers of SOURCE:TARGET. Raises BadParameter."""
    source, colon, target = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is not a pair of layers. Write SOURCE:TARGET, such as 4/1/6:4/2/5.")
    return source, target


def scatter_plot(rows: Sequence[Mapping[str, Any]], agreements: "Sequence[Agreement]") -> str:
    """Draw measured edges as an SVG scatter plot, a panel for each layer pair, without edges that were not measured."""
    from vl_convert import vegalite_to_svg  # which only a plot needs

    pairs = dict.fromkeys((agreement.source, agreement.target) for agreement in agreements)
    panels = [
        _panel(pair, [row for row in rows if (row["source"], row["target"]) == pair], agreements) for pair in pairs
    ]
    independent = {"scale": {"color": "independent"}, "legend": {"color": "independent"}}
    plot = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "columns": 3, "concat": panels}
    svg: str = vegalite_to_svg(plot | {"resolve": independent, "title": "Expanded weights against ablation"})
    return svg


def _panel(
    pair: tuple[str, str], rows: Sequence[Mapping[str, Any]], agreements: "Iterable[Agreement]"
) -> dict[str, Any]:
    """Make the Vega-Lite view of a layer pair.

    Each axis goes as far as the largest number on it in both directions, so that zero is in the middle. A dot whose two
    numbers agree lies on the dashed line.
    """
    notes = {a.chosen: _note(a) for a in agreements if (a.source, a.target) == pair}
    dots = [
        {"x": row["mean"] * row["span"], "y": row["slope"], "edges": notes[kind]}
        for kind in COLOURS
        for row in rows
        if row["chosen"] == kind and row["slope"] is not None
    ]
    x, y = (max((abs(dot[name]) for dot in dots), default=0) or 1 for name in "xy")
    legend = {"orient": "top", "direction": "vertical", "title": None, "labelLimit": 0}
    colours = {"domain": [notes[kind] for kind in COLOURS if kind in notes], "range": [*COLOURS.values()]}
    axes = {
        "x": _axis("x", x, f"sum of the expanded weight, {pair[0]} to {pair[1]}"),
        "y": _axis("y", y, "measured slope"),
    }
    colour = {"field": "edges", "type": "nominal", "scale": colours, "legend": legend}
    end = min(x, y)
    line = {"data": {"values": [{"x": -end, "y": -end}, {"x": end, "y": end}]}, "encoding": axes}
    points = {"data": {"values": dots}, "encoding": axes | {"color": colour}}
    layers = [
        line | {"mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1, "color": "#c8c8d0"}},
        points | {"mark": {"type": "circle", "size": 13, "opacity": 0.6}},
    ]
    return {"width": 220, "height": 220, "layer": layers}


def _axis(field: str, end: float, title: str) -> dict[str, Any]:
    """Make an axis from -end to end, with three ticks."""
    axis = {"title": title, "values": [-end, 0, end], "format": ".3~g"}
    return {"field": field, "type": "quantitative", "scale": {"domain": [-end, end], "nice": False}, "axis": axis}


def _note(agreement: "Agreement") -> str:
    """Say in one line how many edges were measured and how well they agree."""
    missing = f", {agreement.left_out} left out" if agreement.left_out else ""
    agree = "no rank correlation"
    if agreement.means is not None:
        agree = f"\u03c1 {agreement.means:.2f}, signs {agreement.signs:.0%}"
    return f"{agreement.n} {agreement.chosen}{missing}: {agree}"


def _agreements(agreements: "Iterable[Agreement]") -> printing.TerminalTable:
    """Make a table of how well static edges agree with measured ones, a row for each layer pair and kind of edges."""
    rows = [
        (f"{a.source} to {a.target}", a.chosen, a.n, a.left_out, a.means, a.zeros, a.magnitudes, a.signs)
        for a in agreements
    ]
    agree = ("rho of means", "under zero", "rho of magnitudes", "signs agree")
    columns = ("layers", "edges", "measured", "left out", *agree)
    decisive = ("layers", "edges", "rho of means", "signs agree", "measured")
    return printing.table("Expanded weights against ablation", columns, rows, decisive)
