"""Circuits saved in the database under a name: the list of them, and the form that saves the one shown."""

from functools import partial
from html import escape

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas
from catalog import LONGEST_NAME, CircuitView
from graph.records import SavedCircuit

_EARLIER = 20  # replaced and deleted circuits that are listed
_NONE = "No circuit is saved yet. The form below the figure saves one in the database, for everybody who uses it."


def show() -> None:
    """Show the saved circuits, each with buttons that open and delete it, and those that were replaced or deleted."""
    st.subheader("Saved", help="Circuits that somebody saved in this database under a name.")
    circuits = session.model().saved_circuits
    if not circuits:
        st.caption(_NONE)
    for circuit in circuits:
        session.show(_description(circuit), f"saved {circuit.name}")
        with st.container(horizontal=True, gap="medium"):
            name = circuit.name
            st.button("Open", key=f"open {name}", type="tertiary", on_click=_open, args=(name,))
            with st.popover("Delete", type="tertiary"):
                st.write("You can restore it below.")
                act = "saved", partial(_delete, name)
                st.button("Delete it", key=f"delete {name}", on_click=session.run_action, args=act)
    _show_earlier()
    session.show_action_error("saved")


def _show_earlier() -> None:
    """Show the circuits that were replaced or deleted last, each with a button that saves it again."""
    earlier = session.model().earlier_circuits
    if not earlier:
        return
    with st.expander(f"Replaced or deleted ({len(earlier)})"):
        for circuit in earlier[:_EARLIER]:
            session.show(_description(circuit), f"earlier {circuit.version}")
            act = "saved", partial(session.model().restore_circuit, circuit.name, circuit.version, session.author())
            st.button(
                "Restore", key=f"restore {circuit.version}", type="tertiary", on_click=session.run_action, args=act
            )
        if len(earlier) > _EARLIER:
            st.caption("`circuits saved history` lists all of them.")


def form(circuit: CircuitView) -> None:
    """Show a form that saves the circuit as it is drawn."""
    with st.form("save", border=False):
        name, replace, button = st.columns([4.5, 1, 1], vertical_alignment="bottom")
        name.text_input("Save as", key="save as", max_chars=LONGEST_NAME, placeholder="What this circuit is")
        replace.checkbox("Replace", key="replace", help="Replace the circuit of this name, if there is one.")
        button.form_submit_button("Save", on_click=session.run_action, args=("save", partial(_save, circuit)))
    session.show_action_error("save")


def _save(circuit: CircuitView) -> None:
    circuit.save(st.session_state["save as"], session.author(), st.session_state["replace"])


def _delete(name: str) -> None:
    session.model().remove_circuit(name, session.author())
    if st.query_params.get("saved") == name:
        del st.query_params["saved"]


def _description(circuit: SavedCircuit) -> str:
    name = escape(session.veil().label(circuit.name))
    details = escape(f"{circuit.kind}, {circuit.units} units, by {circuit.author}, {circuit.at:%d %b %Y}")
    return f'{name}<div class="quiet">{details}</div>'


def _open(name: str) -> None:
    circuit_canvas.reset()
    st.query_params["saved"] = name
    st.session_state["trace"] = "saved"
