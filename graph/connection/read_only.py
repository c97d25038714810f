"""Run a user's own Cypher: the server refuses to write, ends slow queries, and sends a limited number of rows."""

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, islice
from typing import Any

from neo4j import Query, Session
from neo4j.exceptions import DriverError, Neo4jError

from graph.connection.json_values import json_value
from graph.connection.servers import Server
from graph.cypher.named_query import COMMENT, bare
from graph.errors import WriteRefused
from graph.records import Rows


def run_read_only(server: Server, text: str, parameters: Mapping[str, Any], timeout: float, limit: int) -> Rows:
    """Run Cypher that may only read; errors of the driver are not translated."""
    if server.reader is None:
        raise WriteRefused(
            f"{server.url} would let a query write, and has no user here that may only read. "
            "Open the folder of an embedded database, or a Neo4j server."
        )
    _refuse_by_text(text)
    plan, statement = _split_plan(text)
    with server.reading(fetch_size=limit + 1) as session:
        if server.capabilities.explains:
            _refuse_by_plan(session, statement, parameters, timeout)
        if server.capabilities.enforces_timeouts:
            return _fetch(session, _query(plan + statement, timeout), parameters, limit)
        with _watchdog(server, timeout) as (mark, terminate):
            return _fetch(session, _query(f"{plan}{statement}\n{mark}"), parameters, limit, terminate)


def _fetch(
    session: Session, query: Query, parameters: Mapping[str, Any], limit: int, cut: Callable[[], None] = lambda: None
) -> Rows:
    """Fetch the first rows; `cut` ends a query that has more, which would otherwise run to its end."""
    answer = session.run(query, dict(parameters))
    rows = [[json_value(value) for value in record.values()] for record in islice(answer, limit + 1)]
    if len(rows) > limit:
        cut()
        with suppress(Neo4jError):
            answer.consume()
        return Rows(tuple(answer.keys()), rows[:limit], truncated=True)
    summary = answer.consume()
    if plan := summary.profile or summary.plan:  # asked for with PROFILE or EXPLAIN
        text = plan["args"].get("string-representation", str(plan))
        return Rows(("plan",), [[line] for line in text.splitlines()], truncated=False)
    if "w" in (summary.query_type or ""):  # even where it found nothing to write to
        raise WriteRefused("The query writes: only reading is allowed here.")
    return Rows(tuple(answer.keys()), rows, truncated=False)


# Read mode allows more than reading. A plan shows that in any spelling, but not inside an expression such as
# [x IN xs | COLLECT { ... }]; so the text is searched too, without its comments and quotations.

_PLAN = re.compile(rf"(?>\s|{COMMENT})*+(PROFILE|EXPLAIN)\b", re.DOTALL | re.IGNORECASE)
_CALL = re.compile(r"\bCALL\b([^({]*)", re.IGNORECASE)  # of a subquery: nothing
_MORE_THAN_READING = {
    r"\bLOAD\W+CSV\b": "LOAD CSV reads files of the server",
    r"\bTERMINATE\W+TRANSACTIONS?\b": "TERMINATE stops the queries of others",
    r"\bSHOW\W+TRANSACTIONS?\b": "SHOW TRANSACTIONS tells the queries of others",
    r"\bSHOW\W+SETTINGS?\b": "SHOW SETTINGS tells how the server is set up",
}
_ONLY_READS = re.compile(
    r"db\.(info|labels|ping|propertyKeys|relationshipTypes|schema\.\w+|index\.(fulltext|vector)\.query\w+)"
)


def _refuse_by_text(text: str) -> None:
    for pattern, words in _MORE_THAN_READING.items():
        if re.search(pattern, bare(text), re.IGNORECASE):
            raise WriteRefused(f"{words}: that is refused here.")


def _split_plan(text: str) -> tuple[str, str]:
    """Split off PROFILE or EXPLAIN, so that the statement explained is exactly the statement run."""
    match = _PLAN.match(text)
    return (f"{match[1]} ", text[match.end() :]) if match else ("", text)


def _refuse_by_plan(session: Session, statement: str, parameters: Mapping[str, Any], timeout: float) -> None:
    if "\\u" in statement:  # the server takes \u0027 for a quote, wherever it is
        raise WriteRefused("The text has \\u in it. Write that character as it is, or hand it over as a parameter.")
    summary = session.run(_query(f"EXPLAIN {statement}", timeout), dict(parameters)).consume()
    operators = list(_operators(summary.plan or {}))
    called = {words[0] for rest in _CALL.findall(bare(statement)) if (words := rest.split())}
    called |= {details.partition("(")[0] for operator, details in operators if operator == "ProcedureCall"}
    if others := ", ".join(name for name in called if not _ONLY_READS.fullmatch(name)):
        raise WriteRefused(f"CALL {others}: only procedures that list or search the graph may be called here.")
    if summary.query_type == "s" or "LoadCSV" in dict(operators):
        raise WriteRefused("This manages the server or its schema, or reads its files: that is refused here.")


def _operators(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the operators of a plan with their details."""
    if plan:
        yield plan["operatorType"].partition("@")[0], plan["args"].get("Details", "")
        yield from chain.from_iterable(map(_operators, plan.get("children", ())))


@contextmanager
def _watchdog(server: Server, timeout: float) -> Iterator[tuple[str, Callable[[], None]]]:
    """A mark for the query's text, and a function that ends the marked query; it is called after `timeout` seconds."""
    mark, finished = f"/* {secrets.token_hex(8)} */", threading.Event()  # `translate` removes the mark from messages
    terminate = partial(_terminate, server, mark)

    def watch() -> None:
        late = not finished.wait(timeout)
        while late and not finished.is_set():
            terminate()
            finished.wait(0.5)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield mark, terminate
    finally:
        finished.set()
        thread.join()


def _terminate(server: Server, mark: str) -> None:
    with suppress(DriverError, Neo4jError), server.session() as session:
        running = session.run("SHOW TRANSACTIONS YIELD transactionId, currentQuery").values()
        ids = [identity for identity, text in running if mark in text]
        if ids:
            session.run("TERMINATE TRANSACTIONS $ids", ids=ids).consume()


def _query(text: str, timeout: float | None = None) -> Query:
    return Query(text, timeout=timeout)
