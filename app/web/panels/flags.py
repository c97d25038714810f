"""Flag or clear what of a unit is sensitive: the unit itself, the images of its top probes, its top words."""

from dataclasses import replace

import streamlit as st

from app.web import session
from catalog import UnitView

_HELP = "Flagged content is hidden in every view and in exported pictures until somebody reveals sensitive content."


def show(unit: UnitView) -> None:
    """Show what of a unit can be flagged, and the button that hides it or shows it again."""
    model, veil = session.model(), session.veil()
    probes = {probe.image: probe for probe in unit.top_probes()}
    options = {("unit", str(unit.id)): f"unit {unit.id}"}
    options |= {("image", image): f"image {image}, {veil.caption(probe)}" for image, probe in probes.items()}
    options |= {("word", r.word): f"word {veil.over(r.unit).label(r.word)}" for r in unit.top_words(12)}
    key = f"flag {unit.id}"
    option = st.selectbox("What", list(options), format_func=options.__getitem__, key=key, help=_HELP)
    lowered = replace(veil, revealed=False)
    hides = {
        "unit": lambda _: lowered.over(unit.id).hides_all,
        "image": lambda name: lowered.hides_image(probes[name]),
        "word": lowered.hides,
    }

    def flip() -> None:
        """Flag or clear what is selected when the click comes."""
        kind, name = st.session_state[key]
        model.flag(kind, name, not hides[kind](name), session.author())

    label = "Show again" if hides[option[0]](option[1]) else "Hide as sensitive"
    st.button(label, key="flag", on_click=session.run_action, args=(key, flip))
    session.show_action_error(key)
