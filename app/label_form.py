"""The labels of a unit, each with what may become of it, the form that adds another, an undo, and the history."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app import session, told
from app.pictures import Gallery
from catalog.history import current
from catalog.label_rules import EVIDENCE, LONGEST
from catalog.labels import Labels
from extract.units import Unit
from graph.schema import Annotation

_PARTS = ("sum", "shortcut", "conv")
_UNDO = "Takes back the last change that stands, whoever made it; the History page undoes any other."


def show(unit: Unit, keys: bool = False) -> None:
    """The current labels, the form, and the history, one below the other; `keys` for adding and undoing by keyboard."""
    labels, gallery = session.labels(), session.gallery()
    history = labels.history(unit)
    for label in current(history):
        _current(labels, gallery, unit, label)
    turn = f"{unit} {len(history)}"  # fresh fields for every label
    with st.form("label", border=False):
        text = st.text_input("Label", key=f"text {turn}", max_chars=LONGEST)
        of, by = st.columns(2, vertical_alignment="bottom")
        branch = of.selectbox("Of", _PARTS, key="branch", help="The unit, or one branch of a sum.")
        sensitive = by.checkbox(
            "Sensitive", key=f"sensitive {turn}", help="Hidden in every view until somebody reveals what is sensitive."
        )
        with st.expander("More to say"):
            details = _details(turn)
        submitted = st.form_submit_button("Add label", shortcut="Ctrl+Enter" if keys else None)
    if submitted:
        _do(lambda: labels.add(unit, text, session.author(), branch=branch, sensitive=sensitive, **details))
    if history:
        if st.button("Undo", icon=":material/undo:", key="undo", shortcut="Ctrl+Z" if keys else None, help=_UNDO):
            _do(lambda: labels.undo(unit, author=session.author()))
        with st.expander(f"History ({len(history)})"):
            st.dataframe(told.annotations(history[::-1], among=history, of_units=False), hide_index=True)


def _details(turn: str) -> dict[str, Any]:
    """What else may be said; nothing where it is left empty."""
    facet = st.text_input("Facet", key=f"facet {turn}", max_chars=LONGEST, help="One of the things it answers to.")
    modality = st.selectbox("Modality", ("picture", "word"), index=None, key=f"modality {turn}", placeholder="Either")
    confidence = st.number_input("Confidence", 0.0, 1.0, None, 0.1, key=f"confidence {turn}", placeholder="0 to 1")
    evidence = st.text_input(
        "Evidence", key=f"evidence {turn}", max_chars=EVIDENCE, help="Why it is so: a short text or a link."
    )
    return {"facet": facet or None, "modality": modality, "confidence": confidence, "evidence": evidence or None}


def _current(labels: Labels, gallery: Gallery, unit: Unit, label: Annotation) -> None:
    text, change, button = st.columns([5, 1, 1], vertical_alignment="center")
    with text:
        session.show(gallery.annotation(label), f"label {label.id}")
    with change.popover("", icon=":material/edit:", type="tertiary", help="Amend or reject"):
        _changes(labels, gallery, unit, label)
    if button.button("", key=f"withdraw {label.id}", icon=":material/close:", type="tertiary", help="Withdraw"):
        _do(lambda: labels.withdraw(unit, label.id, session.author()))


def _changes(labels: Labels, gallery: Gallery, unit: Unit, label: Annotation) -> None:
    """Another wording, or an objection."""
    hidden = gallery.veil.over(label.unit).hides(label.text)
    text = st.text_input("Amended to", "" if hidden else label.text, key=f"amended {label.id}", max_chars=LONGEST)
    if st.button("Amend", key=f"amend {label.id}"):
        _do(lambda: labels.amend(unit, label.id, text, session.author()))
    reason = st.text_input("Why it is wrong", key=f"reason {label.id}", max_chars=EVIDENCE)
    if st.button("Reject", key=f"reject {label.id}"):
        _do(lambda: labels.reject(unit, label.id, reason or None, session.author()))


def _do(act: Callable[[], object]) -> None:
    """Act, and show the page anew; or a message."""
    with session.errors_shown():
        act()
        st.rerun()
