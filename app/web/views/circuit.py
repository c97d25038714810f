"""A canvas for circuits: traced from a unit, then expanded, cut back and pinned by hand; the address holds it all."""

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas as canvas
from app.web.panels import circuit_controls as choices
from app.web.panels import downloads
from app.web.panels import pin_tray as tray
from app.web.panels import saved_circuits as kept

st.title("Circuit")
chosen = choices.choose()
pinned = canvas.pins()
left, right = st.columns([3.6, 1], gap="large")
with right:
    tray.show(pinned)
    kept.show()
with left:
    if chosen.kind == "pinned" and not pinned:
        st.info("No unit is pinned yet. Trace another circuit, click a unit in it and pin it.")
        st.stop()
    if chosen.kind == "kept" and "kept" not in st.query_params:
        st.info("Open one of the kept circuits, or trace another and keep it.")
        st.stop()
    with st.spinner("Tracing"):
        circuit = canvas.edited(choices.traced(chosen, pinned), chosen.strongest)
    canvas.actions(circuit)
    if not circuit.units:
        st.info("Every unit was removed. Undo all brings them back.")
        st.stop()
    circuit = canvas.show(circuit)
    downloads.show(circuit, session.veil().revealed)
    kept.form(circuit)
