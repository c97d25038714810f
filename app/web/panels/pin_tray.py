"""The pin tray: units to be compared and joined, each with its picture and a button that unpins it."""

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas
from extract.units import Unit

_EMPTY = "Pin units to keep them here while you look at others, and to trace what lies between them."


def show(pinned: list[Unit]) -> None:
    """Show the pinned units one below the other."""
    st.subheader("Pinned", help="The page's address includes the pinned units, so a copied link shows them too.")
    if not pinned:
        st.caption(_EMPTY)
        return
    gallery, model = session.gallery(), session.model()
    thumbnails = model.thumbnails(pinned)
    for card in model.units(pinned):
        text, button = st.columns([2, 1], vertical_alignment="center", gap="small")
        with text:
            session.show(gallery.units([card], thumbnails), f"pinned {card.id}")
        button.button("Unpin", key=f"unpin {card.id}", type="tertiary", on_click=circuit_canvas.unpin, args=(card.id,))
