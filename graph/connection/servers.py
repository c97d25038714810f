"""Open a connection with the official driver, and find out which kind of server answers.

The differences between servers stand in a small table, `Capabilities`, and never in a condition of a query.
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
OLDEST_NEO4J = (5, 23)  # the first version with CALL (variables) { }
SCHEMES = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")

Login = tuple[str, str]  # user and password


@dataclass(frozen=True)
class Capabilities:
    """The abilities in which servers differ."""

    name: str
    refuses_writes_in_read_mode: bool  # else queries run as a user who may only read
    enforces_timeouts: bool  # else the client has the query terminated
    explains: bool  # EXPLAIN shows whether a query does more than read
    further_indexes: bool  # it has full-text indexes, and indexes on properties of relationships
    reads_all_characters: bool  # else a subquery after a character beyond U+FFFF is misread


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
    """What a connection needs of the process of an embedded server."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the server listens."""

    def runs(self) -> bool:
        """Return whether the process still serves its folder at this endpoint."""

    def has_ended(self) -> bool:
        """Return whether the process has ended or ends within a second, since connections break just before the end."""

    def end(self) -> None:
        """End the process by force; committed data stays, and the next connection starts another process."""

    def ran_out_of_memory(self) -> bool:
        """Return whether the process ended because its memory ran out."""


@dataclass(frozen=True)
class Server:
    """An open connection: a driver, a way to open further drivers that may only read, and the kind of server.

    `open_reader` makes a driver for one text that may only read; it is None if the server would let that text write.
    Every session sees what earlier sessions wrote, even on a cluster, because all sessions share their bookmarks.
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
        """Open a session for this project's own texts."""
        return self.driver.session(database=self.database, default_access_mode=mode, bookmark_manager=self.bookmarks)

    def reading(self, driver: Driver, **settings: Any) -> Session:
        """Open a session for a user's text, which may only read."""
        return driver.session(
            database=self.database, default_access_mode=READ_ACCESS, bookmark_manager=self.bookmarks, **settings
        )

    def answers(self) -> bool:
        """Return whether the server accepts a new connection."""
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
        except BufferError:  # a thread whose query is being terminated is sending just now, and holds a buffer
            self.driver.close()  # the remaining connection closes with that thread


def open_server(
    url: str,
    login: Login,
    database: str | None,
    reader: Login | None = None,
    place: str | None = None,
    timeout: float = TIMEOUT,
) -> Server:
    """Connect to a server and log in; `timeout` is in seconds.

    Error messages name `place`, or the URL if that is None. Raises ServerUnavailable, AccessRefused or DatabaseMissing.
    """
    try:
        return _connect(url, login, database, reader, timeout)
    except (DriverError, Neo4jError) as error:
        raise translate(error, place or url) from error


def _connect(url: str, login: Login, database: str | None, reader: Login | None, timeout: float) -> Server:
    if not url.startswith(SCHEMES):
        raise ServerUnavailable(
            f"{url} is not the address of a database. Write one that begins with bolt://, bolt+s://, neo4j:// or "
            "neo4j+s://."
        )
    with ExitStack() as drivers:
        try:
            driver = drivers.enter_context(_driver(url, login, timeout))
            with driver.session(database=database) as session:  # logging in does not check that the database exists
                agent = session.run("RETURN 1").consume().server.agent
        except UnsupportedServerProduct:
            raise
        except (ValueError, ConfigurationError) as error:  # raised by the driver for a URL that it cannot read
            raise ServerUnavailable(f"{url} is not an address: {str(error).rstrip('.')}. Correct it.") from error
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
    """Read the server's kind and version from its agent text, such as Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)."""
    if arcadedb := re.search(r"ArcadeDB (\S+)\)", agent):
        return ARCADEDB, arcadedb[1]
    neo4j = re.fullmatch(r"Neo4j/((\d+)\.(\d+)\S*)", agent)
    if neo4j is None or (int(neo4j[2]), int(neo4j[3])) < OLDEST_NEO4J:
        raise ServerUnavailable(f"{url} is {agent}. The queries here need Neo4j 5.23 or later, or ArcadeDB.")
    return NEO4J, neo4j[1]
