"""Circuit: trace a circuit from a unit, then expand, remove and pin units by hand. The page's URL holds all of it."""

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas, circuit_controls, downloads, pin_tray, saved_circuits

st.title("Circuit")
choices = circuit_controls.choose()
pinned = circuit_canvas.pins()
left, right = st.columns([3.6, 1], gap="large")
with right:
    pin_tray.show(pinned)
    saved_circuits.show()
with left:
    if choices.kind == "pinned" and not pinned:
        st.info("No unit is pinned yet. Trace another circuit, click a unit in it and pin it.")
        st.stop()
    if choices.kind == "saved" and "saved" not in st.query_params:
        st.info("Open one of the saved circuits, or trace another and save it.")
        st.stop()
    with st.spinner("Tracing"):
        circuit = circuit_canvas.edited(circuit_controls.traced(choices, pinned), choices.strongest)
    circuit_canvas.actions(circuit)
    if not circuit.units:
        st.info("Every unit was removed. Press Undo all to restore them.")
        st.stop()
    circuit_canvas.show(circuit)
    downloads.show(circuit, session.veil().revealed)
    saved_circuits.form(circuit)
