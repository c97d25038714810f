"""Annotate: label one unit after another, candidates for enrichment circuits first; or give many units one label."""

import streamlit as st

from app.web import session
from app.web.panels import bulk_labels, flags, labels
from catalog import QUEUES, UNSURE, Queue, UnitView
from extract.units import Unit

model, gallery = session.model(), session.gallery()
below = list(reversed(model.architecture.layers))
layers = [str(layer) for summed in (True, False) for layer in below if (layer.role == "sum") is summed]
_MEANINGS = {
    "unlabelled": "Units without a current label.",
    "disagreeing": "Units for which different people gave one branch and facet different labels.",
    "unsure": f"Units with a label whose confidence is below {UNSURE}.",
    "all": "All units of the layer.",
}


@st.cache_data(max_entries=50, ttl=600, show_spinner="Sorting the units")
def order(model: str, content: str, layer: str) -> tuple[Unit, ...]:
    """Return a layer's units in the order of the queue; `content` differs between loads of the model, for the cache."""
    return tuple(session.model().labels.order(layer))


def go(unit: Unit) -> None:
    """Put this unit into the page's URL."""
    st.query_params["unit"] = str(unit)


def show(queue: Queue, unit: UnitView) -> None:
    """Show one unit: its pictures, the buttons Back and Next, and its labels."""
    back, on, place = st.columns([1, 1, 4], vertical_alignment="center")
    for button, words, key, other in (
        (back, "Back", "Left", queue.before(unit.id)),
        (on, "Next", "Right", queue.after(unit.id)),
    ):
        button.button(
            words, shortcut=key, key=words, disabled=other is None, on_click=go, args=(other,), width="stretch"
        )
    place.caption(f"{len(queue.waiting)} of {len(queue.order)} units of {unit.layer} are waiting.")
    pictures, form = st.columns([3, 1], gap="large")
    with pictures:
        session.show(gallery.title(unit.card), "queued heading")
        session.show(gallery.branches(unit.probe_rows, unit.top_probes(), unit.statistics), "queued")
        with st.expander("Sensitive content"):
            flags.show(unit)
    with form:
        labels.show(unit, keys=True)


st.title("Annotate")
st.write(
    "Label one unit at a time; candidates for enrichment circuits come first. Enter adds the label, the arrow keys go "
    "to the previous and the next unit, and U undoes the change that the undo button names."
)
where, which = st.columns([1, 2])
layer = where.selectbox("Units of", layers, key="queue_layer", bind="query-params")
kind = which.segmented_control("Which", QUEUES, default="unlabelled", required=True, key="queue", bind="query-params")
which.caption(_MEANINGS[kind])
queue = model.labels.queue(layer, kind, order(model.id, model.card.content, layer))
name = st.query_params.get("unit")
if unit := queue.at(next((other for other in queue.order if str(other) == name), None)):
    show(queue, model.unit(unit))
else:
    st.info(f"No unit of {layer} is waiting. Choose another layer, or another kind of unit.")
with st.expander("One label for many units"):
    bulk_labels.show()
