"""The parts of the search page: its filters, and the ways to search, in the catalog or by asking the network."""

from collections.abc import Callable
from typing import TypeVar, get_args

import streamlit as st

from app.web import live_network as rises
from app.web import session
from app.web.panels import commands
from catalog import formats as meanings
from extract.errors import UnknownUnit
from extract.units import Layer, Unit
from graph.records import Filters, Modality
from graph.search import LIMIT

ANY, PROBES, GREY = "any layer", "mean of the probes", "a grey picture"
BASELINE = "eeeeee"  # the article's
TOP = 20

T = TypeVar("T")


def goto(text: str) -> None:
    """Go to the unit that a text names, and offer the page of a layer; any other text does nothing. UnknownUnit."""
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
    """The layer whose units are searched; None for any."""
    layers = [str(layer) for layer in reversed(session.model().architecture.layers)]
    chosen = st.selectbox("Layer", [ANY, *layers], key="layer", bind="query-params", help="The last one stands first.")
    return None if chosen == ANY else Layer.parse(chosen)


def filters(within: Layer | None) -> Filters:
    """What units must be, from the widgets; all of it stands in the address."""
    labelled, modality = st.columns(2, gap="large")
    label = labelled.segmented_control(
        "Labels", ["any", "labelled", "not labelled"], default="any", required=True, key="labelled", bind="query-params"
    )
    leaning = modality.segmented_control(
        "More selective for", ["any", *get_args(Modality)], default="any", required=True, key="modality",
        bind="query-params", help="Of words against letter strings, and of pictures against scrambled ones.",
    )  # fmt: skip
    least, most = _bounds()
    return Filters(
        layer=within,
        labelled={"labelled": True, "not labelled": False}.get(label),
        modality=None if leaning == "any" else leaning,
        at_least=least,
        at_most=most,
    )


def _bounds() -> tuple[dict[str, float], dict[str, float]]:
    chosen = st.multiselect(
        "Numbers", meanings.SEARCHABLE, key="numbers", bind="query-params",
        placeholder="Bounds on what was measured", help="A unit of which it was not measured does not pass.",
    )  # fmt: skip
    bounds: dict[str, dict[str, float]] = {"least": {}, "most": {}}
    for number in chosen:
        for place, (end, found) in zip(st.columns(2, gap="large"), bounds.items(), strict=True):
            label, key = f"{meanings.title(number)}, at {end}", f"{end}_{number}"
            told = meanings.meaning(number)
            value = place.number_input(label, value=None, step=0.05, key=key, bind="query-params", help=told)
            if value is not None:
                found[number] = value
    return bounds["least"], bounds["most"]


def catalog(text: str, wanted: Filters) -> None:
    """Units by their labels, the concepts of their top examples and the words that drive them."""
    found = session.model_store().search(text, wanted)
    if not found:
        st.info("Nothing in the catalog fits. Loosen the filters, or show the text to the network itself.")
        return
    count = f"The first {LIMIT} units" if len(found) == LIMIT else f"{len(found)} units"
    order = "labelled so first, then those that answer most strongly" if text.strip() else "labelled ones first"
    st.caption(f"{count}: {order}.")
    session.show(session.gallery().found(found, session.thumbnails(each.unit.id for each in found)), "found")


def word(text: str, within: Layer) -> None:
    """Units of a layer that the text as an image raises over the article's baseline."""
    model = session.model()
    if not text.strip():
        st.info("Type a word above: it is drawn as an image and shown to the network.")
        return
    session.show(rises.words([text], model.architecture.image_size), "as shown")
    if rises.ready(model.id, "this"):
        with rises.missing_shown():
            _risen(rises.over(model, text, BASELINE, within, TOP), f"over {BASELINE}, in {within}")


def picture(within: Layer) -> None:
    """Units of a layer that an uploaded picture raises over the probes' mean, or over a grey picture."""
    model = session.model()
    activities = session.model_store().activities(within)
    given = st.file_uploader("Picture", key="picture", help="PNG, JPEG or WebP; it stays with the app.")
    over = st.selectbox("Over", [PROBES, GREY] if activities else [GREY], key="over", bind="query-params")
    if not activities:
        st.caption(f"{within} was not measured on probes, so there is no mean to compare with. This measures it:")
        st.code(f"{commands.extract(model.id)} --probes FOLDER", language="bash")
    if given is None or not rises.ready(model.id, "this"):
        return
    with rises.missing_shown():
        shown = rises.picture(given.getvalue(), given.name)
        session.show(rises.as_seen(model, shown, given.name), "as shown")
        known = activities if over == PROBES else None
        unit = "in standard deviations over the mean of the probes" if known else f"over {GREY}"
        _risen(rises.over_picture(model, shown, within, TOP, known), f"{unit}, in {within}")


def _risen(found: rises.Rises, told: str) -> None:
    st.subheader(f"Units that rise most {told}")
    if found:
        session.show(rises.table(found), "risen")
    else:
        st.caption("No unit rises.")
