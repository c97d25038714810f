"""Home: show what the catalog holds, and where to start."""

import streamlit as st

from app.web import session
from app.web.panels import candidates, model_removal
from app.web.plain_text import plain
from catalog import notes
from catalog.errors import CircuitError

model, gallery = session.model(), session.gallery()


def show_holdings() -> None:
    """Show the model's size, and what was measured of it."""
    card = model.card
    st.title("CLIP circuits")
    st.write(
        "Every channel of the vision ResNet is a unit. Every expanded weight between two units is an edge, and labels "
        "say what units stand for. Start with the enrichment circuits: in each of them the conv branch brings one "
        "facet, and the residual shortcut brings another."
    )
    counts = {
        "Layers": (len(card.architecture.layers), "bn1, bn2, conv branch, downsample and sum of every block"),
        "Units": (card.units, "channels of these layers"),
        "Edges": (
            card.edges,
            "the strongest expanded weights of both signs; a weight that is not stored need not be zero",
        ),
        "Labelled units": (card.labelled, "units with at least one current label"),
        "Images": (card.images, "probes shown to the network: pictures and rasterised words"),
    }
    for place, (name, (count, tooltip)) in zip(st.columns(len(counts)), counts.items(), strict=True):
        place.metric(name, count, help=tooltip, border=True, format="localized")
    side, blocks = card.architecture.image_size, ", ".join(map(str, card.blocks))
    shape = f"stages of {blocks} blocks, {side} x {side} pixels"
    st.caption(plain(f"{card.id}: {shape}, weights {card.weights_sha256[:12]}"))
    session.show(notes(card.measured), "measured")
    link = "What was computed and measured for each layer, and what is missing"
    st.page_link("views/layers.py", label=link, icon=":material/layers:", query_params={"model": card.id})


def show_starting_points() -> None:
    """Show the first candidates for enrichment circuits."""
    st.subheader("Start here: two facets in one unit", help="The first candidates of the Enrichment page.")
    try:
        first = model.candidates(limit=4)
    except CircuitError as error:
        st.info(plain(str(error)))
        return
    for place, candidate in zip(st.columns(2) * 2, first, strict=False):
        with place:
            candidates.show([candidate], pictures=4)
    st.page_link(
        "views/enrichment.py", label="All candidates", icon=":material/call_merge:", query_params={"model": model.id}
    )


def show_labelled() -> None:
    """Show the units that carry labels, or those whose labels contain a word."""
    st.subheader("Labelled units")
    word = st.text_input("Find", placeholder="Any part of a label", key="word", label_visibility="collapsed")
    cards = model.labelled(word, limit=60)
    if cards:
        session.show(gallery.units(cards, model.thumbnails(card.id for card in cards)), "labelled")
    else:
        st.caption("No label contains this text." if word else "No unit has a label yet. Add one on a unit's page.")


show_holdings()
show_starting_points()
show_labelled()
model_removal.show()
