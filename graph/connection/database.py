"""A graph database over Bolt, through the official driver: Neo4j wherever it runs, or the embedded server of a folder.

Our own texts go through `read` and `write`, which the driver retries where the server says that this may help; the
user's own go through `query`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from neo4j import ManagedTransaction
from neo4j.exceptions import DriverError, Neo4jError

from graph.connection import read_only as console
from graph.connection.driver_errors import translated
from graph.connection.json_values import plain
from graph.connection.servers import Capabilities, Server
from graph.endpoint import Endpoint
from graph.records import Rows

Answer = list[dict[str, Any]]

TRIES = 5
_OVERTAKEN = (  # somebody deleted what was just read, or gave it a label, which moves it; the driver takes it for final
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Schema.ConstraintValidationFailed",
)


class Database:
    """A connection to a graph database, shared by threads; a context manager. `connect` makes one.

    Values come back as plain JSON, see `graph.connection.json_values`. `open_server` connects;
    `current` tells which embedded server runs now, where there is one, so that a connection to an earlier one is
    opened anew.
    """

    def __init__(
        self,
        url: str,
        open_server: Callable[[], Server],
        current: Callable[[], Endpoint | None] = lambda: None,
    ) -> None:
        self.url, self._open, self._current, self._lock = url, open_server, current, threading.Lock()
        self._server = open_server()
        self._answers: ContextVar[dict[tuple[str, str], Answer] | None] = ContextVar("answers", default=None)

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
    def version(self) -> str:
        """The server's own version."""
        return self._server.version

    @property
    def start(self) -> str | None:
        """Which start of an embedded server this is; None for a server that checks its files itself."""
        endpoint = self._live().endpoint
        return f"{endpoint.uri} {endpoint.pid}" if endpoint else None

    def read(self, text: str, **parameters: Any) -> Answer:
        """Run one of our own texts that only reads; a cluster answers with any of its servers.

        Raises QueryError, or what `connect` raises.
        """
        answers = self._answers.get()
        if answers is None:
            return self._read(text, parameters)
        key = text, repr(parameters)
        if key not in answers:
            answers[key] = self._read(text, parameters)
        return [dict(row) for row in answers[key]]

    def _read(self, text: str, parameters: dict[str, Any]) -> Answer:
        with self._translating(), self._live().session() as session:
            return session.execute_read(_answer, text, parameters)

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Inside this block, in this thread, `read` asks no text twice with the same parameters, until a `write`."""
        outer = self._answers.set({})
        try:
            yield
        finally:
            self._answers.reset(outer)

    def write(self, text: str, **parameters: Any) -> Answer:
        """Run one of our own texts in a transaction of its own, again where others changed meanwhile what it read.

        Raises ConstraintViolated, QueryError, or what `connect` raises.
        """
        if (answers := self._answers.get()) is not None:
            answers.clear()
        with self._translating(), self._live().session() as session:
            for _ in range(TRIES - 1):
                try:
                    return session.execute_write(_answer, text, parameters)
                except Neo4jError as error:
                    if error.code not in _OVERTAKEN:
                        raise
            return session.execute_write(_answer, text, parameters)

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's Cypher that may only read, for at most `timeout` seconds and `limit` rows.

        Raises WriteRefused, QueryTimeout, QueryError, or what `connect` raises.
        """
        server = self._live()
        with self._translating(timeout):
            return console.ask(server, text, dict(parameters or {}), timeout, limit)

    def close(self) -> None:
        """Close the connection; an embedded server goes on for others, and stops when nobody is left."""
        self._server.close()

    def _live(self) -> Server:
        """The connection; a new one if the folder's server has stopped or was started anew since."""
        if self._server.endpoint is None:
            return self._server
        with self._lock:
            if self._current() != self._server.endpoint:
                self._server.close()
                self._server = self._open()
            return self._server

    @contextmanager
    def _translating(self, timeout: float = 0.0) -> Iterator[None]:
        try:
            yield
        except (DriverError, Neo4jError) as error:
            raise translated(error, self.url, timeout) from error


def _answer(transaction: ManagedTransaction, text: str, parameters: dict[str, Any]) -> Answer:
    return [plain(dict(record)) for record in transaction.run(text, parameters)]
