"""A catalog of its own for the tests of the front door, to label, flag and save in."""

from collections.abc import Iterator

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
