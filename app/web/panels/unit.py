"""The parts of the Unit page that have controls: the unit's edges, an edge's spatial matrix, the distribution."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import streamlit as st

from app.web import live_network, session
from app.web.panels import commands, tables
from app.web.plain_text import plain
from catalog import UnitView, activation_chart
from extract.units import Layer
from graph.records import Contribution, Measure

if TYPE_CHECKING:
    from catalog import Kernel


def distribution(unit: UnitView) -> None:
    """Show how the unit's activation is distributed over all probes."""
    st.subheader(
        "Distribution",
        help="The unit's mean over positions on every probe, after the ReLU if one follows. Heights are square "
        "roots of the counts, so that one probe is visible beside a thousand.",
    )
    histogram = unit.histogram
    if histogram is None:
        st.caption("Not measured. This command shows probes to the network; `circuits load` then loads the results:")
        st.code(f"{commands.extract(unit.card.model)} --probes FOLDER", language="bash")
        return
    session.show(activation_chart(histogram, unit.id), "distribution")
    sd = histogram.sd
    deviation = "always the same" if sd is None else f"standard deviation {sd:.3g} (dashed, up to three)"
    st.caption(f"{histogram.n:,} probes: mean {histogram.mean:.3g} (solid line), {deviation}.")


def contributions(unit: UnitView) -> None:
    """Show the strongest edges into and out of the unit, of both signs, and the spatial matrix of one of them."""
    model = session.model()
    st.subheader("Expanded weights", help="The linear map between two units with ReLU taken as identity.")
    below, above, order, many = st.columns(4, gap="large")
    source = _layer(below, "Inputs from", "from", [str(s.source) for s in model.sweeps(target=unit.layer)])
    target = _layer(above, "Outputs into", "into", [str(s.target) for s in model.sweeps(source=unit.layer)][::-1])
    by: Measure = order.segmented_control(
        "Strongest by", get_args(Measure), default="magnitude", required=True, key="order", bind="query-params",
        help="Magnitude is the norm over positions. The mean keeps the sign, so positions can cancel.",
    )  # fmt: skip
    count = many.slider(
        "Edges of each sign",
        1,
        20,
        5,
        key="count",
        bind="query-params",
        help="Positive and negative edges are listed separately.",
    )
    sides = {
        "source": unit.inputs(count, source, by=by),
        "target": unit.outputs(count, target, by=by),
    }
    gallery = session.gallery()
    for place, (end, edges) in zip(st.columns(2, gap="large"), sides.items(), strict=True):
        with place:
            st.markdown("**Inputs**" if end == "source" else "**Outputs**")
            thumbnails = model.thumbnails(getattr(edge, end) for edge in edges)
            session.show(gallery.contributions(edges, end, thumbnails, by), end)
    spatial([*sides["source"], *sides["target"]])


_VERSATILITY = {
    "direction": ("Direction", "backward: it receives from the other layer; forward: it contributes to it"),
    "other": ("With", "the other layer"),
    "n": ("Edges", "number of edges, stored or not"),
    "mean": ("Mean", "average of the mean weights"),
    "mean_size": ("Mean size", "average of the mean weights without their signs"),
    "positive_mean": ("Positive", "average of the positive mean weights"),
    "negative_mean": ("Negative", "average size of the negative mean weights"),
    "mean_magnitude": ("Magnitude", "average of the magnitudes"),
    "norm_of_means": ("Norm of means", "root of the sum of the squared mean weights"),
    "norm_of_magnitudes": ("Norm of magnitudes", "root of the sum of the squared magnitudes"),
}


def versatility(unit: UnitView) -> None:
    """Show what the unit receives from and contributes to each other layer, if an extraction folder has all edges."""
    claims = [folder.macroscopic() for folder in session.model().extractions]
    if rows := _versatility(unit.card.model, [(str(claim.path), claim.changed) for claim in claims], str(unit.id)):
        st.subheader(
            "Versatility", help="Over all edges between the unit and each layer, read from the extraction folder."
        )
        tables.show(rows, _VERSATILITY)
    elif away := session.model().away:
        st.caption(plain(f"Its versatility and its spatial matrices are read from the extraction folder. {away}"))


@st.cache_data(max_entries=50, show_spinner="Reading contributions")
def _versatility(model: str, folders: list[tuple[str, int]], unit: str) -> list[dict[str, object]]:
    """Return a row for each layer, read once as long as the extraction folders do not change."""
    rows = session.model().versatility(unit).to_dicts()
    return [{name: row[name] for name in _VERSATILITY} for row in rows]


def _layer(place: "st.delta_generator.DeltaGenerator", label: str, key: str, layers: Sequence[str]) -> Layer | None:
    tooltip = (
        "The layers whose expanded weights were computed, nearest first. Do not compare magnitudes of different "
        "layers: those of distant layers are the largest and the least reliable."
    )
    name = place.selectbox(label, layers, key=key, bind="query-params", help=tooltip)
    return None if name is None else Layer.parse(name)


def spatial(edges: Sequence[Contribution]) -> None:
    """Let the user select one of these edges; draw its kernel, from an extraction folder or else from the network."""
    if not edges:
        return
    by_name = {f"{edge.source} to {edge.target}": edge for edge in edges}
    name = st.selectbox(
        "Spatial matrix of", by_name, index=None, placeholder="Choose an edge", key="edge", bind="query-params",
        help="What each position of the source's map contributes to the target. The catalog stores its norm and mean.",
    )  # fmt: skip
    if name is None:
        return
    edge = by_name[name]
    if kernel := session.model().stored_kernel(edge.source, edge.target):
        _matrix(kernel, edge, "read from its extraction folder")
    elif live_network.ready("this matrix"):
        with live_network.show_missing():
            _matrix(live_network.kernel(edge), edge, "computed by the network")


def _matrix(kernel: "Kernel", edge: Contribution, origin: str) -> None:
    session.show(kernel.svg, "matrix")
    size = " x ".join(map(str, kernel.values.shape))
    cut = "; the border of the map cuts it" if kernel.cut else ""
    catalog = (
        "as in the catalog" if kernel.agrees(edge) else f"the catalog has {edge.magnitude:.3g} and {edge.mean:+.3g}"
    )
    st.caption(
        f"{size} positions of {edge.source}'s map from row and column {kernel.first} on{cut}: magnitude "
        f"{kernel.magnitude:.3g}, mean {kernel.mean:+.3g}, {catalog}. Green is positive; red and hatched is negative. "
        f"It was {origin}."
    )
