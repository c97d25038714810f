"""Extractions killed at random points: what is recorded is whole, and the next run ends in the same bytes."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.builders.contents import contents
from tests.builders.forked_extracts import ForkedExtracts, is_honest
from tests.faults.fault_table import RecordFault, trials


@pytest.mark.parametrize("trial", trials(ordinary=1, whole=40))
def test_an_extraction_that_is_killed(
    extracts: ForkedExtracts,
    undisturbed: tuple[dict[str, bytes], float],
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
