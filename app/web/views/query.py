"""Questions to the database: a query by its name, or Cypher of one's own, read-only."""

import streamlit as st

from app.web import session
from app.web.panels import query as asking
from catalog import cards as pictures
from catalog.errors import NamedQueryError
from catalog.queries import LONGEST
from graph.cypher.named_query import BUILT_IN_AUTHOR, NamedQuery

gallery = session.gallery()
known = {query.name: query for query in asking.queries().list()}


def named() -> NamedQuery:
    """A query by its name, what it answers, and its text."""
    name = st.selectbox("Query", list(known), key="query", bind="query-params", help="Ours first, then those saved.")
    query = known[name]
    by = "" if query.author == BUILT_IN_AUTHOR else f" Saved by {query.author}."
    session.show(pictures.notes([query.description + by]), "description")
    with st.expander("Its Cypher", icon=":material/code:"):
        st.code(query.text.strip(), language=None, wrap_lines=True)
        st.button("Edit a copy", icon=":material/edit:", on_click=asking.edit, args=[query.text.strip()])
    return query


def own() -> NamedQuery:
    """Cypher of one's own."""
    text = st.text_area(
        "Cypher",
        key="cypher",
        bind="query-params",
        height=220,
        max_chars=LONGEST,
        placeholder="MATCH (u:Unit {model: $model, layer: $layer})\nRETURN u.id AS unit, u.label AS label\nLIMIT 20",
        help="$model is the model chosen at the side, $layer its last sum; any other $name becomes an input.",
    )
    return NamedQuery("", text or "")


def show(answer: asking.Answer, took: float) -> None:
    """The answer as a table, as a file, and the units in it."""
    more = "The first {} rows; there are more." if answer.truncated else "{} rows"
    st.caption(f"{more.format(len(answer))} · {took:.2f} s")
    if not answer:
        return
    rows = asking.rows(answer, asking.veil())
    st.dataframe(rows, hide_index=True)
    st.download_button("CSV", asking.as_csv(answer.columns, rows), "query.csv", "text/csv", icon=":material/download:")
    if found := asking.units(answer):
        st.subheader("Units in the answer", help=f"The first {asking.SHOWN} at most, of the model at the side.")
        cards = session.model_store().units(found)
        session.show(gallery.units(cards, session.thumbnails(found)), "units")


st.title("Query")
st.write("Ask the graph by name, or in Cypher of your own. Only reading is allowed: the server refuses what writes.")
left, right = st.columns([3, 2], gap="large")
with right.expander("What is in the graph", icon=":material/schema:", expanded=True):
    session.show(asking.graph_schema(), "schema")
with left:
    ways = [asking.BY_NAME, asking.IN_CYPHER]
    way = st.radio("Ask", ways, key="ask", bind="query-params", horizontal=True)
    chosen = named() if way == asking.BY_NAME else None
    with st.form("question"):
        query = chosen or own()
        given = asking.values(query)
        limit, seconds = st.columns(2)
        most = limit.number_input("Rows at most", 1, 10_000, 200, key="rows", bind="query-params")
        patience = seconds.number_input("Seconds at most", 1, 600, 20, key="seconds", bind="query-params")
        again = st.form_submit_button("Run", icon=":material/play_arrow:")
if query.text.strip():
    with session.errors_shown():
        try:
            show(*asking.answered(query, given, patience, most, again))
        except NamedQueryError as missing:
            st.info(str(missing))
    asking.saving(query, given)
