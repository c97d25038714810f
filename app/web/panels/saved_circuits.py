"""Circuits saved in the database under a name: the list of them, and the form that saves the one shown."""

from functools import partial
from html import escape

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas
from catalog import LONGEST_NAME, CircuitView
from graph.records import SavedCircuit

_NONE = "None yet. The form below the figure keeps the circuit shown, in the database, for all who use it."


def show() -> None:
    """Show the saved circuits, each to be opened or removed."""
    st.subheader("Kept", help="Circuits that somebody kept in this database under a name.")
    circuits = session.model().saved_circuits
    if not circuits:
        st.caption(_NONE)
    for circuit in circuits:
        session.show(_description(circuit), f"kept {circuit.name}")
        with st.container(horizontal=True, gap="medium"):
            name = circuit.name
            st.button("Open", key=f"open {name}", type="tertiary", on_click=_open, args=(name,))
            remove = partial(_remove, name)
            st.button("Drop", key=f"drop {name}", type="tertiary", on_click=session.run_action, args=("kept", remove))
    session.show_action_error("kept")


def form(circuit: CircuitView) -> None:
    """Show a form that saves the circuit as it is drawn."""
    with st.form("keep", border=False):
        name, replace, button = st.columns([4.5, 1, 1], vertical_alignment="bottom")
        name.text_input("Keep as", key="keep as", max_chars=LONGEST_NAME, placeholder="What this circuit is")
        replace.checkbox("Replace", key="replace", help="The circuit of this name, if there is one.")
        button.form_submit_button("Keep", on_click=session.run_action, args=("keep", partial(_save, circuit)))
    session.show_action_error("keep")


def _save(circuit: CircuitView) -> None:
    circuit.save(st.session_state["keep as"], session.author(), st.session_state["replace"])


def _remove(name: str) -> None:
    session.model().remove_circuit(name)
    if st.query_params.get("kept") == name:
        del st.query_params["kept"]


def _description(circuit: SavedCircuit) -> str:
    name = escape(session.veil().label(circuit.name))
    details = escape(f"{circuit.kind}, {circuit.units} units, by {circuit.author}, {circuit.at:%d %b %Y}")
    return f'{name}<div class="quiet">{details}</div>'


def _open(name: str) -> None:
    circuit_canvas.reset()
    st.query_params["kept"] = name
    st.session_state["trace"] = "kept"
