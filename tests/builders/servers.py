"""Either kind of server, holding an extraction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.loading.extraction_steps import content
from graph.loading.load import load
from graph.opening import connect
from tests.builders.neo4j_server import Neo4j
from tests.builders.once import once


@contextmanager
def server_with(request: pytest.FixtureRequest, *extractions: Extraction) -> Iterator[Database]:
    """Yield the server that a fixture's parameter names, `embedded` or `neo4j`, with extractions loaded over Bolt."""
    server: Path | Neo4j = request.getfixturevalue(request.param)
    with emptied(server) as database:
        for extraction in extractions:
            load(extraction, database, progress=False)
        yield database
    emptied(server).close()


def emptied(server: Path | Neo4j) -> Database:
    """Connect to the shared server, embedded in a folder or a Neo4j, and delete all that is in its database."""
    if isinstance(server, Neo4j):
        return server.emptied()
    database = connect(server)
    while database.write("MATCH (n) WITH n LIMIT 1000 DETACH DELETE n RETURN count(*) AS n")[0]["n"]:
        pass
    return database


def loaded(extraction: Extraction, factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an embedded database that holds an extraction and that no server has open.

    Equal extractions are loaded once.
    """

    def build(folder: Path) -> None:
        load(extraction, folder, progress=False)
        stop(folder)

    return once(factory, f"holds {content(extraction)}", build)
