"""A graph database over Bolt, through the official driver: Neo4j wherever it runs, or the embedded server of a folder.

Our own texts go through `read` and `write`, which the driver retries where the server says that this may help; users'
own go through `query`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from neo4j import ManagedTransaction
from neo4j.exceptions import DriverError, Neo4jError

from graph.connection.driver_errors import translate
from graph.connection.json_values import json_value
from graph.connection.parameters import plain_parameters
from graph.connection.read_only import run_read_only
from graph.connection.servers import Capabilities, Server
from graph.endpoint import Endpoint
from graph.records import Rows

Answer = list[dict[str, Any]]

_ATTEMPTS = 5
_RETRYABLE = (  # another transaction deleted what was just read, or moved it by adding a label; the driver gives up
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Schema.ConstraintValidationFailed",
)


class Database:
    """A connection to a graph database, shared by threads; a context manager. `connect` makes one.

    Values come back as plain JSON, see `graph.connection.json_values`. `open_server` connects;
    `current` finds the embedded server that runs now, so that a connection to an earlier one is replaced.
    """

    def __init__(
        self,
        url: str,
        open_server: Callable[[], Server],
        current: Callable[[], Endpoint | None] = lambda: None,
    ) -> None:
        self.url, self._open_server, self._current, self._lock = url, open_server, current, threading.Lock()
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
        """What the server does by itself."""
        return self._server.capabilities

    @property
    def version(self) -> str:
        """The server's own version."""
        return self._server.version

    @property
    def start(self) -> str | None:
        """The start of the embedded server, as text; None for a server that checks its own files."""
        endpoint = self._current_server().endpoint
        return f"{endpoint.uri} {endpoint.pid}" if endpoint else None

    @property
    def shortened(self) -> tuple[str, ...]:
        """What the embedded server found at its start: a text for every file that is shorter than it was left."""
        endpoint = self._current_server().endpoint
        return tuple(endpoint.shortened) if endpoint else ()

    def read(self, text: str, **parameters: Any) -> Answer:
        """Run one of our own texts that only reads; on a cluster any server may answer.

        Raises QueryError, or what `connect` raises.
        """
        answers, parameters = self._answers.get(), plain_parameters(parameters)
        if answers is None:
            return self._read(text, parameters)
        key = text, repr(parameters)
        if key not in answers:
            answers[key] = self._read(text, parameters)
        return [dict(row) for row in answers[key]]

    def _read(self, text: str, parameters: dict[str, Any]) -> Answer:
        with self._translating_errors(), self._current_server().session() as session:
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
        """Run one of our own texts in a transaction of its own, again if another one changed what it read.

        Raises ConstraintViolated, QueryError, or what `connect` raises.
        """
        if (answers := self._answers.get()) is not None:
            answers.clear()
        with self._translating_errors(), self._current_server().session() as session:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return session.execute_write(_answer, text, parameters)
                except Neo4jError as error:
                    if error.code not in _RETRYABLE:
                        raise
            return session.execute_write(_answer, text, parameters)

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's Cypher that may only read, for at most `timeout` seconds and `limit` rows.

        Raises WriteRefused, QueryTimeout, QueryError, or what `connect` raises.
        """
        server = self._current_server()
        with self._translating_errors(timeout):
            return run_read_only(server, text, plain_parameters(parameters or {}), timeout, limit)

    def close(self) -> None:
        """Close the connection; an embedded server stops once no client is left."""
        self._server.close()

    def _current_server(self) -> Server:
        """The connection, replaced if the folder's server has stopped or was started again."""
        if self._server.endpoint is None:
            return self._server
        with self._lock:
            if self._current() != self._server.endpoint:
                self._server.close()
                self._server = self._open_server()
            return self._server

    @contextmanager
    def _translating_errors(self, timeout: float = 0.0) -> Iterator[None]:
        try:
            yield
        except (DriverError, Neo4jError) as error:
            raise translate(error, self.url, timeout) from error


def _answer(transaction: ManagedTransaction, text: str, parameters: dict[str, Any]) -> Answer:
    return [json_value(dict(record)) for record in transaction.run(text, parameters)]
