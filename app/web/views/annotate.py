"""Units one at a time, those worth a label first: look, label, go on; and one label for many units."""

import streamlit as st

from app.web import session
from app.web.panels import bulk_labels as bulk_form
from app.web.panels import flags as flag_form
from app.web.panels import labels as label_form
from catalog.labels import queue
from extract.units import Layer, Unit

store, model, gallery = session.model_store(), session.model(), session.gallery()
below = list(reversed(model.architecture.layers))
layers = [str(layer) for summed in (True, False) for layer in below if (layer.role == "sum") is summed]
_TOLD = {
    "unlabelled": "No label holds.",
    "disagreeing": "Different people say different things of one branch and facet.",
    "unsure": f"A label has a confidence below {queue.UNSURE}.",
    "all": "Every unit of the layer.",
}


@st.cache_data(max_entries=50, ttl=600, show_spinner="Putting the units in order")
def order(model: str, content: str, layer: str) -> tuple[Unit, ...]:
    """The units of a layer in the order of the queue; `content` tells one load of the model from another."""
    return queue.order(session.store().model(model), Layer.parse(layer))


def go(unit: Unit) -> None:
    """Make this the unit in the address."""
    st.query_params["unit"] = str(unit)


def one(found: queue.Queue, unit: Unit) -> None:
    """One unit: its pictures, the way on, and its labels."""
    waiting = len(found.waiting)
    back, on, place = st.columns([1, 1, 4], vertical_alignment="center")
    for button, words, key, other in (
        (back, "Back", "Left", found.before(unit)),
        (on, "Next", "Right", found.after(unit)),
    ):
        button.button(
            words, shortcut=key, key=words, disabled=other is None, on_click=go, args=(other,), width="stretch"
        )
    place.caption(f"{waiting} of {len(found.order)} units of {unit.layer} wait.")
    pictures, form = st.columns([3, 1], gap="large")
    with pictures:
        card = store.unit(unit)
        session.show(gallery.title(card), "queued heading")
        parts = {session.branch_of(unit): unit} | store.adds(unit)
        session.show(gallery.branches(parts, session.examples(unit), card.statistics), "queued")
        with st.expander("Sensitive content"):
            flag_form.show(unit)
    with form:
        label_form.show(unit, keys=True)


st.title("Annotate")
st.write(
    "One unit at a time; candidates for enrichment circuits come first. Keys: Enter adds the label, the arrows go "
    "back and on, Ctrl+Z undoes the last change of this unit."
)
where, which = st.columns([1, 2])
layer = where.selectbox("Units of", layers, key="queue_layer", bind="query-params")
wanted = which.segmented_control(
    "Which", queue.WHICH, default="unlabelled", required=True, key="queue", bind="query-params"
)
which.caption(_TOLD[wanted])
found = queue.queue(order(model.id, model.content, layer), session.labels().current(), wanted)
name = st.query_params.get("unit")
if unit := found.at(next((other for other in found.order if str(other) == name), None)):
    one(found, unit)
else:
    st.info(f"No unit of {layer} waits here. Choose another layer, or another kind of unit.")
with st.expander("One label for many units"):
    bulk_form.show()
