"""The labels of a unit: the current ones with buttons that change each, a form that adds one, an undo, the history."""

import streamlit as st

from app.web import session
from app.web.panels.annotations import annotation_rows
from app.web.plain_text import plain
from catalog import LONGEST_LABEL, LONGEST_REASON, Gallery, UnitView
from graph.records import Annotation

_DETAILS = ("facet", "modality", "confidence", "evidence")
_PARTS = ("sum", "shortcut", "conv")
_UNDO = "Undoes the last change that is in effect, whoever made it. The History page undoes any other change."


def show(unit: UnitView, keys: bool = False) -> None:
    """Show the current labels, the form and the history, one below the other; with `keys` the key U undoes."""
    history, place = list(unit.history), _place(unit)
    for label in session.model().labels.current(unit.id):
        _current(unit, label)
    turn = f"{unit.id} {len(history)}"  # fresh fields for every label
    session.show_action_error(place)
    with st.form("label", border=False):
        st.text_input("Label", key=f"text {turn}", max_chars=LONGEST_LABEL)
        of, by = st.columns(2, vertical_alignment="bottom")
        of.selectbox("Of", _PARTS, key="branch", help="The unit, or one branch of a sum.")
        by.checkbox(
            "Sensitive", key=f"sensitive {turn}", help="Hidden in every view until somebody reveals sensitive content."
        )
        with st.expander("More details"):
            _detail_fields(turn)
        st.form_submit_button("Add label", on_click=session.run_action, args=(place, lambda: _add(unit, turn)))
    if change := unit.last_change:
        _undo(unit, change, keys)
    if history:
        with st.expander(f"History ({len(history)})"):
            st.dataframe(annotation_rows(history[::-1], history, with_unit=False), hide_index=True)


def _undo(unit: UnitView, change: Annotation, keys: bool) -> None:
    """Show a button that undoes the last change and names its author.

    The button's key has no Ctrl, because keys with Ctrl act in a text field, too.
    """
    text = session.veil().annotation_text(change, change.text)
    st.button(
        plain(f"Undo {change.action} of “{text}” by {change.author}"), icon=":material/undo:", key="undo",
        shortcut="U" if keys else None, help=_UNDO, on_click=session.run_action,
        args=(_place(unit), lambda: unit.undo(change.id, session.author())),
    )  # fmt: skip


def _add(unit: UnitView, turn: str) -> None:
    """Add the label that the form describes; empty fields are left out."""
    values = {name: st.session_state[f"{name} {turn}"] for name in ("text", "sensitive", *_DETAILS)}
    filled = {name: value for name, value in values.items() if value not in ("", None)}
    unit.label(author=session.author(), branch=st.session_state["branch"], **{"text": "", **filled})


def _detail_fields(turn: str) -> None:
    """Show the fields for a label's facet, modality, confidence and evidence."""
    st.text_input(
        "Facet", key=f"facet {turn}", max_chars=LONGEST_LABEL, help="One of the things that the unit responds to."
    )
    st.selectbox("Modality", ("picture", "word"), index=None, key=f"modality {turn}", placeholder="Either")
    st.number_input("Confidence", 0.0, 1.0, None, 0.1, key=f"confidence {turn}", placeholder="0 to 1")
    st.text_input(
        "Evidence",
        key=f"evidence {turn}",
        max_chars=LONGEST_REASON,
        help="Why the label is right: a short text or a link.",
    )


def _current(unit: UnitView, label: Annotation) -> None:
    """Show a current label with the buttons that amend, reject or withdraw it."""
    gallery = session.gallery()
    text, change, button = st.columns([5, 1, 1], vertical_alignment="center")
    with text:
        session.show(gallery.annotation(label), f"label {label.id}")
    with change.popover("", icon=":material/edit:", type="tertiary", help="Amend or reject"):
        _change_fields(gallery, unit, label)
    button.button(
        "", key=f"withdraw {label.id}", icon=":material/close:", type="tertiary", help="Withdraw",
        on_click=session.run_action, args=(_place(unit), lambda: unit.withdraw(label.id, session.author())),
    )  # fmt: skip


def _change_fields(gallery: Gallery, unit: UnitView, label: Annotation) -> None:
    """Show the fields that amend a label or reject it."""
    hidden, place = gallery.veil.over(label.unit).hides(label.text), _place(unit)
    text, reason = f"{'hidden' if hidden else 'amended'} {label.id}", f"reason {label.id}"

    def amend() -> None:
        unit.amend(label.id, st.session_state[text], session.author())

    def reject() -> None:
        unit.reject(label.id, st.session_state[reason] or None, session.author())

    st.text_input("New text", "" if hidden else label.text, key=text, max_chars=LONGEST_LABEL)
    st.button("Amend", key=f"amend {label.id}", on_click=session.run_action, args=(place, amend))
    st.text_input("Why it is wrong", key=reason, max_chars=LONGEST_REASON)
    st.button("Reject", key=f"reject {label.id}", on_click=session.run_action, args=(place, reject))


def _place(unit: UnitView) -> str:
    """Return the place where an error of a click on this unit's labels is shown."""
    return f"label {unit.id}"
