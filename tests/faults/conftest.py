"""Fixtures that several kinds of faults share."""

from collections.abc import Iterator

import pytest

from tests.builders.contents import contents
from tests.builders.forked_extracts import ForkedExtracts, forked_extracts


@pytest.fixture(scope="session")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedExtracts]:
    """A process that forks extractions of the tiny network."""
    with forked_extracts(tmp_path_factory.mktemp("network")) as extracts:
        yield extracts


@pytest.fixture(scope="session")
def undisturbed(extracts: ForkedExtracts, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The files of an extraction that nobody disturbed, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("whole") / "x"
    code, seconds = extracts.run(folder)
    assert code == 0
    return contents(folder), seconds
