"""A user's own Cypher: the server itself refuses to write, ends what takes too long, and sends only so many rows."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from neo4j import Query, Session
from neo4j.exceptions import DriverError, Neo4jError

from graph.errors import WriteRefused
from graph.server import Server
from graph.values import plain


@dataclass(frozen=True)
class Rows:
    """An answer: columns, rows of plain JSON values, and whether there were more. A plan has one row a line."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool


def ask(server: Server, text: str, parameters: Mapping[str, Any], timeout: float, limit: int) -> Rows:
    """Run Cypher that may only read; the driver's errors come untranslated."""
    if server.reader is None:
        raise WriteRefused(
            f"{server.url} would let a query write, and has no user here that may only read. "
            "Open the folder of an embedded database, or a Neo4j server."
        )
    with server.reading(fetch_size=limit + 1) as session:
        if server.capabilities.explains:
            _refuse_by_plan(session, text, parameters)
        if server.capabilities.minds_timeouts:
            return _fetch(session, _query(text, timeout), parameters, limit)
        with _watchdog(server, timeout) as (mark, terminate):
            return _fetch(session, _query(f"{text}\n{mark}"), parameters, limit, terminate)


def _fetch(
    session: Session, query: Query, parameters: Mapping[str, Any], limit: int, cut: Callable[[], None] = lambda: None
) -> Rows:
    """The first rows; if there are more, `cut` ends the query, which would otherwise run to its end unread."""
    answer = session.run(query, dict(parameters))
    rows = [[plain(value) for value in record.values()] for record in islice(answer, limit + 1)]
    if len(rows) > limit:
        cut()
        with suppress(Neo4jError):
            answer.consume()
        return Rows(tuple(answer.keys()), rows[:limit], truncated=True)
    summary = answer.consume()
    if plan := summary.profile or summary.plan:  # asked for with PROFILE or EXPLAIN
        text = plan["args"].get("string-representation", str(plan))
        return Rows(("plan",), [[line] for line in text.splitlines()], truncated=False)
    return Rows(tuple(answer.keys()), rows, truncated=False)


def _refuse_by_plan(session: Session, text: str, parameters: Mapping[str, Any]) -> None:
    """Refuse what reading mode allows and yet is more than reading; the plan shows it in any spelling."""
    summary = session.run(_query(f"EXPLAIN {text}"), dict(parameters)).consume()
    plans: list[dict[str, Any]] = [summary.plan or {}]
    while plans:
        plan = plans.pop()
        operator = plan.get("operatorType", "").partition("@")[0]
        if operator in _MORE_THAN_READING:
            raise WriteRefused(f"{_MORE_THAN_READING[operator]}: that is refused here.")
        plans += plan.get("children", [])
    if summary.query_type == "s":
        raise WriteRefused("This manages the server or its schema: that is refused here.")


_MORE_THAN_READING = {
    "LoadCSV": "LOAD CSV reads files of the server",
    "TerminateTransactions": "TERMINATE stops the queries of others",
}


@contextmanager
def _watchdog(server: Server, timeout: float) -> Iterator[tuple[str, Callable[[], None]]]:
    """A mark for the query's text, and what ends the query that bears it; after `timeout` seconds it ends by itself."""
    mark, left = f"/* {secrets.token_hex(8)} */", threading.Event()  # `translated` takes the mark out of messages
    terminate = partial(_terminate, server, mark)

    def watch() -> None:
        late = not left.wait(timeout)
        while late and not left.is_set():
            terminate()
            left.wait(0.5)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield mark, terminate
    finally:
        left.set()
        thread.join()


def _terminate(server: Server, mark: str) -> None:
    with suppress(DriverError, Neo4jError), server.session() as session:
        running = session.run("SHOW TRANSACTIONS YIELD transactionId, currentQuery").values()
        ids = [identity for identity, text in running if mark in text]
        if ids:
            session.run("TERMINATE TRANSACTIONS $ids", ids=ids).consume()


def _query(text: str, timeout: float | None = None) -> Query:
    return Query(text, timeout=timeout)
