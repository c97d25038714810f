"""A graph database over Bolt, through the official driver: Neo4j wherever it runs, or the embedded server of a folder.

Our own texts go through `read` and `write`, which the driver retries where the server says that this may help; the
user's own go through `query`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from neo4j import ManagedTransaction
from neo4j.exceptions import DriverError, Neo4jError

from graph import console, local_server
from graph.console import Rows
from graph.refusals import translated
from graph.server import Capabilities, Server, open_server
from graph.settings import settings
from graph.values import plain

Answer = list[dict[str, Any]]

TRIES = 5
_OVERTAKEN = (  # somebody deleted what was just read, or gave it a label, which moves it; the driver takes it for final
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Schema.ConstraintValidationFailed",
)


def connect(
    url: str | Path | None = None, user: str | None = None, password: str | None = None, database: str | None = None
) -> "Database":
    """Open the database at bolt://, neo4j:// and the like, or the embedded one in a folder, started if need be.

    What is not given is as in `graph.settings`; `database` is a name on the server. Raises SettingsUnfit,
    ServerUnavailable, AccessRefused, DatabaseMissing, DatabaseDamaged or DatabaseBusy.
    """
    chosen = settings(database=url and str(url), user=user, password=password, database_name=database)
    if isinstance(place := chosen.place, Path):
        return Database(str(place), partial(_open_folder, place))
    login = chosen.user, chosen.password.get_secret_value()
    return Database(place, partial(open_server, place, login, chosen.database_name))


class Database:
    """A connection to a graph database, shared by threads; a context manager. `connect` makes one.

    Values come back as plain JSON, see `graph.values`.
    """

    def __init__(self, url: str, open_server: Callable[[], Server]) -> None:
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
        with self._translating(), self._live().session() as session:
            return session.execute_read(_answer, text, parameters)

    def write(self, text: str, **parameters: Any) -> Answer:
        """Run one of our own texts in a transaction of its own, again where others changed meanwhile what it read.

        Raises ConstraintViolated, QueryError, or what `connect` raises.
        """
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


def _answer(transaction: ManagedTransaction, text: str, parameters: dict[str, Any]) -> Answer:
    return [plain(dict(record)) for record in transaction.run(text, parameters)]


def _open_folder(folder: Path) -> Server:
    """The folder's server; another one if that stops just now, having been idle."""
    endpoint = local_server.ensure(folder)
    login, reader = (endpoint.user, endpoint.password), (endpoint.reader_user, endpoint.reader_password)
    try:
        return replace(open_server(endpoint.uri, login, endpoint.database, reader), endpoint=endpoint)
    except DriverError:
        if local_server.status(folder) == endpoint:
            raise
        return _open_folder(folder)
