"""Items mapped in a pool of threads: in order, not too far ahead, and let go of in time."""

from collections.abc import Iterator
from threading import Event

import pytest

from extract.parallel import ordered_parallel_map


def test_work_beside_the_caller_keeps_order_and_never_runs_far_ahead() -> None:
    begun = list[int]()

    def items() -> Iterator[int]:
        for n in range(1000):
            begun.append(n)
            yield n

    results = ordered_parallel_map(lambda n: n * n, items(), ahead=10)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(begun) <= 20
    assert next(results) == 25


def test_an_error_beside_the_caller_reaches_it() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ordered_parallel_map(lambda n: 1 // n, [2, 1, 0, 3]))


def test_items_in_flight_hear_that_nobody_waits_for_them() -> None:
    left, heard = Event(), list[bool]()

    def work(n: int) -> int:
        if n:
            heard.append(left.wait(60))
        return n

    results = ordered_parallel_map(work, range(3), ahead=2, threads=2, leave=left.set)
    assert next(results) == 0
    del results  # ends once the items in flight have ended
    assert heard
    assert all(heard)
