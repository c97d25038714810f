"""The parts of the Query page: inputs for parameters, the answer as rows, as CSV and as units, and saving."""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from html import escape
from itertools import chain
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from app.web import session
from catalog import (
    BUILT_IN,
    BUILT_IN_AUTHOR,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    PATTERNS,
    PROPERTIES,
    EarlierQuery,
    Gallery,
    NamedQuery,
    Queries,
    Table,
    Veil,
    csv_table,
    parse_value,
)
from extract.errors import UnknownUnit
from extract.units import Unit
from graph.plain_json import as_json

_EARLIER = 20  # replaced and removed queries that are listed
UNITS_LISTED = 60  # units listed below an answer
BY_NAME, IN_CYPHER = "by name", "in Cypher"
QueryAnswer = Table[Mapping[str, Any]]
_UNIT = re.compile(r"\d+/\d+/\d+/\d+")


def queries() -> Queries:
    """Return the named queries of the catalog."""
    return session.catalog().queries


def gallery() -> Gallery:
    """Return a gallery, which draws the model's units in an answer and hides the same texts as the answer does.

    The gallery uses the veil of the answer, for which the database is asked nothing more.
    """
    return session.gallery(queries().veil(st.session_state["reveal"], session.model().id))


def veil() -> Veil:
    """Return the veil over answers, which hides what is sensitive in any model, unless the user reveals it."""
    return queries().veil(st.session_state["reveal"])


def edit(text: str) -> None:
    """Put a text into the field for the user's own Cypher."""
    _choose("ask", IN_CYPHER)
    _choose("cypher", text)


def values(query: NamedQuery) -> dict[str, Any]:
    """Show an input for each of a query's parameters except the model, and return the values typed there.

    The model is the one selected in the side bar. An empty input stands for its default, which it shows in grey.
    """
    names = [name for name in query.parameters if name != "model"]
    defaults = {"layer": str(session.model().architecture.final), **query.defaults}
    places = st.columns(max(3, len(names)))
    texts = {
        name: place.text_input(
            name,
            key=f"${name}",
            bind="query-params",
            placeholder=_typed(defaults[name]) if name in defaults else "",
            help=f"{query.meanings.get(name, 'a parameter')}. A number, JSON or text; the default if empty.",
        )
        for name, place in zip(names, places, strict=False)
    }
    return {name: parse_value(value.strip()) for name, value in texts.items() if value and value.strip()}


def answered(
    query: NamedQuery, parameters: dict[str, Any], timeout: float, limit: int, again: bool
) -> tuple[QueryAnswer, float]:
    """Return the answer and the seconds that it took; the last question is asked again only with `again`.

    Raises NamedQueryError for a parameter that is missing; WriteRefused, QueryTimeout, QueryError.
    """
    model = session.model().id
    question = query.text, queries().parameters(query, parameters, model), timeout, limit
    if again or st.session_state.get("answer", [None])[0] != question:
        start = time.perf_counter()
        with st.spinner("Asking the database"):
            answer = queries().run(query, parameters, model=model, timeout=timeout, limit=limit)
        st.session_state["answer"] = question, answer, time.perf_counter() - start
    _, answer, seconds = st.session_state["answer"]
    return answer, seconds


def units(answer: QueryAnswer) -> list[Unit]:
    """Return the model's units whose ids stand in an answer, alone or in lists, in that order; UNITS_LISTED at most."""
    architecture, units = session.model().architecture, list[Unit]()
    cells = chain.from_iterable(cell if isinstance(cell, list) else [cell] for row in answer for cell in row.values())
    for name in dict.fromkeys(cell for cell in cells if isinstance(cell, str) and _UNIT.fullmatch(cell)):
        with suppress(UnknownUnit):
            units.append(architecture.unit(name))
    return units[:UNITS_LISTED]


def rows(answer: QueryAnswer, veil: Veil) -> list[dict[str, Any]]:
    """Make a row of each record, with sensitive texts hidden; a map, or a list of anything but texts, becomes JSON."""
    return [{column: _cell(veil.value(value)) for column, value in row.items()} for row in answer]


def as_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as the text of a CSV file, with lists as JSON."""
    return csv_table(columns, ([_json(v) if isinstance(v, list) else v for v in row.values()] for row in rows))


def graph_schema() -> str:
    """Describe what is in the graph, as safe HTML."""
    items = "".join(
        f'<div><code>{escape(pattern)}</code><span class="quiet">{escape(meaning)}</span></div>'
        for pattern, meaning in PATTERNS
    )
    names = ", ".join(map(escape, PROPERTIES))
    measured = f"<div><b>On units, where measured</b><span>{names}</span></div>"
    return f'<div class="schema" tabindex="0">{items}{measured}</div>'


def saving(query: NamedQuery, parameters: dict[str, Any]) -> None:
    """Show a form that saves a query with these parameters as defaults, and a button that removes a saved query."""
    form, removal = st.columns([4, 1])
    with form.expander("Save as", icon=":material/save:"), st.form("save", border=False):
        st.text_input("Name", key="save as", max_chars=LONGEST_NAME)
        st.text_input("What it answers", query.description, key=f"of {query.name}", max_chars=LONGEST_DESCRIPTION)
        st.checkbox("Replace the saved query of this name", key="save over")
        st.caption("The current values of the parameters become their defaults.")
        st.form_submit_button("Save", on_click=session.run_action, args=("query", lambda: _save(query, parameters)))
    session.show_action_error("query")
    if query.name and query.author != BUILT_IN_AUTHOR:
        with removal.popover("Remove", icon=":material/delete:"):
            st.write("This removes the query for everybody. You can restore it below.")
            st.button("Remove it", on_click=session.run_action, args=("query", lambda: _remove(query)))
    _show_earlier()


def _show_earlier() -> None:
    """Show the queries that were replaced or removed last, each with a button that saves it again."""
    earlier = queries().earlier()
    if not earlier:
        return
    with st.expander(f"Replaced or removed ({len(earlier)})"):
        for query in earlier[:_EARLIER]:
            name = escape(veil().label(query.name))
            by = escape(f"by {query.author}, removed by {query.removed_by}, {query.removed_at:%d %b %Y}")
            session.show(f'{name}<div class="quiet">{by}</div>', f"earlier {query.version}")
            act = "query", partial(_restore, query)
            st.button("Restore", key=f"restore {query.version}", type="tertiary", on_click=session.run_action, args=act)
        if len(earlier) > _EARLIER:
            st.caption("`circuits query history` lists all of them.")


def _save(query: NamedQuery, parameters: dict[str, Any]) -> None:
    """Save the query as the form says, and select it."""
    fields, defaults = st.session_state, {**query.defaults, **parameters}
    description = fields[f"of {query.name}"]
    saved = queries().save(fields["save as"], query.text, description, defaults, session.author(), fields["save over"])
    _turn(saved.name)


def _remove(query: NamedQuery) -> None:
    """Remove a saved query, and select the first query."""
    queries().remove(query.name, session.author())
    _turn(BUILT_IN[0].name)


def _restore(query: EarlierQuery) -> None:
    """Save a replaced or removed query again, and select it."""
    queries().restore(query.name, query.version, session.author())
    _turn(query.name)


def _turn(name: str) -> None:
    _choose("ask", BY_NAME)
    _choose("query", name)


def _choose(name: str, value: str) -> None:
    """Set a widget's value, and also the page's URL, unless the widget is shown and so writes the URL itself."""
    st.session_state[name] = value
    with suppress(StreamlitAPIException):
        st.query_params[name] = value


def _cell(value: Any) -> Any:
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return _json(value) if isinstance(value, dict | list) and not texts else value


def _json(value: Any) -> str:
    return json.dumps(as_json(value), ensure_ascii=False)


def _typed(value: Any) -> str:
    """Return a value as somebody would type it."""
    return value if isinstance(value, str) and parse_value(value) == value else _json(value)
