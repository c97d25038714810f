"""A graph database over Bolt, through the official driver: Neo4j wherever it runs, or the embedded server of a folder.

What differs between the two is a small table, `Capabilities`. The user's own Cypher goes through `read`: the server
itself refuses to write, a query that takes too long is stopped there, and only so many rows are fetched.
"""

import os
import re
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

from neo4j import READ_ACCESS, Driver, GraphDatabase, ManagedTransaction, NotificationMinimumSeverity, Query, Session
from neo4j.exceptions import DriverError, Neo4jError
from neo4j.graph import Node, Relationship
from neo4j.graph import Path as GraphPath
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time

from graph import local_server
from graph.errors import ServerUnavailable, WriteRefused
from graph.folder import Endpoint
from graph.refusals import translated

PATIENCE = 10.0  # seconds that connecting, or retrying a transaction, may take
OLDEST_NEO4J = (5, 23)  # the first with CALL (variables) { }

Login = tuple[str, str]  # user and password


@dataclass(frozen=True)
class Capabilities:
    """What a server does of its own, where servers differ."""

    name: str
    refuses_writes_in_read_mode: bool  # else a user with the right to read and no other
    minds_timeouts: bool  # else a watchdog that terminates the query
    explains: bool  # what counts as reading there and yet is more, EXPLAIN shows


NEO4J = Capabilities("Neo4j", refuses_writes_in_read_mode=True, minds_timeouts=True, explains=True)
ARCADEDB = Capabilities("ArcadeDB", refuses_writes_in_read_mode=False, minds_timeouts=False, explains=False)


@dataclass(frozen=True)
class Rows:
    """An answer: columns, rows of plain JSON values, and whether there were more. A plan has one row a line."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool


@dataclass(frozen=True)
class _Server:
    """An open connection: the driver, one that may only read, and what the server is."""

    driver: Driver
    reader: Driver | None
    database: str | None
    capabilities: Capabilities
    endpoint: Endpoint | None = None

    def close(self) -> None:
        """Close both."""
        self.driver.close()
        if self.reader:
            self.reader.close()  # closing twice does no harm


def connect(
    url: str | Path | None = None, user: str | None = None, password: str | None = None, database: str | None = None
) -> "Database":
    """Open the database at bolt://, neo4j:// and the like, or the embedded one in a folder, started if need be.

    Without a URL the folder is `database` in CIRCUITS_HOME, else `.circuits/database`. User and password default to
    CIRCUITS_USER, else neo4j, and CIRCUITS_PASSWORD. Raises ServerUnavailable, AccessRefused, DatabaseMissing,
    DatabaseDamaged or DatabaseBusy.
    """
    if url is None:
        url = Path(os.environ.get("CIRCUITS_HOME", ".circuits")) / "database"
    if "://" not in str(url):
        return Database(str(url), partial(_open_folder, Path(url)))
    user = user or os.environ.get("CIRCUITS_USER", "neo4j")
    login = user, password or os.environ.get("CIRCUITS_PASSWORD", "")
    return Database(str(url), partial(_open, str(url), login, database))


class Database:
    """A connection to a graph database, shared by threads; a context manager. `connect` makes one.

    Values come back as plain JSON: a node is {id, labels, properties}, a relationship {id, type, start, end,
    properties}, a path {nodes, relationships}, a date or time its ISO text. The ids hold within one answer only.
    """

    def __init__(self, url: str, open_server: Callable[[], _Server]) -> None:
        self.url, self._open, self._lock = url, open_server, threading.Lock()
        with self._translating():
            self._server = open_server()

    def __enter__(self) -> Self:
        """The database itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def capabilities(self) -> Capabilities:
        """What the server does of its own."""
        return self._server.capabilities

    @property
    def start(self) -> str | None:
        """Which start of an embedded server this is; None for a server that checks its files itself."""
        endpoint = self._live().endpoint
        return f"{endpoint.uri} {endpoint.pid}" if endpoint else None

    def run(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run one of our own texts in a transaction of its own, retried where the server says that this may help.

        Raises ConstraintViolated, QueryError, or what `connect` raises.
        """

        def work(transaction: ManagedTransaction) -> list[dict[str, Any]]:
            answer = transaction.run(text, parameters)
            return [_plain(dict(record)) for record in answer]

        server = self._live()
        with self._translating(), server.driver.session(database=server.database) as session:
            return session.execute_write(work)

    def read(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's Cypher that may only read, for at most `timeout` seconds and `limit` rows.

        Raises WriteRefused, QueryTimeout, QueryError, or what `connect` raises.
        """
        server, parameters = self._live(), dict(parameters or {})
        if server.reader is None:
            raise WriteRefused(
                f"{self.url} would let a query write, and has no user here that may only read. "
                "Open the folder of an embedded database, or a Neo4j server."
            )
        session = partial(server.reader.session, database=server.database, default_access_mode=READ_ACCESS)
        with self._translating(timeout), session(fetch_size=limit + 1) as reading:
            if server.capabilities.explains:
                _refuse_by_plan(reading, text, parameters)
            if server.capabilities.minds_timeouts:
                return _fetch(reading, _query(text, timeout), parameters, limit)
            with _watchdog(server, timeout) as (mark, terminate):
                return _fetch(reading, _query(f"{text}\n{mark}"), parameters, limit, terminate)

    def close(self) -> None:
        """Close the connection; an embedded server goes on for others, and stops when nobody is left."""
        self._server.close()

    def _live(self) -> _Server:
        """The connection; a new one if the folder's server has stopped or was started anew since."""
        if self._server.endpoint is None:
            return self._server
        with self._lock:
            if local_server.status(Path(self.url)) != self._server.endpoint:
                self._server.close()
                with self._translating():
                    self._server = self._open()
            return self._server

    @contextmanager
    def _translating(self, timeout: float = 0.0) -> Iterator[None]:
        try:
            yield
        except (DriverError, Neo4jError) as error:
            raise translated(error, self.url, timeout) from error


# ---- opening


def _open_folder(folder: Path) -> _Server:
    """The folder's server; another one if that stops just now, having been idle."""
    endpoint = local_server.ensure(folder)
    login, reader = (endpoint.user, endpoint.password), (endpoint.reader_user, endpoint.reader_password)
    try:
        return replace(_open(endpoint.uri, login, endpoint.database, reader), endpoint=endpoint)
    except DriverError:
        if local_server.status(folder) == endpoint:
            raise
        return _open_folder(folder)


def _open(url: str, login: Login, database: str | None, reader: Login | None = None) -> _Server:
    if not url.startswith(("bolt", "neo4j")):
        raise ServerUnavailable(f"{url} is no address of a database: bolt://, bolt+s://, neo4j:// and neo4j+s:// are.")
    with ExitStack() as opened:
        driver = opened.enter_context(_driver(url, login))
        with driver.session(database=database) as session:
            try:  # to log in does not tell whether the database is there
                agent = session.run("RETURN 1").consume().server.agent
            except ValueError as error:  # the driver's word for a port that is no number
                raise ServerUnavailable(f"{url} is no address: {error}.") from error
        capabilities = _capabilities(agent, url)
        if capabilities.refuses_writes_in_read_mode:
            server = _Server(driver, driver, database, capabilities)
        else:
            server = _Server(
                driver, opened.enter_context(_driver(url, reader)) if reader else None, database, capabilities
            )
        opened.pop_all()
    return server


def _driver(url: str, login: Login) -> Driver:
    return GraphDatabase.driver(
        url,
        auth=login,
        connection_timeout=PATIENCE,
        connection_acquisition_timeout=PATIENCE,
        max_transaction_retry_time=PATIENCE,
        notifications_min_severity=NotificationMinimumSeverity.OFF,
        telemetry_disabled=True,
    )


def _capabilities(agent: str, url: str) -> Capabilities:
    """From what the server calls itself, such as Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)."""
    if "ArcadeDB" in agent:
        return ARCADEDB
    found = re.fullmatch(r"Neo4j/(\d+)\.(\d+)\S*", agent)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_NEO4J:
        raise ServerUnavailable(f"{url} is {agent}. The queries here need Neo4j 5.23 or later, or ArcadeDB.")
    return NEO4J


# ---- the user's queries


def _fetch(
    session: Session, query: Query, parameters: Mapping[str, Any], limit: int, cut: Callable[[], None] = lambda: None
) -> Rows:
    """The first rows; if there are more, `cut` ends the query, which would otherwise run to its end unread."""
    answer = session.run(query, dict(parameters))
    rows = [[_plain(value) for value in record.values()] for record in islice(answer, limit + 1)]
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
def _watchdog(server: _Server, timeout: float) -> Iterator[tuple[str, Callable[[], None]]]:
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


def _terminate(server: _Server, mark: str) -> None:
    with suppress(DriverError, Neo4jError), server.driver.session(database=server.database) as session:
        running = session.run("SHOW TRANSACTIONS YIELD transactionId, currentQuery").values()
        ids = [identity for identity, text in running if mark in text]
        if ids:
            session.run("TERMINATE TRANSACTIONS $ids", ids=ids).consume()


def _query(text: str, timeout: float | None = None) -> Query:
    return Query(text, timeout=timeout)


# ---- values


def _plain(value: Any) -> Any:
    """A value of the driver's as JSON can hold it."""
    match value:
        case Node():
            return {"id": value.element_id, "labels": sorted(value.labels), "properties": _plain(dict(value))}
        case Relationship():
            start, end = (None if node is None else node.element_id for node in value.nodes)
            words = {"id": value.element_id, "type": value.type, "start": start, "end": end}
            return words | {"properties": _plain(dict(value))}
        case GraphPath():
            return {"nodes": _plain(list(value.nodes)), "relationships": _plain(list(value.relationships))}
        case DateTime() | Date() | Time():
            return value.to_native().isoformat()
        case Duration():
            return value.iso_format()
        case Point():
            return list(value)
        case bytes() | bytearray():
            return b64encode(value).decode()
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple() | set():
            return [_plain(item) for item in value]
    return value
