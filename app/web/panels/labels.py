"""The labels of a unit, each with what may become of it, the form that adds another, an undo, and the history."""

import streamlit as st

from app.web import session
from app.web.panels import annotations as told
from catalog.cards import Gallery
from catalog.labels.history import current
from catalog.labels.labels import Labels
from catalog.text_rules import EVIDENCE, LONGEST
from extract.units import Unit
from graph.records import Annotation

_DETAILS = ("facet", "modality", "confidence", "evidence")
_PARTS = ("sum", "shortcut", "conv")
_UNDO = "Takes back the last change that stands, whoever made it; the History page undoes any other."


def show(unit: Unit, keys: bool = False) -> None:
    """The current labels, the form, and the history, one below the other; `keys` for undoing by keyboard."""
    labels, gallery = session.labels(), session.gallery()
    history = labels.history(unit)
    for label in current(history):
        _current(labels, gallery, unit, label)
    turn = f"{unit} {len(history)}"  # fresh fields for every label
    session.refused(_place(unit))
    with st.form("label", border=False):
        st.text_input("Label", key=f"text {turn}", max_chars=LONGEST)
        of, by = st.columns(2, vertical_alignment="bottom")
        of.selectbox("Of", _PARTS, key="branch", help="The unit, or one branch of a sum.")
        by.checkbox(
            "Sensitive", key=f"sensitive {turn}", help="Hidden in every view until somebody reveals what is sensitive."
        )
        with st.expander("More to say"):
            _details(turn)
        st.form_submit_button("Add label", on_click=session.act, args=(_place(unit), lambda: _add(labels, unit, turn)))
    if history:
        st.button(
            "Undo", icon=":material/undo:", key="undo", shortcut="Ctrl+Z" if keys else None, help=_UNDO,
            on_click=session.act, args=(_place(unit), lambda: labels.undo(unit, author=session.author()),),
        )  # fmt: skip
        with st.expander(f"History ({len(history)})"):
            st.dataframe(told.annotations(history[::-1], among=history, of_units=False), hide_index=True)


def _add(labels: Labels, unit: Unit, turn: str) -> None:
    """Add what the form says; nothing for what is left empty."""
    given = {name: st.session_state[f"{name} {turn}"] for name in ("text", "sensitive", *_DETAILS)}
    said = {name: value for name, value in given.items() if value not in ("", None)}
    labels.add(unit, author=session.author(), branch=st.session_state["branch"], **{"text": "", **said})


def _details(turn: str) -> None:
    """What else may be said."""
    st.text_input("Facet", key=f"facet {turn}", max_chars=LONGEST, help="One of the things it answers to.")
    st.selectbox("Modality", ("picture", "word"), index=None, key=f"modality {turn}", placeholder="Either")
    st.number_input("Confidence", 0.0, 1.0, None, 0.1, key=f"confidence {turn}", placeholder="0 to 1")
    st.text_input("Evidence", key=f"evidence {turn}", max_chars=EVIDENCE, help="Why it is so: a short text or a link.")


def _current(labels: Labels, gallery: Gallery, unit: Unit, label: Annotation) -> None:
    text, change, button = st.columns([5, 1, 1], vertical_alignment="center")
    with text:
        session.show(gallery.annotation(label), f"label {label.id}")
    with change.popover("", icon=":material/edit:", type="tertiary", help="Amend or reject"):
        _changes(labels, gallery, unit, label)
    button.button(
        "", key=f"withdraw {label.id}", icon=":material/close:", type="tertiary", help="Withdraw",
        on_click=session.act, args=(_place(unit), lambda: labels.withdraw(unit, label.id, session.author()),),
    )  # fmt: skip


def _changes(labels: Labels, gallery: Gallery, unit: Unit, label: Annotation) -> None:
    """Another wording, or an objection."""
    hidden = gallery.veil.over(label.unit).hides(label.text)
    text, reason = f"{'hidden' if hidden else 'amended'} {label.id}", f"reason {label.id}"
    st.text_input("Amended to", "" if hidden else label.text, key=text, max_chars=LONGEST)
    amend = lambda: labels.amend(unit, label.id, st.session_state[text], session.author())  # noqa: E731
    st.button("Amend", key=f"amend {label.id}", on_click=session.act, args=(_place(unit), amend))
    st.text_input("Why it is wrong", key=reason, max_chars=EVIDENCE)
    reject = lambda: labels.reject(unit, label.id, st.session_state[reason] or None, session.author())  # noqa: E731
    st.button("Reject", key=f"reject {label.id}", on_click=session.act, args=(_place(unit), reject))


def _place(unit: Unit) -> str:
    """Where it is told why nothing came of a click."""
    return f"label {unit}"
