"""A catalog of its own for the tests of the front door, to label, flag and save in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import Catalog, Model, open_catalog
from extract.folder.extraction import Extraction
from graph.embedded.server import stop
from tests.builders.servers import loaded


@pytest.fixture(scope="package")
def catalog(planted: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = loaded(planted, tmp_path_factory)
    with open_catalog(folder) as catalog:
        yield catalog
    stop(folder)


@pytest.fixture
def model(catalog: Catalog) -> Model:
    return catalog.model()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, which `~` stands for; the test runs beside it."""
    folder = tmp_path / "ada"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder
