"""A graph database over Bolt, through the official driver: Neo4j wherever it runs, or the embedded server of a folder.

This project's own texts go through `read` and `write`, which repeat them where that may help; users' texts go through
`query`.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Self

from neo4j import READ_ACCESS, WRITE_ACCESS
from neo4j.exceptions import (
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ResultFailedError,
    ServiceUnavailable,
    SessionExpired,
)

from graph.connection.driver_errors import server_error, translate
from graph.connection.json_values import json_value
from graph.connection.parameters import plain_parameters
from graph.connection.read_only import run_read_only
from graph.connection.servers import Capabilities, Server
from graph.cypher.named_query import trimmed
from graph.errors import QueryError
from graph.records import Rows

Answer = list[dict[str, Any]]

_ATTEMPTS = 5
_PAUSE = 0.2  # seconds at most before a transaction is carried out again
_RETRYABLE = (  # another transaction deleted what was just read, or moved it by adding a label
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Schema.ConstraintValidationFailed",
    "Neo.ClientError.Statement.SemanticError",  # ArcadeDB's code for this while a statement runs
)
_ENDED = (
    "The embedded server ended during the query. It starts again with the next query, and nothing that was written is "
    "lost. Ask again."
)
_BROKEN_OFF = (
    "The embedded server broke off the answer, and still answers other queries. It does this where a value holds "
    "thousands of nested lists or maps. Ask for less in one value."
)
_OUT_OF_MEMORY = (
    "The embedded server ran out of memory during the query and ended. It starts again with the next query, and "
    "nothing that was written is lost. Ask for less, or set CIRCUITS_HEAP (MiB) higher."
)


class Database:
    """A connection to a graph database that threads can share; a context manager. `graph.opening.connect` makes it.

    Values come back as plain JSON; see `graph.connection.json_values`. `open_server` connects, and connects again if an
    embedded server has ended.
    """

    def __init__(self, url: str, open_server: Callable[[], Server]) -> None:
        self.url, self._open_server, self._lock = url, open_server, threading.Lock()
        self._server = open_server()
        self._answers: ContextVar[dict[tuple[str, str], Answer] | None] = ContextVar("answers", default=None)

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database."""
        self.close()

    @property
    def capabilities(self) -> Capabilities:
        """The abilities of the server, such as enforcing timeouts."""
        return self._server.capabilities

    @property
    def version(self) -> str:
        """The server's own version."""
        return self._server.version

    @property
    def start(self) -> str | None:
        """A text that differs for each start of the embedded server; None for Neo4j, which checks its own files."""
        process = self._current_server().process
        return f"{process.endpoint.uri} {process.endpoint.pid}" if process else None

    @property
    def shortened(self) -> tuple[str, ...]:
        """What the embedded server found at its start: a text for every file shorter than at the server's last stop."""
        process = self._current_server().process
        return tuple(process.endpoint.shortened) if process else ()

    def read(self, text: str, **parameters: Any) -> Answer:
        """Run one of this project's own texts that only reads; on a cluster any server may answer.

        Raises QueryError, or the errors of `connect`.
        """
        answers, parameters = self._answers.get(), plain_parameters(parameters)
        if answers is None:
            return self._read(text, parameters)
        key = text, repr(parameters)
        if key not in answers:
            answers[key] = self._read(text, parameters)
        return [dict(row) for row in answers[key]]

    def _read(self, text: str, parameters: dict[str, Any]) -> Answer:
        return self._carry_out(partial(_transaction, READ_ACCESS, text, parameters), idempotent=True)

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Keep the answers of `read` inside this block and thread, so that the same question is asked only once.

        The same question is the same text with the same parameters. A `write` forgets the answers.
        """
        outer = self._answers.set({})
        try:
            yield
        finally:
            self._answers.reset(outer)

    def write(self, text: str, **parameters: Any) -> Answer:
        """Run one of this project's own texts in its own transaction.

        The text runs again if another transaction changed what was read. Raises ConstraintViolated; QueryError;
        ServerUnavailable if nobody knows whether the text was carried out; or the errors of `connect`.
        """
        return self._write(text, parameters, idempotent=False)

    def write_idempotent(self, text: str, **parameters: Any) -> Answer:
        """Run one of this project's own texts that has the same effect and the same answer if it runs twice.

        The text runs again if nobody knows whether it was carried out. Raises ConstraintViolated, QueryError, or the
        errors of `connect`.
        """
        return self._write(text, parameters, idempotent=True)

    def _write(self, text: str, parameters: dict[str, Any], idempotent: bool) -> Answer:
        if (answers := self._answers.get()) is not None:
            answers.clear()
        return self._carry_out(partial(_write_transaction, text, parameters), idempotent)

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's Cypher that may only read, for at most `timeout` seconds and `limit` rows.

        The query is asked again if somebody else's query ended the embedded server. Raises WriteRefused, QueryTimeout,
        QueryError, or the errors of `connect`.
        """
        values, server = plain_parameters(parameters or {}), self._current_server()
        broken, deadline = None, time.monotonic() + timeout
        with self._translating_errors(timeout):
            while True:
                try:
                    return run_read_only(server, text, values, timeout, limit)
                except (ServiceUnavailable, SessionExpired) as error:
                    if server.process is None:
                        raise
                    if server.process.has_ended():
                        if server.process.ran_out_of_memory():
                            raise QueryError(_OUT_OF_MEMORY) from error
                    elif server.answers():  # if it does not answer, it is about to end
                        if server is broken:
                            raise QueryError(_BROKEN_OFF) from error
                        broken = server
                server = self._current_server()
                if (timeout := round(deadline - time.monotonic(), 1)) <= 0:
                    raise QueryError(_ENDED)

    def close(self) -> None:
        """Close the connection; an embedded server stops by itself some time after its last client."""
        self._server.close()

    def _current_server(self) -> Server:
        """Return the connection, replaced if the folder's server has stopped or was started again."""
        if self._server.process is None:
            return self._server
        with self._lock:
            if self._server.process is not None and not self._server.process.runs():
                self._server.close()
                self._server = self._open_server()
            return self._server

    def _carry_out(self, transact: Callable[[Server], Answer], idempotent: bool) -> Answer:
        """Carry out a transaction, and repeat it where that may help, even on a server that replaces one that ended.

        The driver would repeat it only at the old address, and for longer than a server takes to start.
        """
        tried: Server | None = None
        with self._translating_errors():
            while True:
                server = self._current_server()
                try:
                    return transact(server)
                except (DriverError, Neo4jError) as error:
                    cause = server_error(error)
                    retryable = isinstance(cause, DriverError | Neo4jError) and cause.is_retryable()
                    if not (retryable or (idempotent and isinstance(error, IncompleteCommit))):
                        raise
                    if server is not tried:
                        tried, deadline = server, time.monotonic() + server.timeout
                    if time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 (not a secret: parts two that collided)

    @contextmanager
    def _translating_errors(self, timeout: float = 0.0) -> Iterator[None]:
        try:
            yield
        except (DriverError, Neo4jError) as error:
            raise translate(error, self.url, timeout) from error


def _write_transaction(text: str, parameters: dict[str, Any], server: Server) -> Answer:
    for _ in range(_ATTEMPTS - 1):
        try:
            return _transaction(WRITE_ACCESS, text, parameters, server)
        except (Neo4jError, ResultFailedError) as error:
            cause = server_error(error)
            if not (isinstance(cause, Neo4jError) and cause.code in _RETRYABLE):
                raise
    return _transaction(WRITE_ACCESS, text, parameters, server)


def _transaction(mode: str, text: str, parameters: dict[str, Any], server: Server) -> Answer:
    with server.session(mode) as session, session.begin_transaction() as transaction:
        answer = [json_value(dict(record)) for record in transaction.run(trimmed(text), parameters)]
        transaction.commit()
    return answer
