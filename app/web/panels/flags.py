"""What of a unit is sensitive: itself, its example images, its words; each can be flagged and cleared."""

from dataclasses import replace

import streamlit as st

from app.web import session
from catalog.hiding.flags import Flags
from extract.units import Unit

_HELP = "What is flagged is hidden in every view and export of pictures until somebody reveals what is sensitive."


def show(unit: Unit) -> None:
    """A choice of what may be flagged, and the button that hides or shows it."""
    store, veil = session.model_store(), session.veil()
    examples = {e.image: e for e in session.examples(unit)}
    words = store.words(unit, limit=12)
    named = {("unit", str(unit)): f"unit {unit}"}
    named |= {("image", image): f"image {image}, {veil.caption(e)}" for image, e in examples.items()}
    named |= {("word", r.word): f"word {veil.over(r.unit).label(r.word)}" for r in words}
    chosen = st.selectbox("What", list(named), format_func=named.__getitem__, key=f"flag {unit}", help=_HELP)
    lowered = replace(veil, revealed=False)
    hides = {
        "unit": lambda name: lowered.over(name).hides_all,
        "image": lambda name: lowered.hides_image(examples[name]),
        "word": lowered.hides,
    }

    def flip() -> None:
        """Flag or clear what is chosen when the click comes."""
        kind, name = st.session_state[f"flag {unit}"]
        Flags(store).set(kind, name, not hides[kind](name), session.author())

    label = "Show again" if hides[chosen[0]](chosen[1]) else "Hide as sensitive"
    st.button(label, key="flag", on_click=session.act, args=(f"flag {unit}", flip))
    session.refused(f"flag {unit}")
