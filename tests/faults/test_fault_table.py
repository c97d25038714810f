"""The frame counts every trial once, on workers too, and runs the long ones only when asked to."""

import pytest

TRIALS = """
import pytest
from tests.faults.fault_table import trials

@pytest.mark.parametrize("trial", trials(ordinary=3, whole=5))
def test_kills(trial, record_fault):
    record_fault("kill of a writer", trial != 1, trial / 2)
    assert trial != 1
"""


@pytest.mark.parametrize(
    ("options", "outcomes", "row"),
    [
        (("-n0",), {"passed": 2, "failed": 1, "deselected": 2}, "kill of a writer *3 *2 *1 *1.0 s"),
        (("-n1", "--whole"), {"passed": 4, "failed": 1}, "kill of a writer *5 *4 *1 *2.0 s"),
    ],
)
def test_the_table_counts_the_trials(
    pytester: pytest.Pytester, options: tuple[str, ...], outcomes: dict[str, int], row: str
) -> None:
    pytester.makepyfile(TRIALS)
    run = pytester.runpytest("-p", "tests.faults.fault_table", *options)
    run.assert_outcomes(**outcomes)
    run.stdout.fnmatch_lines(["kind * tried * held * failed * longest wait", row])
