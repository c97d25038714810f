"""Map items in a pool of threads, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = min(4, os.cpu_count() or 1)  # by default, as pictures are decoded beside a forward pass
_AHEAD = 64  # items, as many as two of a forward pass's batches

T = TypeVar("T")
R = TypeVar("R")


def ordered_parallel_map(
    work: Callable[[T], R],
    items: Iterable[T],
    ahead: int = _AHEAD,
    threads: int = THREADS,
    begin: Callable[[], object] | None = None,
    leave: Callable[[], object] = lambda: None,
) -> Iterator[R]:
    """Map items in a thread pool; yield results in the order of the items, with at most `ahead` of them in flight.

    Every thread calls `begin` before its first item. `leave` is called once no more results are asked for, and before
    the items in flight are waited for.
    """
    waiting = deque[Future[R]]()
    pool = ThreadPoolExecutor(threads, initializer=begin)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        leave()
        pool.shutdown(cancel_futures=True)
