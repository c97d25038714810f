"""Run a user's own Cypher so that it cannot write, runs for a limited time, and returns a limited number of rows."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import Any

from neo4j import Driver, Query, Record, Session
from neo4j.exceptions import DriverError, Neo4jError

from extract.printable import is_encodable
from graph.connection.json_values import json_value
from graph.connection.parameters import DEEPEST
from graph.connection.servers import Server
from graph.connection.time_limit import answer_in_time
from graph.cypher.named_query import COMMENT, bare, trimmed
from graph.errors import QueryError, WriteRefused
from graph.records import Rows

LARGEST = 5_000_000  # values in an answer
_FETCHED = 100  # rows that the server sends at a time


def run_read_only(server: Server, text: str, parameters: Mapping[str, Any], timeout: float, limit: int) -> Rows:
    """Run Cypher that may only read. The driver's errors are raised as they are, not translated."""
    if server.open_reader is None:
        raise WriteRefused(
            f"{server.url} has no user that may only read, so a query could write there. Open the folder of an "
            "embedded database, or a Neo4j server."
        )
    text = trimmed(text)
    _refuse_by_text(text, server)
    driver = server.open_reader()  # a driver of its own, since it is closed at the time limit
    if server.capabilities.enforces_timeouts:
        ask = partial(_ask, server, driver, text, parameters, timeout, limit)
        return answer_in_time(server, ask, lambda: None, driver.close, timeout)
    mark = f"/* {secrets.token_hex(8)} */"  # `translate` removes it from messages
    terminate = partial(_terminate, server, mark)
    ask = partial(_ask, server, driver, f"{text}\n{mark}", parameters, None, limit, terminate)
    return answer_in_time(server, ask, terminate, driver.close, timeout)


def _ask(
    server: Server,
    driver: Driver,
    text: str,
    parameters: Mapping[str, Any],
    timeout: float | None,
    limit: int,
    cut: Callable[[], None] = lambda: None,
) -> Rows:
    plan, statement = _split_plan(text)
    with driver, server.reading(driver, fetch_size=min(limit + 1, _FETCHED)) as session:
        if server.capabilities.explains:
            _refuse_by_plan(session, statement, parameters, timeout)
        return _fetch(session, _query(plan + statement, timeout), parameters, limit, cut)


def _fetch(session: Session, query: Query, parameters: Mapping[str, Any], limit: int, cut: Callable[[], None]) -> Rows:
    """Fetch the first rows; if the query has more, `cut` ends the query, which would otherwise run to its end."""
    answer = session.run(query, dict(parameters))
    rows, size = list[list[Any]](), 0
    for row in _rows(islice(answer, limit + 1)):
        rows.append(row)
        size += _size(row)
        if size > LARGEST:
            cut()
            raise QueryError(
                f"The answer has more than {LARGEST:,} values. Ask for fewer rows, or for less in each row."
            )
    if len(rows) > limit:
        cut()
        with suppress(Neo4jError):
            answer.consume()
        return Rows(tuple(answer.keys()), rows[:limit], truncated=True)
    summary = answer.consume()
    if plan := summary.profile or summary.plan:  # the user asked for a plan with PROFILE or EXPLAIN
        text = plan["args"].get("string-representation", str(plan))
        return Rows(("plan",), [[line] for line in text.splitlines()], truncated=False)
    if "w" in (summary.query_type or ""):  # even if the query found nothing to write to
        raise WriteRefused("The query writes, but only reading is allowed here.")
    return Rows(tuple(answer.keys()), rows, truncated=False)


def _rows(records: Iterator[Record]) -> Iterator[list[Any]]:
    """Yield records as plain JSON. Raises QueryError for a record nested deeper than DEEPEST."""
    try:
        for record in records:
            row = [json_value(value) for value in record.values()]
            if _is_deeper(row, DEEPEST):
                raise RecursionError
            yield row
    except RecursionError as error:  # raised here, or by the driver when it reads nested values
        raise QueryError(
            f"The answer holds lists or maps nested more than {DEEPEST} deep. Return their contents side by side "
            "instead."
        ) from error


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether a value holds lists and maps that lie more than `depth` levels below it."""
    if not isinstance(value, dict | list):
        return False
    return depth < 0 or any(
        _is_deeper(item, depth - 1) for item in (value.values() if isinstance(value, dict) else value)
    )


def _size(value: Any) -> int:
    """Count a value and all values in it; a thousand letters of a text count as one more."""
    match value:
        case dict():
            return 1 + sum(map(_size, value.values()))
        case list():
            return 1 + sum(map(_size, value))
        case str():
            return 1 + len(value) // 1000
    return 1


# A server's read mode allows more than reading. A query's plan shows that however it is spelt, but not inside an
# expression such as [x IN xs | COLLECT { ... }]; so the text is searched too, without its comments and quotations.

_PLAN = re.compile(rf"(?>\s|{COMMENT})*+(PROFILE|EXPLAIN)\b", re.DOTALL | re.IGNORECASE)
_CALL = re.compile(r"\bCALL\b([^({]*)", re.IGNORECASE)  # for a subquery the group is empty
_SUBQUERY = re.compile(r"\b(COUNT|EXISTS|COLLECT|CALL)\s*(\([^)]*\))?\s*\{", re.IGNORECASE)
_MORE_THAN_READING = {
    r"\bLOAD\W+CSV\b": "LOAD CSV reads files of the server",
    r"\bTERMINATE\W+TRANSACTIONS?\b": "TERMINATE stops the queries of others",
    r"\bSHOW\W+TRANSACTIONS?\b": "SHOW TRANSACTIONS shows the queries of others",
    r"\bSHOW\W+SETTINGS?\b": "SHOW SETTINGS shows how the server is set up",
}
_ONLY_READS = re.compile(
    r"db\.(info|labels|ping|propertyKeys|relationshipTypes|schema\.\w+|index\.(fulltext|vector)\.query\w+)"
)


def _refuse_by_text(text: str, server: Server) -> None:
    if not is_encodable(text):
        raise QueryError("The query holds a character that is not valid Unicode. Correct it, and ask again.")
    beyond = "".join(sorted({character for character in text if character > "\uffff"}))
    if beyond and _SUBQUERY.search(bare(text)) and not server.capabilities.reads_all_characters:
        raise QueryError(
            f"This server misreads a subquery in a text with {beyond}. Pass the text as a parameter ($name)."
        )
    for pattern, words in _MORE_THAN_READING.items():
        if re.search(pattern, bare(text), re.IGNORECASE):
            raise WriteRefused(f"{words}, which is refused here.")


def _split_plan(text: str) -> tuple[str, str]:
    """Split off PROFILE or EXPLAIN, so that the statement explained is exactly the statement run."""
    match = _PLAN.match(text)
    return (f"{match[1]} ", text[match.end() :]) if match else ("", text)


def _refuse_by_plan(session: Session, statement: str, parameters: Mapping[str, Any], timeout: float | None) -> None:
    if "\\u" in statement:  # the server reads \u0027 as a quote anywhere in a text
        raise WriteRefused("The query holds \\u. Write that character itself, or pass it as a parameter.")
    summary = session.run(_query(f"EXPLAIN {statement}", timeout), dict(parameters)).consume()
    operators = list(_operators(summary.plan or {}))
    called = {words[0] for rest in _CALL.findall(bare(statement)) if (words := rest.split())}
    called |= {details.partition("(")[0] for operator, details in operators if operator == "ProcedureCall"}
    if others := ", ".join(name for name in called if not _ONLY_READS.fullmatch(name)):
        raise WriteRefused(
            f"CALL {others} is refused: only procedures that list or search the graph may be called here."
        )
    if summary.query_type == "s" or "LoadCSV" in dict(operators):
        raise WriteRefused("The query manages the server or its schema, or reads its files, which is refused here.")


def _operators(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each operator of a plan with its details."""
    if plan:
        yield plan["operatorType"].partition("@")[0], plan["args"].get("Details", "")
        yield from chain.from_iterable(map(_operators, plan.get("children", ())))


def _terminate(server: Server, mark: str) -> None:
    """End the query that carries this mark."""
    with suppress(DriverError, Neo4jError), server.session() as session:
        running = session.run("SHOW TRANSACTIONS YIELD transactionId, currentQuery").values()
        ids = [identity for identity, text in running if mark in text]
        if ids:
            session.run("TERMINATE TRANSACTIONS $ids", ids=ids).consume()


def _query(text: str, timeout: float | None = None) -> Query:
    return Query(text, timeout=timeout)
