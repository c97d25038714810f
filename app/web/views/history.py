"""History: list every entry of the labels' history, with its author, time and unit, and undo any of them."""

import streamlit as st

from app.web import session
from app.web.panels import annotations

MOST = 1000  # rows of the table

labels = session.model().labels
history = labels.history()

st.title("History")
st.write(
    "Every change of a label, newest first. Nothing is overwritten: undoing an entry adds another entry, which you can "
    "undo too."
)
if not history:
    st.info(
        "No unit has been labelled yet. Label one on its page or on the Annotate page, or with `circuits label add`."
    )
    session.show('<p class="quiet">0 entries</p>', "none")
    st.stop()
by, of, unit, first, last = st.columns(5)
author = by.selectbox(
    "By", sorted({a.author for a in history}), index=None, key="by", bind="query-params", placeholder="Anybody"
)
source = of.selectbox(
    "Source", ("human", "import", "auto"), index=None, key="whence", bind="query-params", placeholder="Any"
)
about = unit.text_input("Unit or layer", key="about", bind="query-params", placeholder="4/2/6 or 4/2/6/34")
since = first.date_input("Since", None, key="since", bind="query-params", help="This day and later, in UTC.")
until = last.date_input("Until", None, key="until", bind="query-params", help="This day and earlier, in UTC.")
matching = labels.matching(history, author or "", source, about.strip(), since, until)
annotations.table(annotations.annotation_rows(matching[:MOST], history), 460)
session.show(f'<p class="quiet">{len(matching):,} of {len(history):,} entries</p>', "count")


def undo() -> None:
    """Undo the entry that is selected when the click comes."""
    selected = st.session_state["entry"]
    session.model().unit(units[selected]).undo(selected, session.author())


lines, units = annotations.lines(matching[:MOST]), {a.id: a.unit for a in matching}
entry = st.selectbox(
    "Entry to undo",
    list(lines),
    index=None,
    format_func=lines.__getitem__,
    key="entry",
    placeholder="Choose one of these",
)
st.button(
    "Undo this entry",
    icon=":material/undo:",
    key="undo entry",
    disabled=entry is None,
    on_click=session.run_action,
    args=("undo entry", undo),
)
session.show_action_error("undo entry")
