"""The frame of the fault suite: what runs only with `--whole`, and one table of all trials at the end of the run."""

from collections import defaultdict
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

RecordFault = Callable[[str, bool, float], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="run all trials of the fault suite, not only the quick ones")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole: runs only with --whole")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--whole"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("whole")])
        items[:] = [item for item in items if not item.get_closest_marker("whole")]


def trials(ordinary: int, whole: int, *before: object) -> list[Any]:
    """Numbers for `parametrize`, after values that all share: trials of an ordinary run, and of one with `--whole`."""
    return [pytest.param(*before, n, marks=() if n < ordinary else pytest.mark.whole) for n in range(whole)]


@pytest.fixture
def record_fault(record_property: Callable[[str, object], None]) -> RecordFault:
    """Record a trial in the table: its kind, whether what should hold held, and the seconds that somebody waited."""
    return lambda kind, held, seconds: record_property("fault", (kind, held, seconds))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; properties of a test's report come from xdist's workers too."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    table = defaultdict[str, list[tuple[bool, float]]](list)
    for name, fault in chain.from_iterable(r.user_properties for r in reports if getattr(r, "when", "") == "call"):
        if name == "fault":
            kind, held, seconds = fault
            table[kind].append((held, seconds))
    if table:
        terminalreporter.section("faults")
        width = max(map(len, table))
        terminalreporter.line(f"{'kind':{width}}   tried    held  failed  longest wait")
    for kind, faults in sorted(table.items()):
        held, longest = sum(held for held, _ in faults), max(seconds for _, seconds in faults)
        counts = f"{len(faults):8}{held:8}{len(faults) - held:8}"
        terminalreporter.line(f"{kind:{width}}{counts}{longest:12.1f} s")
