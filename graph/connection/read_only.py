"""A user's own Cypher: the server itself refuses to write, ends what takes too long, and sends only so many rows."""

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

from graph.connection.json_values import plain
from graph.connection.servers import Server
from graph.cypher.named_query import COMMENT, bare
from graph.errors import WriteRefused
from graph.records import Rows


def ask(server: Server, text: str, parameters: Mapping[str, Any], timeout: float, limit: int) -> Rows:
    """Run Cypher that may only read; the driver's errors come untranslated."""
    if server.reader is None:
        raise WriteRefused(
            f"{server.url} would let a query write, and has no user here that may only read. "
            "Open the folder of an embedded database, or a Neo4j server."
        )
    _refuse_by_text(text)
    wanted, statement = _parts(text)
    with server.reading(fetch_size=limit + 1) as session:
        if server.capabilities.explains:
            _refuse_by_plan(session, statement, parameters, timeout)
        if server.capabilities.minds_timeouts:
            return _fetch(session, _query(wanted + statement, timeout), parameters, limit)
        with _watchdog(server, timeout) as (mark, terminate):
            return _fetch(session, _query(f"{wanted}{statement}\n{mark}"), parameters, limit, terminate)


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
    if "w" in (summary.query_type or ""):  # it would have written, had it found where
        raise WriteRefused("The query writes: only reading is allowed here.")
    return Rows(tuple(answer.keys()), rows, truncated=False)


# Reading mode allows what is more than reading. A plan shows that in any spelling, but not inside an expression such as
# [x IN xs | COLLECT { ... }]; so the text is looked through as well, less its comments and what is quoted.

_WANTED = re.compile(rf"(?>\s|{COMMENT})*+(PROFILE|EXPLAIN)\b", re.DOTALL | re.IGNORECASE)
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


def _parts(text: str) -> tuple[str, str]:
    """The plan that is wanted, if any, and the statement: what is explained is then what is run, to the letter."""
    found = _WANTED.match(text)
    return (f"{found[1]} ", text[found.end() :]) if found else ("", text)


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
    """What a plan does, and with what."""
    if plan:
        yield plan["operatorType"].partition("@")[0], plan["args"].get("Details", "")
        yield from chain.from_iterable(map(_operators, plan.get("children", ())))


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
