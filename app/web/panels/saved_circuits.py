"""Circuits kept in the database under a name: those that there are, and the form that keeps the one shown."""

from functools import partial
from html import escape

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas as canvas
from catalog.circuits import saved as keeping
from catalog.circuits.circuit import Circuit
from catalog.text_rules import LONGEST_NAME
from graph.records import SavedCircuit

_NONE = "None yet. The form below the figure keeps the circuit shown, in the database, for all who use it."


def show() -> None:
    """The kept circuits, each to be opened or dropped."""
    st.subheader("Kept", help="Circuits that somebody kept in this database under a name.")
    found = keeping.kept(session.model_store())
    if not found:
        st.caption(_NONE)
    for circuit in found:
        session.show(_told(circuit), f"kept {circuit.name}")
        with st.container(horizontal=True, gap="medium"):
            name = circuit.name
            st.button("Open", key=f"open {name}", type="tertiary", on_click=_open, args=(name,))
            drop = partial(_drop, circuit)
            st.button("Drop", key=f"drop {name}", type="tertiary", on_click=session.act, args=("kept", drop))
    session.refused("kept")


def form(circuit: Circuit) -> None:
    """Keep the circuit as it is shown."""
    with st.form("keep", border=False):
        name, replace, button = st.columns([4.5, 1, 1], vertical_alignment="bottom")
        name.text_input("Keep as", key="keep as", max_chars=LONGEST_NAME, placeholder="What this circuit is")
        replace.checkbox("Replace", key="replace", help="The circuit of this name, if there is one.")
        button.form_submit_button("Keep", on_click=session.act, args=("keep", partial(_keep, circuit)))
    session.refused("keep")


def _keep(circuit: Circuit) -> None:
    said = st.session_state
    keeping.keep(session.model_store(), circuit, said["keep as"], session.author(), said["replace"])


def _drop(circuit: SavedCircuit) -> None:
    keeping.drop(session.model_store(), circuit.name)
    if st.query_params.get("kept") == circuit.name:
        del st.query_params["kept"]


def _told(circuit: SavedCircuit) -> str:
    name = escape(session.veil().label(circuit.name))
    told = escape(f"{circuit.kind}, {circuit.units} units, by {circuit.author}, {circuit.at:%d %b %Y}")
    return f'{name}<div class="quiet">{told}</div>'


def _open(name: str) -> None:
    canvas.reset()
    st.query_params["kept"] = name
    st.session_state["trace"] = "kept"
