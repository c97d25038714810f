"""The parts of the unit page that have something to choose: its edges, an edge's spatial matrix, its distribution."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import streamlit as st

from app.web import live_network as rises
from app.web import session
from app.web.panels import commands
from catalog import charts
from extract.units import Layer, Unit
from graph.records import Contribution, Measure, UnitCard

if TYPE_CHECKING:
    from catalog.live_network import Kernel

ANY = "any layer"


def distribution(card: UnitCard) -> None:
    """How its activation is spread over all probes."""
    st.subheader(
        "Distribution",
        help="The unit's mean over positions on every probe, after a ReLU where one follows. Heights are square "
        "roots of the counts, so that one probe shows beside a thousand.",
    )
    if card.histogram is None:
        st.caption("Not measured. This shows the network probes, and `circuits load` puts what it does on them here:")
        st.code(f"{commands.extract(card.model)} --probes FOLDER", language="bash")
        return
    found = card.histogram
    session.show(charts.activation_chart(found, card.id), "distribution")
    deviation = "always the same" if found.sd is None else f"standard deviation {found.sd:.3g} (dashed, up to three)"
    st.caption(f"{found.n:,} probes: mean {found.mean:.3g} (whole line), {deviation}.")


def contributions(unit: Unit) -> None:
    """The strongest edges into and out of it, both signs, and the spatial matrix of one of them."""
    store = session.model_store()
    st.subheader("Expanded weights", help="The linear map between two units with ReLU taken as identity.")
    below, above, order, many = st.columns(4, gap="large")
    source = _layer(below, "Inputs from", "from", [str(s.source) for s in store.sweeps(target=unit.layer)])
    target = _layer(above, "Outputs into", "into", [str(s.target) for s in store.sweeps(source=unit.layer)][::-1])
    by: Measure = order.segmented_control(
        "Strongest by", get_args(Measure), default="magnitude", required=True, key="order", bind="query-params",
        help="Magnitude is the norm over positions; the mean keeps the sign, and positions can cancel in it.",
    )  # fmt: skip
    count = many.slider("Of either sign", 1, 20, 5, key="count", bind="query-params", help="So many of each.")
    sides = {
        "source": store.inputs(unit, count, source, by=by),
        "target": store.outputs(unit, count, target, by=by),
    }
    gallery = session.gallery()
    for place, (end, edges) in zip(st.columns(2, gap="large"), sides.items(), strict=True):
        with place:
            st.markdown("**Inputs**" if end == "source" else "**Outputs**")
            shown = session.thumbnails(getattr(edge, end) for edge in edges)
            session.show(gallery.contributions(edges, end, shown, by), end)
    spatial([*sides["source"], *sides["target"]])


def _layer(place: "st.delta_generator.DeltaGenerator", label: str, key: str, layers: Sequence[str]) -> Layer | None:
    told = "The layers whose expanded weights were computed, the last first."
    chosen = place.selectbox(label, [ANY, *layers], key=key, bind="query-params", help=told)
    return None if chosen == ANY else Layer.parse(chosen)


def spatial(edges: Sequence[Contribution]) -> None:
    """A choice among these edges, and the chosen one's kernel from the network itself."""
    if not edges:
        return
    named = {f"{edge.source} to {edge.target}": edge for edge in edges}
    chosen = st.selectbox(
        "Spatial matrix of", named, index=None, placeholder="Choose an edge", key="edge", bind="query-params",
        help="What the source brings the target from each position of its map; the catalog keeps its norm and mean.",
    )  # fmt: skip
    if chosen is None:
        return
    model = session.model()
    if rises.ready(model.id, "a matrix"):
        with rises.missing_shown():
            _matrix(rises.kernel(model, named[chosen]), named[chosen])


def _matrix(found: "Kernel", edge: Contribution) -> None:
    size = " x ".join(map(str, found.values.shape))
    session.show(
        charts.matrix(found.values, found.first, f"{edge.source} to {edge.target}, {size} positions"), "matrix"
    )
    cut = "; the border of the map cuts it" if found.cut else ""
    catalog = (
        "as in the catalog" if found.agrees(edge) else f"the catalog has {edge.magnitude:.3g} and {edge.mean:+.3g}"
    )
    st.caption(
        f"{size} positions of {edge.source}'s map from row and column {found.first} on{cut}: magnitude "
        f"{found.magnitude:.3g}, mean {found.mean:+.3g}, {catalog}. Green is positive; red and hatched is negative."
    )
