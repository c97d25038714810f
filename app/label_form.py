"""The labels of a unit, each with a way back, and the form that adds another."""

import streamlit as st

from app import session
from catalog.label_rules import LONGEST
from catalog.labels import Labels
from extract.units import Unit
from graph.schema import Annotation


def show(unit: Unit) -> None:
    """The current labels and the form, one below the other."""
    labels = session.labels()
    for label in labels.current(unit):
        _current(labels, unit, label)
    turn = f"{unit} {len(labels.history(unit))}"  # fresh fields for every label
    with st.form("label", border=False):
        text = st.text_input("Label", key=f"text {turn}", max_chars=LONGEST)
        of, by = st.columns(2)
        branch = of.selectbox("Of", ("sum", "shortcut", "conv"), key="branch", help="The unit, or one branch of a sum.")
        author = by.text_input("Author", session.author(), key="author", persist_state="session", max_chars=LONGEST)
        sensitive = st.checkbox(
            "Sensitive", key=f"sensitive {turn}", help="Hidden in every view until somebody reveals what is sensitive."
        )
        submitted = st.form_submit_button("Add label")
    if submitted:
        with session.errors_shown():
            labels.add(unit, text, author, branch=branch, sensitive=sensitive)
            st.rerun()


def _current(labels: Labels, unit: Unit, label: Annotation) -> None:
    text, button = st.columns([5, 1], vertical_alignment="center")
    with text:
        session.show(session.gallery().annotation(label), f"label {label.id}")
    if button.button("", key=f"withdraw {label.id}", icon=":material/close:", type="tertiary", help="Withdraw"):
        with session.errors_shown():
            labels.withdraw(unit, label.id, st.session_state["author"])
            st.rerun()
