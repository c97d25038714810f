"""Query: ask the database a named query, or the user's own Cypher; both may only read."""

import streamlit as st

from app.web import session
from app.web.panels import query as parts
from app.web.plain_text import plain
from catalog import BUILT_IN_AUTHOR, LONGEST_QUERY, NamedQuery, notes
from catalog.errors import NamedQueryError

queries = {query.name: query for query in parts.queries().list()}


def named() -> NamedQuery:
    """Let the user select a query by name, show its description and its Cypher, and return it."""
    name = st.selectbox(
        "Query", list(queries), key="query", bind="query-params", help="Built-in queries come first, then saved ones."
    )
    query = queries[name]
    by = "" if query.author == BUILT_IN_AUTHOR else f" Saved by {query.author}."
    session.show(notes([query.description + by]), "description")
    with st.expander("Its Cypher", icon=":material/code:"):
        st.code(query.text.strip(), language=None, wrap_lines=True)
        st.button("Edit a copy", icon=":material/edit:", on_click=parts.edit, args=[query.text.strip()])
    return query


def own() -> NamedQuery:
    """Show a field for the user's own Cypher, and return it as a query without a name."""
    text = st.text_area(
        "Cypher",
        key="cypher",
        bind="query-params",
        height=220,
        max_chars=LONGEST_QUERY,
        placeholder="MATCH (u:Unit {model: $model, layer: $layer})\nRETURN u.id AS unit, u.label AS label\nLIMIT 20",
        help="$model is the model in the side bar, $layer its last sum. Any other $name becomes an input.",
    )
    return NamedQuery("", text or "")


def show(answer: parts.QueryAnswer, duration: float) -> None:
    """Show the answer as a table, a button that downloads the table, and the units in the answer."""
    more = "The first {} rows; there are more." if answer.truncated else "{} rows"
    st.caption(f"{more.format(len(answer))} · {duration:.2f} s")
    if not answer:
        return
    rows = parts.rows(answer, parts.veil())
    st.dataframe(rows, hide_index=True)
    st.download_button("CSV", parts.as_csv(answer.columns, rows), "query.csv", "text/csv", icon=":material/download:")
    if units := parts.units(answer):
        st.subheader(
            "Units in the answer", help=f"At most the first {parts.UNITS_LISTED} units of the model in the side bar."
        )
        model = session.model()
        session.show(parts.gallery().units(model.units(units), model.thumbnails(units)), "units")


st.title("Query")
st.write("Run a named query, or write one in Cypher. Queries can only read: the server refuses those that write.")
left, right = st.columns([3, 2], gap="large")
with right.expander("What is in the graph", icon=":material/schema:", expanded=True):
    session.show(parts.graph_schema(), "schema")
with left:
    ways = [parts.BY_NAME, parts.IN_CYPHER]
    way = st.radio("Ask", ways, key="ask", bind="query-params", horizontal=True)
    by_name = named() if way == parts.BY_NAME else None
    with st.form("question"):
        query = by_name or own()
        parameters = parts.values(query)
        limit, seconds = st.columns(2)
        most = limit.number_input("Rows at most", 1, 10_000, 200, key="rows", bind="query-params")
        timeout = seconds.number_input("Seconds at most", 1, 600, 20, key="seconds", bind="query-params")
        again = st.form_submit_button("Run", icon=":material/play_arrow:")
if query.text.strip():
    with session.show_errors():
        try:
            show(*parts.answered(query, parameters, timeout, most, again))
        except NamedQueryError as missing:
            st.info(plain(str(missing)))
    parts.saving(query, parameters)
