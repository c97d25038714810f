"""Fixtures that several rooms share; what they build stands in tests/builders."""

import os

# What a process compiles is kept for the next, wherever the tests run: torch takes 20 s to compile.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each worker has one core: one thread a worker, set before numpy and torch are imported, and a Java that is soon there.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # where a test computes on two, neither spins on the other's core
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from xdist.scheduler import LoadFileScheduling

from extract.folder.extraction import Extraction
from graph.embedded.server import stop
from graph.model_store import ModelStore
from graph.opening import connect
from graph.store import Store
from tests.builders.demo_catalog import demo_catalog
from tests.builders.extractions import without_edges
from tests.builders.java_cache import OPTION, java_cache
from tests.builders.once import once
from tests.builders.planted_catalog import planted_catalog
from tests.builders.random_extraction import random_extraction as write_random_extraction
from tests.builders.servers import loaded
from tests.builders.tiny_network import noise_probes, tiny_network

if TYPE_CHECKING:
    from extract.network.network import Network

LONGEST = (  # the last folder and the file's name
    *("loading/test_load.py", "graph/test_peers.py", "tests/test_readme.py", "browser/test_pages.py"),
    *("loading/test_interrupted.py", "embedded/test_server.py", "browser/test_neo4j.py", "labels/test_annotations.py"),
    *("browser/test_unit.py", "graph/test_store.py", "cypher/test_queries.py", "browser/test_annotate.py"),
)

pytest_plugins = ("tests.server_fixtures", "tests.faults.fault_table", "pytester")


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the workers gives them Java's cache, in pytest's own."""
    if hasattr(config, "workerinput") or config.option.collectonly or not hasattr(config, "cache"):
        return  # -p no:cacheprovider leaves no place for it
    if cache := java_cache(config.cache.mkdir("java")):
        os.environ["JAVA_TOOL_OPTIONS"] += f" {OPTION.format(cache)}"


@cache
def names_neo4j(file: Path) -> bool:
    return "neo4j" in file.read_text()


class OneNeo4j(LoadFileScheduling):  # type: ignore[misc]
    """Gives a file to a worker, and all files that name Neo4j to one: a second server takes 20 s of a core."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "neo4j" if names_neo4j(self.config.rootpath / file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneNeo4j | None:
    """Schedule files so, unless the command line names another --dist."""
    return OneNeo4j(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files go first, the longest of all at their head, so that no worker ends long after the other."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get("/".join(item.path.parts[-2:]), len(order)))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Network":
    """A small network; no test changes it."""
    return tiny_network(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def noise() -> pa.Table:
    """Probes of noise for it."""
    return noise_probes()


@pytest.fixture(scope="module")
def measured(tiny: "Network", noise: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """An extraction of no edges, the tiny network's last sum measured on the noise."""
    from extract.enrichment.pipeline import measure  # torch is slow to import

    extraction = without_edges(tiny, tmp_path_factory.mktemp("measured") / "x")
    measure(tiny, extraction, noise, [tiny.architecture.final], progress=False)
    return extraction


@pytest.fixture(scope="session")
def random_extraction() -> Callable[..., Extraction]:
    """Writes an extraction of random edges and evidence."""
    return write_random_extraction


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The extraction planted by hand."""
    return planted_catalog(tmp_path_factory.mktemp("planted") / "planted.extraction")


@pytest.fixture(scope="session")
def planted_folder(planted: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an embedded database that holds the planted extraction; its server runs until the tests end."""
    folder = loaded(planted, tmp_path_factory)
    yield folder
    stop(folder)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an embedded database that holds the demo's units."""
    folder = once(tmp_path_factory, "demo", demo_catalog)
    yield folder
    stop(folder)


@pytest.fixture(scope="session")
def planted_store(planted_folder: Path) -> Iterator[ModelStore]:
    """The store of the one model in that database."""
    with connect(str(planted_folder)) as database:
        yield Store(database).model()
