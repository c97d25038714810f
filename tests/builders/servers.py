"""Either kind of server, holding an extraction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.loading.load import load
from graph.opening import connect


@contextmanager
def server_with(extraction: Extraction, request: pytest.FixtureRequest, folder: Path) -> Iterator[Database]:
    """The server that a fixture's parameter names, holding an extraction: `neo4j`, or one embedded in a folder."""
    if request.param == "neo4j":
        with request.getfixturevalue("neo4j").emptied() as database:
            load(extraction, database, progress=False)
            yield database
        return
    load(extraction, folder, progress=False)
    with connect(folder) as database:
        yield database
    stop(folder)
