"""Extractions killed at random points: what is recorded is whole, and the next run ends in the same bytes."""

import hashlib
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from graph.loading.load import refuse_unfinished
from tests.builders.forked_extracts import ForkedExtracts, forked_extracts
from tests.faults.fault_table import RecordFault, trials

Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedExtracts]:
    with forked_extracts(tmp_path_factory.mktemp("network")) as extracts:
        yield extracts


@pytest.fixture(scope="module")
def undisturbed(extracts: ForkedExtracts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Contents, float]:
    """The files of a run that nobody killed, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("whole") / "x"
    code, seconds = extracts.run(folder)
    assert code == 0
    return contents(folder), seconds


def contents(folder: Path) -> Contents:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def is_honest(folder: Path, whole: Contents) -> bool:
    """Whether what the manifest names is whole, the weights are undisturbed, and nothing unfinished can be loaded."""
    try:
        extraction = Extraction.open(folder)
        refuse_unfinished(extraction)
    except ExtractionError:
        may_be_loaded = False
    else:
        may_be_loaded = True
    found = contents(folder)
    if "manifest.json" not in found:
        return not may_be_loaded
    recorded = Extraction.open(folder).manifest.files
    weights = {name for name in whole if name.startswith(("units", "edges", "sweeps", "matrices"))}
    written = all(hashlib.sha256(found[name]).hexdigest() == file.sha256 for name, file in recorded.items())
    same = all(found[name] == whole[name] for name in weights & recorded.keys())  # probes get their thumbnails later
    return written and same and (weights <= recorded.keys()) == may_be_loaded


@pytest.mark.parametrize("trial", trials(ordinary=1, whole=40))
def test_an_extraction_that_is_killed(
    extracts: ForkedExtracts,
    undisturbed: tuple[Contents, float],
    tmp_path: Path,
    trial: int,
    record_fault: RecordFault,
) -> None:
    whole, seconds = undisturbed
    moment, folder = random.Random(trial).uniform(0, seconds), tmp_path / "x"  # noqa: S311 (no secret)
    assert extracts.run(folder, moment)[0] in (0, -signal.SIGKILL)
    honest, began = is_honest(folder, whole), time.monotonic()
    finished = extracts.run(folder)[0] == 0
    same = contents(folder) == whole
    record_fault("kill of an extraction", honest and finished and same, time.monotonic() - began)
    assert honest
    assert finished
    assert same
