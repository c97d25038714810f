"""One label for many units, or one text rejected on many: previewed, then written as a whole."""

import streamlit as st

from app.web import session
from app.web.panels import annotations as told
from catalog.labels import bulk as many
from catalog.labels.bulk import Plan
from catalog.text_rules import EVIDENCE, LONGEST

_QUERY = "MATCH (u:Unit {layer: '4/2/6'}) WHERE u.word_selectivity > 0.5 RETURN u.id"


def show() -> None:
    """The form, and what it would change."""
    labels = session.labels()
    told.done("bulk")
    with st.form("bulk", border=False):
        text = st.text_input("Label for all", key="bulk text", max_chars=LONGEST)
        act = st.radio("What to do", ("Add it", "Reject it"), key="bulk act", horizontal=True)
        reason = st.text_input("Reason of a rejection", key="bulk reason", max_chars=EVIDENCE)
        units = st.text_area("Units", key="bulk units", placeholder="4/2/6/3, 4/2/6/9")
        query = st.text_area(
            "or a query that answers with one column of unit ids", key="bulk query", placeholder=_QUERY
        )
        previewed = st.form_submit_button("Preview")
    if previewed:
        st.session_state.pop("plan", None)
        with session.errors_shown():
            names = many.units_from(labels, units, query)
            st.session_state["plan"] = _plan(names, text, act == "Reject it", reason)
    if plan := st.session_state.get("plan"):
        told.offer(labels, plan, "bulk", lambda: st.session_state.pop("plan", None))


def _plan(names: list[str], text: str, reject: bool, reason: str) -> Plan:
    labels, author = session.labels(), session.author()
    if reject:
        return many.rejecting(labels, names, text, author, reason or None)
    return many.adding(labels, names, text, author)
