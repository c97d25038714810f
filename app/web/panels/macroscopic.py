"""The parts of the Macroscopic page: how the contributions into a layer are distributed, compared with controls."""

from collections.abc import Iterable, Mapping
from math import isnan
from shlex import quote
from typing import TYPE_CHECKING

import streamlit as st

from app.web import session
from app.web.panels import commands, tables
from app.web.plain_text import plain
from extract.units import Layer
from graph.plain_json import as_json
from graph.records import Variant

if TYPE_CHECKING:
    from catalog import Comparison, Macroscopic, Size, Trend

VARIANTS: Mapping[Variant, str] = {
    "raw": "from raw convolution to raw convolution, as in the article",
    "scaled": "from batch norm's output to batch norm's output, as edges are stored",
    "folded": "the sizes of raw with the signs of scaled, since the sign of gamma is arbitrary",
}
_COMPARISON = {
    "statistic": "Statistic",
    "direction": "Direction",
    "observed": "Observed",
    "observed interval": "95 %",
    "randomised": "Randomised weights",
    "swept": "Observed for the same units",
    "over randomised": "Difference from randomised, 95 %",
    "shuffled": "Shuffled entries",
    "over shuffled": "Difference from shuffled, 95 %",
    "units": "Units",
    "n": "Values per unit",
    "meaning": "Meaning",
}
_TREND = {
    "statistic": ("Statistic", "if contributions are spread evenly, density_at_zero is low and breadth is high"),
    "layers": ("Layers", ""),
    "observed value": (
        "Rank correlation",
        "with how far below this layer the source lies; the article expects fewer values near zero far below",
    ),
    "observed low": ("From", "of its 95 % interval"),
    "observed high": ("To", ""),
    "observed p": (
        "p",
        "share of simulated series with as strong a correlation; they have no trend, and their neighbours are as alike",
    ),
    "observed autocorrelation": ("Autocorrelation", "how alike neighbouring layers are apart from the trend"),
    "randomised value": (
        "Randomised weights",
        "the same correlation for randomised weights; it comes from the network's shape alone",
    ),
    "over value": ("Beyond randomised", "the same correlation for the excess over randomised weights"),
    "over p": ("p beyond randomised", ""),
}
_PAIRED = {
    "layer": ("Sum", ""),
    "units": ("Units", ""),
    "as_it_is": ("Near identity", "share of units that take more than nine tenths of their sum from the shortcut"),
    "paired_anew": (
        "Paired anew",
        "mean of this share over pairings in which every unit has the conv branch of another, similar unit",
    ),
    "sd": ("Deviation", "standard deviation over the pairings"),
    "p": ("p", "share of pairings with as large a share"),
}
_DISTRIBUTION = {
    "other": ("With", "the other layer"),
    "direction": ("Direction", "backward: the weights come from the other layer; forward: they lead there"),
    "units": ("Units", "units of this layer, over which the medians are taken"),
    "n": ("Weights", "weights between each unit and the units of the other layer"),
    "mean": ("Mean", ""),
    "sd": ("Deviation", "standard deviation"),
    "skewness": ("Skewness", "0 for a symmetric distribution"),
    "kurtosis": ("Kurtosis", "excess kurtosis: 0 for a normal"),
    "bimodality": (
        "Bimodality",
        "Sarle's coefficient of skewness and kurtosis: 1/3 for a normal, 5/9 for a uniform; high for skewed tails too",
    ),
    "density_at_zero": ("Density at 0", "share of values within a tenth of the deviation of zero; 0.080 for a normal"),
}


def figure(claims: "Macroscopic", layer: Layer, variant: Variant) -> None:
    """Draw both figures of the article: from every layer below into this one, and from one unit into layers above."""
    st.subheader("Distributions", help=f"{variant.capitalize()}: {VARIANTS[variant]}.")
    lower = st.text_input(
        "Lower unit", key="lower", bind="query-params", placeholder="the middle unit of the lowest layer",
        help="The figure shows its contributions to every conv branch above. Write layer/block/index/channel.",
    )  # fmt: skip
    with session.show_errors():
        session.show(
            f'<div class="figure">{claims.small_multiples.figure(lower or None, [layer], variant)}</div>',
            "distributions",
        )
    st.caption("This command writes the figure to a file:")
    st.code(
        f"circuits macroscopic {quote(str(claims.path))} --layer {layer} --variant {variant} --output macroscopic.svg",
        "bash",
    )


def comparisons(claims: "Macroscopic", layer: Layer, variant: Variant) -> None:
    """Show every statistic of a variant with its interval, compared with both controls."""
    st.subheader(
        "Shapes, signs and peaks",
        help="Medians over a few units of each layer below (forward) or of this layer (backward). Randomised weights: "
        "the same network with the weights of each convolution permuted, swept from a few units of each layer. "
        "Backward, these are compared with what is observed for the same units. Shuffled entries: drawn from the whole "
        "matrix.",
    )
    if claims.lacks_randomised:
        st.caption(plain(claims.without_randomised))
    rows, trends = _measured(claims, str(claims.path), claims.changed, str(layer), variant)
    st.dataframe(rows, column_config=_COMPARISON, hide_index=True, height=35 * len(rows) + 38)
    st.subheader("Versatility by depth", help="Rank correlation with how far below this layer the source lies.")
    tables.show(trends, _TREND)


@st.cache_data(max_entries=30, show_spinner="Measuring contributions", show_time=True)
def _measured(
    _claims: "Macroscopic", path: str, changed: int, layer: str, variant: Variant
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the rows of a layer and of its trends, measured once as long as the extraction folder does not change."""
    rows = [_row(_claims, c) for c in _claims.comparisons(layer) if c.variant == variant]
    return rows, [_trend(trend) for trend in _claims.trends(layer) if trend.variant == variant]


def _trend(trend: "Trend") -> dict[str, object]:
    parts = {"observed": trend.observed, "randomised": trend.randomised, "over": trend.over_randomised}
    numbers = {f"{name} {of}": number for name, part in parts.items() for of, number in (as_json(part) or {}).items()}
    row = {"statistic": trend.statistic, "layers": trend.layers, **numbers}
    return {name: row.get(name) for name in _TREND}


def _named(record: object, columns: Iterable[str]) -> dict[str, object]:
    row = as_json(record)
    return {name: row[name] for name in columns}


def _row(claims: "Macroscopic", c: "Comparison") -> dict[str, object]:
    return {
        "statistic": c.statistic,
        "direction": c.direction,
        "observed": _value(c.observed),
        "observed interval": _interval(c.observed),
        "randomised": _value(c.randomised),
        "swept": _value(c.swept),
        "over randomised": _interval(c.over_randomised),
        "shuffled": _value(c.shuffled),
        "over shuffled": _interval(c.over_shuffled),
        "units": c.observed.units,
        "n": c.n,
        "meaning": claims.meanings[c.statistic],
    }


def _value(size: "Size | None") -> float | None:
    return None if size is None else round(size.value, 3)


def _interval(size: "Size | None") -> str:
    return "" if size is None or isnan(size.low) else f"{size.low:.3f} to {size.high:.3f}"


def paired_shares(claims: "Macroscopic") -> None:
    """Show how many units of the last sums are near identity, compared with branches paired anew, if the user asks."""
    if st.toggle(
        "Beside branches paired anew",
        help="Compares shares of means over positions. This takes seconds.",
    ):
        if rows := _paired(claims, str(claims.path), claims.changed):
            tables.show(rows, _PAIRED)
        else:
            st.caption("This needs an extraction whose network was shown probes.")


@st.cache_data(max_entries=4, show_spinner="Pairing branches anew", show_time=True)
def _paired(_claims: "Macroscopic", path: str, changed: int) -> list[dict[str, object]]:
    """Return a row for each sum, over all units of the sum."""
    return [_named(c, _PAIRED) for c in _claims.paired_shares() if c.stratum is None]


def weight_distributions(layer: Layer) -> None:
    """Show a row for each other layer with which this one has weights, if an extraction folder is available."""
    st.subheader(
        "Moments by layer",
        help="Medians over the layer's units. Each unit's statistic is taken over its signed mean weights.",
    )
    if summaries := session.model().weight_summaries(layer):
        tables.show(summaries.to_dicts(), _DISTRIBUTION)
    else:
        away = session.model().away or "The available folders hold no weights into or out of this layer."
        st.caption(plain(f"Moments are read from the extraction folder. {away}"))


def missing(layer: Layer) -> None:
    """Say that dense matrices into this layer are missing, and show the command that adds them."""
    model = session.model()
    away = model.away or "The available folders hold none. This command adds them:"
    st.caption(plain(f"This needs an extraction folder with the dense matrices into this layer. {away}"))
    st.code(f"{commands.extract(model.id)} --targets {layer}", language="bash")
