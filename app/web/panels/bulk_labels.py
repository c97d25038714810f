"""Give many units one label, or reject one text on many: first a preview, then all of it is written or nothing."""

import streamlit as st

from app.web import session
from app.web.panels import annotations
from catalog import LONGEST_LABEL, LONGEST_REASON, Plan

_QUERY = "MATCH (u:Unit {layer: '4/2/6'}) WHERE u.word_selectivity > 0.5 RETURN u.id"


def show() -> None:
    """Show the form, and a preview of what it would change."""
    annotations.show_written("bulk")
    with st.form("bulk", border=False):
        text = st.text_input("Label for all", key="bulk text", max_chars=LONGEST_LABEL)
        action = st.radio("What to do", ("Add it", "Reject it"), key="bulk act", horizontal=True)
        reason = st.text_input("Reason for rejecting it", key="bulk reason", max_chars=LONGEST_REASON)
        units = st.text_area("Units", key="bulk units", placeholder="4/2/6/3, 4/2/6/9")
        query = st.text_area("or a query that returns one column of unit ids", key="bulk query", placeholder=_QUERY)
        submitted = st.form_submit_button("Preview")
    if submitted:
        st.session_state.pop("plan", None)
        with session.show_errors():
            st.session_state["plan"] = _plan(units, query, text, action == "Reject it", reason)
    if plan := st.session_state.get("plan"):
        annotations.preview(session.model().labels, plan, "bulk", lambda: st.session_state.pop("plan", None))


def _plan(units: str, query: str, text: str, reject: bool, reason: str) -> Plan:
    labels, author = session.model().labels, session.author()
    names = labels.units_from(units, query)
    if reject:
        return labels.plan_rejections(names, text, author, reason or None)
    return labels.plan_labels(names, text, author)
