"""Fixtures of database servers: one embedded and one Neo4j for all tests of a worker, and a Neo4j of a test's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from graph.embedded.server import ensure, stop
from tests.builders.killable_server import KillableServer, killable_embedded, killable_neo4j
from tests.builders.neo4j_server import LocalNeo4j, Neo4j, fetched


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an empty embedded database with a small heap, whose server runs; use labels of your own."""
    folder = tmp_path_factory.mktemp("embedded") / "database"
    ensure(folder, heap=384)
    yield folder
    stop(folder)


@pytest.fixture(scope="session")
def neo4j_classes(request: pytest.FixtureRequest) -> Path:
    """Neo4j itself, fetched once into pytest's cache."""
    return _fetched(request.config.cache.mkdir("neo4j"))


@pytest.fixture
def local_neo4j(neo4j_classes: Path, tmp_path: Path) -> Iterator[LocalNeo4j]:
    """A Neo4j, not started yet, that a test may start, stop and kill as it likes."""
    server = LocalNeo4j(neo4j_classes, tmp_path / "neo4j")
    yield server
    server.kill()


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def killable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    """A server of either kind that no other module uses."""
    folder = tmp_path_factory.mktemp("killable") / "database"
    if request.param == "neo4j":
        server = LocalNeo4j(request.getfixturevalue("neo4j_classes"), folder)
        yield killable_neo4j(server.start())
        server.kill()
    else:
        with killable_embedded(folder) as embedded:
            yield embedded


@pytest.fixture
def service(killable: KillableServer) -> KillableServer:
    """Such a server that holds nothing."""
    with killable.connect() as database:
        database.write("MATCH (n) DETACH DELETE n")
    return killable


@pytest.fixture(scope="session")
def neo4j(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4j]:
    """A running Neo4j that the tests share, each starting with `emptied`: NEO4J_URI's, or one of our own."""
    if os.environ.get("NEO4J_URI"):
        yield from _named()
        return
    own = LocalNeo4j(request.getfixturevalue("neo4j_classes"), tmp_path_factory.mktemp("neo4j") / "home")
    yield own.start()
    own.kill()


def _named() -> Iterator[Neo4j]:
    """The empty server that NEO4J_URI names, and empty again at the end."""
    url, user = os.environ["NEO4J_URI"], os.environ.get("NEO4J_USERNAME", "neo4j")
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail("The tests wipe the server that NEO4J_URI names, and two workers have it: run pytest with -n 0.")
    server = Neo4j(url, user, os.environ.get("NEO4J_PASSWORD", ""), os.environ.get("NEO4J_DATABASE"))
    with server.connect() as database:
        if database.read("MATCH (n) RETURN n LIMIT 1"):
            pytest.fail(f"The tests wipe {url}, and it is not empty. Name another in NEO4J_URI, or none.")
    yield server
    server.emptied(keep=()).close()


def _fetched(cache: Path) -> Path:
    """Neo4j's classes in a folder of the cache; without Java, Maven or a network the test is skipped or fails."""
    if not (shutil.which("java") and shutil.which("mvn")):
        _without_neo4j("Java 17 and Maven start a Neo4j of the tests' own: install them, or set NEO4J_URI.")
    try:
        return fetched(cache)
    except subprocess.CalledProcessError as error:
        _without_neo4j(f"Maven cannot fetch Neo4j: {error.stdout[-500:]}")


def _without_neo4j(reason: str) -> NoReturn:
    if os.environ.get("CIRCUITS_TESTS_NEED_NEO4J"):
        pytest.fail(reason)
    pytest.skip(reason)
