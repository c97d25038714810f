"""Open a connection: the official driver, and the kind of server that answers.

Servers differ in a small table, `Capabilities`, and never by a condition in a query.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    Driver,
    GraphDatabase,
    NotificationMinimumSeverity,
    Session,
)
from neo4j.api import BookmarkManager
from neo4j.exceptions import ConfigurationError, DriverError, Neo4jError, UnsupportedServerProduct

from graph.connection.driver_errors import translate
from graph.endpoint import Endpoint
from graph.errors import ServerUnavailable

TIMEOUT = 10.0  # seconds that connecting, or retrying a transaction, may take
OLDEST_NEO4J = (5, 23)  # the first with CALL (variables) { }
SCHEMES = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")

Login = tuple[str, str]  # user and password


@dataclass(frozen=True)
class Capabilities:
    """What a server does by itself, where servers differ."""

    name: str
    refuses_writes_in_read_mode: bool  # else by a user who may only read
    enforces_timeouts: bool  # else the client has the query terminated
    explains: bool  # EXPLAIN shows what its read mode allows beyond reading
    further_indexes: bool  # full-text, and on properties of relationships
    reads_all_characters: bool  # else a subquery after one beyond U+FFFF is misread


NEO4J = Capabilities(
    "Neo4j",
    refuses_writes_in_read_mode=True,
    enforces_timeouts=True,
    explains=True,
    further_indexes=True,
    reads_all_characters=True,
)
ARCADEDB = Capabilities(
    "ArcadeDB",
    refuses_writes_in_read_mode=False,
    enforces_timeouts=False,
    explains=False,
    further_indexes=False,
    reads_all_characters=False,
)


class EmbeddedProcess(Protocol):
    """The process of an embedded server, as its connection needs to know it."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""

    def runs(self) -> bool:
        """Whether it still serves its folder there."""

    def has_ended(self) -> bool:
        """Whether it has ended, or does so within a second: a connection breaks a moment before."""

    def end(self) -> None:
        """End it by force; committed data stays, and the next connection starts another one."""

    def ran_out_of_memory(self) -> bool:
        """Whether it has ended for want of memory."""


@dataclass(frozen=True)
class Server:
    """An open connection: a driver, another for each text that may only read, and the kind of server.

    `open_reader` makes a driver for one text, and is None where the server would let it write. Every session sees what
    earlier ones wrote, on a cluster too, since they share their bookmarks.
    """

    url: str
    driver: Driver
    database: str | None
    version: str
    capabilities: Capabilities
    timeout: float  # seconds that repeating a transaction may take
    open_reader: Callable[[], Driver] | None
    process: EmbeddedProcess | None = None
    bookmarks: BookmarkManager = field(default_factory=GraphDatabase.bookmark_manager)

    def session(self, mode: str = WRITE_ACCESS) -> Session:
        """Open a session for our own texts."""
        return self.driver.session(database=self.database, default_access_mode=mode, bookmark_manager=self.bookmarks)

    def reading(self, driver: Driver, **settings: Any) -> Session:
        """Open a session for a user's text, which may only read."""
        return driver.session(
            database=self.database, default_access_mode=READ_ACCESS, bookmark_manager=self.bookmarks, **settings
        )

    def answers(self) -> bool:
        """Whether it takes a new connection."""
        try:
            with self.open_reader() if self.open_reader else nullcontext(self.driver) as driver:
                driver.verify_connectivity()
        except (DriverError, Neo4jError):
            return False
        return True

    def close(self) -> None:
        """Close the driver."""
        try:
            self.driver.close()
        except BufferError:  # a thread that has a question broken off is sending just now, and holds a buffer
            self.driver.close()  # its connection closes with that thread


def open_server(
    url: str,
    login: Login,
    database: str | None,
    reader: Login | None = None,
    place: str | None = None,
    timeout: float = TIMEOUT,
) -> Server:
    """Connect and log in; `timeout` is in seconds.

    Messages name `place`, else the URL. Raises ServerUnavailable, AccessRefused or DatabaseMissing.
    """
    try:
        return _connect(url, login, database, reader, timeout)
    except (DriverError, Neo4jError) as error:
        raise translate(error, place or url) from error


def _connect(url: str, login: Login, database: str | None, reader: Login | None, timeout: float) -> Server:
    if not url.startswith(SCHEMES):
        raise ServerUnavailable(f"{url} is no address of a database: bolt://, bolt+s://, neo4j:// and neo4j+s:// are.")
    with ExitStack() as drivers:
        try:
            driver = drivers.enter_context(_driver(url, login, timeout))
            with driver.session(database=database) as session:  # logging in does not check that the database exists
                agent = session.run("RETURN 1").consume().server.agent
        except UnsupportedServerProduct:
            raise
        except (ValueError, ConfigurationError) as error:  # of the driver, which cannot read the address
            raise ServerUnavailable(f"{url} is no address: {str(error).rstrip('.')}. Mend it.") from error
        capabilities, version = _capabilities(agent, url)
        drivers.pop_all()
    reading = login if capabilities.refuses_writes_in_read_mode else reader
    open_reader = partial(_driver, url, reading, timeout) if reading else None
    return Server(url, driver, database, version, capabilities, timeout, open_reader)


def _driver(url: str, login: Login, timeout: float) -> Driver:
    return GraphDatabase.driver(
        url,
        auth=login,
        connection_timeout=timeout,
        connection_acquisition_timeout=timeout,
        notifications_min_severity=NotificationMinimumSeverity.OFF,
        telemetry_disabled=True,
    )


def _capabilities(agent: str, url: str) -> tuple[Capabilities, str]:
    """Read kind and version from the server's agent, such as Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)."""
    if arcadedb := re.search(r"ArcadeDB (\S+)\)", agent):
        return ARCADEDB, arcadedb[1]
    neo4j = re.fullmatch(r"Neo4j/((\d+)\.(\d+)\S*)", agent)
    if neo4j is None or (int(neo4j[2]), int(neo4j[3])) < OLDEST_NEO4J:
        raise ServerUnavailable(f"{url} is {agent}. The queries here need Neo4j 5.23 or later, or ArcadeDB.")
    return NEO4J, neo4j[1]
