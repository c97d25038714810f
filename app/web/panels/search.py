"""The parts of the Search page: its filters, and the ways to search, in the catalog or by asking the network."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import streamlit as st

from app.web import live_network, session
from app.web.panels import commands
from app.web.plain_text import plain
from catalog import LIMIT, SEARCHABLE, meaning, title
from extract.errors import UnknownUnit
from extract.units import Layer, Unit
from graph.records import Modality

ANY, PROBES, GREY = "any layer", "mean of the probes", "a grey picture"
BASELINE = "eeeeee"  # the article's
TOP = 20

T = TypeVar("T")


def goto(text: str) -> None:
    """Open the page of the unit that a text names, or link to the page of a layer; any other text does nothing.

    Raises UnknownUnit.
    """
    architecture = session.model().architecture
    if (unit := _parsed(Unit.parse, text)) is not None:
        session.open_unit(str(unit))
    if (layer := _parsed(Layer.parse, text)) is not None:
        address = {"layer": str(architecture.check(layer)), "model": session.model().id}
        st.page_link("views/layers.py", label=f"Layer {layer}", icon=":material/layers:", query_params=address)


def _parsed(parse: Callable[[str], T], text: str) -> T | None:
    try:
        return parse(text)
    except UnknownUnit:
        return None


def layer() -> Layer | None:
    """Show the choice of a layer whose units are searched, and return it; None is any layer."""
    layers = [str(layer) for layer in reversed(session.model().architecture.layers)]
    name = st.selectbox("Layer", [ANY, *layers], key="layer", bind="query-params", help="The last layer comes first.")
    return None if name == ANY else Layer.parse(name)


def filters() -> dict[str, Any]:
    """Show the filters, which stand in the page's URL, and return them as arguments of `Model.search`."""
    labelled, modality = st.columns(2, gap="large")
    label = labelled.segmented_control(
        "Labels", ["any", "labelled", "not labelled"], default="any", required=True, key="labelled", bind="query-params"
    )
    leaning = modality.segmented_control(
        "More selective for", ["any", *get_args(Modality)], default="any", required=True, key="modality",
        bind="query-params", help="Words are compared with letter strings, and pictures with scrambled ones.",
    )  # fmt: skip
    least, most = _bounds()
    return {
        "labelled": {"labelled": True, "not labelled": False}.get(label),
        "modality": None if leaning == "any" else leaning,
        "at_least": least,
        "at_most": most,
    }


def _bounds() -> tuple[dict[str, float], dict[str, float]]:
    numbers = st.multiselect(
        "Numbers", SEARCHABLE, key="numbers", bind="query-params",
        placeholder="Bounds on what was measured", help="Units without this number are left out.",
    )  # fmt: skip
    bounds: dict[str, dict[str, float]] = {"least": {}, "most": {}}
    for number in numbers:
        for place, (end, values) in zip(st.columns(2, gap="large"), bounds.items(), strict=True):
            label, key, tooltip = f"{title(number)}, at {end}", f"{end}_{number}", meaning(number)
            value = place.number_input(label, value=None, step=0.05, key=key, bind="query-params", help=tooltip)
            if value is not None:
                values[number] = value
    return bounds["least"], bounds["most"]


def in_catalog(text: str, layer: Layer | None, filters: dict[str, Any]) -> None:
    """Show units found by their labels, by the concepts of their top probes, or by the words that drive them."""
    model = session.model()
    hits = model.search(text, layer, **filters)
    if not hits:
        st.info("Nothing in the catalog matches. Loosen the filters, or show the text to the network itself.")
        return
    count = f"The first {LIMIT} units" if len(hits) == LIMIT else f"{len(hits)} units"
    order = (
        "units with this label first, then those that respond most strongly" if text.strip() else "labelled units first"
    )
    st.caption(f"{count}: {order}.")
    session.show(session.gallery().search_hits(hits, model.thumbnails(hit.unit.id for hit in hits)), "found")


def word(text: str, layer: Layer) -> None:
    """Show the units of a layer that the text, drawn as an image, raises most over the article's baseline."""
    if not text.strip():
        st.info("Type a word above: it is drawn as an image and shown to the network.")
        return
    session.show(live_network.word_figures([text]), "as shown")
    if live_network.ready("this"):
        with live_network.show_missing():
            _show_rises(live_network.word_rises(text, BASELINE, layer, TOP), f"over {BASELINE}, in {layer}")


def picture(layer: Layer) -> None:
    """Show the units of a layer that an uploaded picture raises most over the probes' mean, or over a grey picture."""
    model = session.model()
    activities = model.activities(layer)
    file = st.file_uploader("Picture", key="picture", help="PNG, JPEG or WebP. The picture stays on the app's machine.")
    over = st.selectbox("Over", [PROBES, GREY] if activities else [GREY], key="over", bind="query-params")
    if not activities:
        st.caption(f"{layer} was not measured on probes, so there is no mean to compare with. Measure it with:")
        st.code(f"{commands.extract(model.id)} --probes FOLDER", language="bash")
    if file is None or not live_network.ready("this"):
        return
    with live_network.show_missing():
        upload = live_network.network().picture(file.getvalue(), file.name)
        session.show(live_network.as_seen(upload, file.name), "as shown")
        baseline = activities if over == PROBES else None
        scale = "in standard deviations over the mean of the probes" if baseline else f"over {GREY}"
        _show_rises(live_network.picture_rises(upload, layer, TOP, baseline), f"{scale}, in {layer}")


def _show_rises(rises: live_network.Rises, comparison: str) -> None:
    st.subheader(plain(f"Units that rise most {comparison}"))
    if rises:
        session.show(live_network.rises_table(rises), "risen")
    else:
        st.caption("No unit rises.")
