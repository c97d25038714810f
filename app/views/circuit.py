"""A canvas for circuits: traced from a unit, then expanded, cut back and pinned by hand; the address holds it all."""

import streamlit as st

from app import canvas, downloads, session, tray

st.title("Circuit")
choices = canvas.choose()
pinned = canvas.pins()
left, right = st.columns([4, 1], gap="large")
with right:
    tray.show(pinned)
with left:
    if choices.kind == "pinned" and not pinned:
        st.info("No unit is pinned yet. Trace another circuit, click a unit in it and pin it.")
        st.stop()
    with st.spinner("Tracing"):
        circuit = canvas.traced(choices)
    canvas.actions(circuit)
    if not circuit.units:
        st.info("Every unit was removed. Undo all brings them back.")
        st.stop()
    circuit = canvas.show(circuit)
    downloads.show(circuit, session.gallery().veil.lifted)
