"""`circuits macroscopic`: show how contributions between layers are distributed, compared with two controls.

The controls are randomised weights and shuffled entries.
"""

from collections.abc import Iterable, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.options import Folder, Json, Wide, path
from app.cli.writing import writing
from graph.records import Variant

if TYPE_CHECKING:
    from catalog import Bottleneck, LayerSummary, Macroscopic, PairedShares, Size, SmallMultiples, Trend, Versatility


_SAMPLES = {"observed": "observed", "randomised": "random", "swept": "same units", "shuffled": "shuffled"}
_VERSATILITY = {  # fields and their columns
    "other": "layer",
    "n": "n",
    "mean": "mean",
    "mean_size": "mean |mean|",
    "positive_mean": "positive",
    "negative_mean": "negative",
    "mean_magnitude": "magnitude",
    "norm_of_means": "norm of means",
    "norm_of_magnitudes": "of magnitudes",
}


def macroscopic(
    folder: Folder,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Show every statistic and control into this layer; with --unit, only this layer. Repeatable."
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="What this unit contributes to layers above, and receives from those below.")
    ] = None,
    variant: Annotated[
        Variant | None,
        typer.Option(
            help="How contributions are weighed: raw, scaled or folded.", show_default="raw, into a sum scaled"
        ),
    ] = None,
    units: Annotated[int, typer.Option(min=1, help="How many units of each layer to measure.")] = 24,
    output: Annotated[
        Path | None,
        typer.Option(parser=path, metavar="FILE", help="Draw the distributions into this file: .svg, .png or .pdf."),
    ] = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show how contributions between layers are distributed, compared with controls.

    Example: circuits macroscopic demo.extraction --layer 4/2/5 --output macroscopic.svg
    """
    from catalog import open_extraction, write_drawing  # slow to import, and help does without

    claims = open_extraction(folder).macroscopic(units)
    if output is not None:
        with writing(output):
            write_drawing(claims.small_multiples.figure(unit, layer or (), variant), output)
        typer.echo(f"Distributions are drawn in {output}.", err=True)
    if unit is not None:
        _show_unit(claims, unit, layer, variant, wide, as_json)
    else:
        _show_layers(claims, layer, wide, as_json)


def _show_layers(claims: "Macroscopic", layers: list[str] | None, wide: bool, as_json: bool) -> None:
    """Print the headlines of all conv branches (`layers` None), or everything about the named layers."""
    summaries = claims.summaries(layers, progress=not as_json)
    trends = [trend for layer in layers or () for trend in claims.trends(layer)]
    bottlenecks = claims.bottlenecks()
    paired = [] if layers else claims.paired_shares(progress=not as_json)
    if claims.lacks_randomised:
        advice = claims.without_randomised.replace("Extracting again", "`circuits extract`")
        typer.echo(f"circuits: {advice}", err=True)
    if as_json:
        lists = {"trends": trends, "bottlenecks": bottlenecks, "paired_shares": paired}
        printing.show_json({"units": claims.units, "layers": summaries} | lists)
    elif layers is None:
        title = f"Contributions into conv branches: medians over {claims.units} units of each layer"
        headlines = _headlines(title, summaries)
        printing.show(headlines, _meanings(claims.legend), _shares(bottlenecks), _paired(paired), wide=wide)
    else:
        tables = [_comparisons(summary) for summary in summaries]
        printing.show(*tables, _trends(trends), _meanings(claims.meanings), wide=wide)


def _show_unit(
    claims: "Macroscopic", unit: str, layers: list[str] | None, variant: Variant | None, wide: bool, as_json: bool
) -> None:
    """Print how a unit's contributions to and from other layers (None: all) are distributed, and its versatility."""
    others = claims.architecture.layers if layers is None else [claims.architecture.layer(name) for name in layers]
    forward, backward = (multiples.beside(others) for multiples in claims.small_multiples.of_unit(unit, variant))
    versatility = [row for row in claims.versatility(unit) if row.other in others]
    if as_json:
        printing.show_json({"forward": forward, "backward": backward, "versatility": versatility})
        return
    printing.show(
        _panels(forward), _panels(backward), versatility_table(versatility), _meanings(claims.meanings), wide=wide
    )


def _headlines(title: str, summaries: "Iterable[LayerSummary]") -> printing.TerminalTable:
    """Make a table with a row for what is observed of a layer and for each control, randomised and shuffled.

    A row `same units` has what is observed of the few units whose randomised weights were swept.
    """
    rows, names = list[list[object]](), list[str]()
    for summary in summaries:
        names = list(summary.headlines)
        for sample, weights in _SAMPLES.items():
            sizes = [getattr(comparison, sample) for comparison in summary.headlines.values()]
            if any(sizes) or sample != "swept":
                rows.append([summary.layer if sample == "observed" else "", weights, *map(_value, sizes)])
    return printing.table(title, ("into", "weights", *names), rows)


def _comparisons(summary: "LayerSummary") -> printing.TerminalTable:
    """Make a table of every statistic with its interval, compared with both controls."""
    rows = list[list[object]]()
    for c in summary.comparisons:
        observed = c.statistic, c.variant, c.direction, _value(c.observed), _interval(c.observed)
        randomised = _value(c.randomised), _value(c.swept), _interval(c.over_randomised)
        shuffled = _value(c.shuffled), _interval(c.over_shuffled)
        rows.append([*observed, *randomised, *shuffled, c.observed.units, c.n])
    columns = ("statistic", "variant", "direction", "observed", "95 %", "randomised", "same units", "difference",
               "shuffled", "difference to it", "units", "n")  # fmt: skip
    decisive = (
        "statistic",
        "variant",
        "direction",
        "observed",
        "95 %",
        "randomised",
        "difference",
        "shuffled",
        "units",
    )
    return printing.table(f"Contributions into {summary.layer}", columns, rows, decisive)


def _trends(trends: "Iterable[Trend]") -> printing.TerminalTable:
    """Make a table of the rank correlation of each statistic with how far below the target the source lies."""
    rows = [
        [
            t.target,
            t.statistic,
            t.variant,
            _rounded(t.observed.value),
            _bounds(t.observed.low, t.observed.high),
            t.observed.p,
            t.randomised and _rounded(t.randomised.value),
            t.over_randomised and _rounded(t.over_randomised.value),
            t.over_randomised and t.over_randomised.p,
            _rounded(t.observed.autocorrelation),
            t.layers,
        ]
        for t in trends
    ]
    columns = (
        "into",
        "statistic",
        "variant",
        "correlation",
        "95 %",
        "p",
        "randomised",
        "beyond these",
        "its p",
        "autocorrelation",
        "layers",
    )
    decisive = ("into", "statistic", "variant", "correlation", "95 %", "randomised")
    return printing.table("Forward contributions by how far below their source lies", columns, rows, decisive)


def _shares(bottlenecks: "Iterable[Bottleneck]") -> printing.TerminalTable:
    """Make a table of each sum's shares over the shortcut, with the part of the units whose share is above 0.9."""
    rows = [
        (b.layer, b.definition.removeprefix("share_"), *_both(b.median), *_both(b.near_identity), b.median.units)
        for b in bottlenecks
    ]
    columns = ("sum", "share", "median", "95 %", "above 0.9", "of units, 95 %", "units")
    return printing.table("Shares over the shortcut, on top probes", columns, rows)


def _paired(compared: "Iterable[PairedShares]") -> printing.TerminalTable:
    """Make a table of the units near identity, as the network pairs the branches and as chance pairs them.

    A unit is near identity if more than 0.9 of its sum comes over the shortcut.
    """
    rows = [
        (c.layer, c.units, *map(_rounded, (c.as_it_is, c.paired_anew, c.sd, c.p)))
        for c in compared
        if c.stratum is None
    ]
    columns = ("sum", "units", "above 0.9", "paired anew", "sd", "p")
    return printing.table("By shares of means, beside conv branches of like units", columns, rows)


def _panels(multiples: "SmallMultiples") -> printing.TerminalTable:
    """Make a table of a unit's contributions, with a row for each layer."""
    rows = [
        (p.other, p.n, *map(_rounded, (p.exponent, p.imbalance, p.density_at_zero, p.offset, p.dip)))
        for p in multiples.panels
    ]
    columns = ("layer", "n", "exponent", "imbalance", "density_at_zero", "offset", "dip")
    return printing.table(multiples.title, columns, rows)


def versatility_table(rows: "Iterable[Versatility]") -> printing.TerminalTable:
    """Make a table of a unit's versatility: its sums over all its edges with each other layer."""
    cells = [
        ("from" if v.direction == "backward" else "to", *(getattr(v, name) for name in _VERSATILITY)) for v in rows
    ]
    return printing.table("Versatility", ("", *_VERSATILITY.values()), cells)


def _meanings(meanings: Mapping[str, str]) -> printing.TerminalTable:
    return printing.table("", ("", ""), list(meanings.items()))


def _value(size: "Size | None") -> str | None:
    return None if size is None else _rounded(size.value)


def _interval(size: "Size | None") -> str | None:
    return None if size is None else _bounds(size.low, size.high)


def _both(size: "Size") -> tuple[str | None, str | None]:
    return _value(size), _interval(size)


def _bounds(low: float, high: float) -> str | None:
    return None if isnan(low) else f"{_rounded(low)} to {_rounded(high)}"


def _rounded(value: float) -> str | None:
    return None if isnan(value) else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
