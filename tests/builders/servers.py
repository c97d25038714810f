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
    """The server that a fixture's parameter names, `embedded` or `neo4j`, holding extractions loaded over Bolt."""
    server: Path | Neo4j = request.getfixturevalue(request.param)
    with emptied(server) as database:
        for extraction in extractions:
            load(extraction, database, progress=False)
        yield database
    emptied(server).close()


def emptied(server: Path | Neo4j) -> Database:
    """A connection to the shared server, embedded in a folder or a Neo4j, with nothing left in its database."""
    if isinstance(server, Neo4j):
        return server.emptied()
    database = connect(server)
    while database.write("MATCH (n) WITH n LIMIT 1000 DETACH DELETE n RETURN count(*) AS n")[0]["n"]:
        pass
    return database


def loaded(extraction: Extraction, factory: pytest.TempPathFactory) -> Path:
    """A folder of an embedded database that holds an extraction and is not served; equal ones are loaded once."""

    def build(folder: Path) -> None:
        load(extraction, folder, progress=False)
        stop(folder)

    return once(factory, f"holds {content(extraction)}", build)
