"""An open connection: the official driver, and what the server behind it is and can.

What differs between servers is a small table, `Capabilities`, and never a condition in a query.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    Driver,
    GraphDatabase,
    NotificationMinimumSeverity,
    Session,
)
from neo4j.api import BookmarkManager
from neo4j.exceptions import DriverError, Neo4jError

from graph.connection.driver_errors import translated
from graph.endpoint import Endpoint
from graph.errors import ServerUnavailable

PATIENCE = 10.0  # seconds
OLDEST_NEO4J = (5, 23)  # the first with CALL (variables) { }
SCHEMES = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")

Login = tuple[str, str]  # user and password


@dataclass(frozen=True)
class Capabilities:
    """What a server does of its own, where servers differ."""

    name: str
    refuses_writes_in_read_mode: bool  # else a user with the right to read and no other
    minds_timeouts: bool  # else a watchdog that terminates the query
    explains: bool  # what counts as reading there and yet is more, EXPLAIN shows
    further_indexes: bool  # full-text, and on properties of relationships


NEO4J = Capabilities(
    "Neo4j", refuses_writes_in_read_mode=True, minds_timeouts=True, explains=True, further_indexes=True
)
ARCADEDB = Capabilities(
    "ArcadeDB", refuses_writes_in_read_mode=False, minds_timeouts=False, explains=False, further_indexes=False
)


@dataclass(frozen=True)
class Server:
    """An open connection: the driver, one that may only read, and what the server is.

    Every session sees what those before it wrote, on a cluster too: they share their bookmarks.
    """

    url: str
    driver: Driver
    reader: Driver | None
    database: str | None
    version: str
    capabilities: Capabilities
    endpoint: Endpoint | None = None
    bookmarks: BookmarkManager = field(default_factory=GraphDatabase.bookmark_manager)

    def session(self) -> Session:
        """A session for our own texts."""
        return self.driver.session(
            database=self.database, default_access_mode=WRITE_ACCESS, bookmark_manager=self.bookmarks
        )

    def reading(self, **settings: Any) -> Session:
        """A session for a user's text: it may only read."""
        driver = self.reader or self.driver
        return driver.session(
            database=self.database, default_access_mode=READ_ACCESS, bookmark_manager=self.bookmarks, **settings
        )

    def close(self) -> None:
        """Close both."""
        self.driver.close()
        if self.reader:
            self.reader.close()  # closing twice does no harm


def open_server(
    url: str,
    login: Login,
    database: str | None,
    reader: Login | None = None,
    place: str | None = None,
    patience: float = PATIENCE,
) -> Server:
    """Connect and log in.

    Messages name `place`, else the URL; connecting, or retrying a transaction, may take `patience` seconds. Raises
    ServerUnavailable, AccessRefused or DatabaseMissing.
    """
    try:
        return _opened(url, login, database, reader, patience)
    except (DriverError, Neo4jError) as error:
        raise translated(error, place or url) from error


def _opened(url: str, login: Login, database: str | None, reader: Login | None, patience: float) -> Server:
    if not url.startswith(SCHEMES):
        raise ServerUnavailable(f"{url} is no address of a database: bolt://, bolt+s://, neo4j:// and neo4j+s:// are.")
    with ExitStack() as opened:
        driver = opened.enter_context(_driver(url, login, patience))
        with driver.session(database=database) as session:
            try:  # to log in does not tell whether the database is there
                agent = session.run("RETURN 1").consume().server.agent
            except ValueError as error:  # the driver's word for a port that is no number
                raise ServerUnavailable(f"{url} is no address: {error}.") from error
        capabilities, version = _capabilities(agent, url)
        reading = driver if capabilities.refuses_writes_in_read_mode else None
        if reading is None and reader:
            reading = opened.enter_context(_driver(url, reader, patience))
        opened.pop_all()
    return Server(url, driver, reading, database, version, capabilities)


def _driver(url: str, login: Login, patience: float) -> Driver:
    return GraphDatabase.driver(
        url,
        auth=login,
        connection_timeout=patience,
        connection_acquisition_timeout=patience,
        max_transaction_retry_time=patience,
        notifications_min_severity=NotificationMinimumSeverity.OFF,
        telemetry_disabled=True,
    )


def _capabilities(agent: str, url: str) -> tuple[Capabilities, str]:
    """With the version, from what the server calls itself, such as Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)."""
    if found := re.search(r"ArcadeDB (\S+)\)", agent):
        return ARCADEDB, found[1]
    found = re.fullmatch(r"Neo4j/((\d+)\.(\d+)\S*)", agent)
    if found is None or (int(found[2]), int(found[3])) < OLDEST_NEO4J:
        raise ServerUnavailable(f"{url} is {agent}. The queries here need Neo4j 5.23 or later, or ArcadeDB.")
    return NEO4J, found[1]
