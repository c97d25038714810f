"""A sweep on several threads gives the bytes of one thread, and leaves no trace in torch."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest
import torch

from extract.expansion.expanded_weights import sweep, sweep_together
from extract.expansion.sweep_statistics import in_one_piece, in_strips, statistics
from extract.network.network import Network
from extract.units import Layer

GROUP = tuple(map(Layer.parse, ("4/0/5", "4/0/7", "4/0/8", "4/1/5", "4/1/6")))
TARGET = GROUP[-1]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("threads", "at_once"), [(2, None), (5, None), (4, 2), (2, 1)])
def test_a_sweep_on_several_threads_gives_what_one_gives(tiny: Network, threads: int, at_once: int | None) -> None:
    torch.set_num_threads(1)
    one = list(sweep_together(tiny, GROUP, range(7), units=2))
    torch.set_num_threads(threads)
    several = list(sweep_together(tiny, GROUP, range(7), units=2, at_once=at_once))
    assert [batch for batch, _ in several] == [batch for batch, _ in one]
    near = None if at_once else 0.0  # the same bytes, unless threads share a batch
    for (_, here), (_, there) in zip(one, several, strict=True):
        for target in GROUP:
            for source, weights in here[target].items():
                torch.testing.assert_close(there[target][source].magnitude, weights.magnitude, rtol=near, atol=near)
                torch.testing.assert_close(there[target][source].sum, weights.sum, rtol=near, atol=near)


@pytest.mark.usefixtures("two_threads")
def test_a_sweep_leaves_the_number_of_threads_to_this_thread_and_to_new_ones(tiny: Network) -> None:
    list(sweep(tiny, TARGET, range(7), units=2))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_sweep_that_is_left_ends_its_threads_and_the_next_one_is_whole(tiny: Network) -> None:
    before = threading.active_count()
    swept = sweep(tiny, TARGET, range(64), units=1)
    assert next(swept)[0] == range(1)
    assert threading.active_count() == before + 2
    del swept  # as a loop that is left does
    assert threading.active_count() == before
    assert [batch for batch, _ in sweep(tiny, TARGET, range(3), units=1)] == [range(i, i + 1) for i in range(3)]


@pytest.mark.usefixtures("two_threads")
def test_batches_under_way_are_not_finished_once_a_sweep_is_left(tiny: Network) -> None:
    torch.set_num_threads(8)
    computed = list[int]()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is statistics.__code__:
            computed.append(1)

    threading.setprofile(count)  # for threads to come
    try:
        assert len(list(sweep(tiny, TARGET, range(9), units=1))) == 9
        whole = len(computed)
        computed.clear()
        swept = sweep(tiny, TARGET, range(9), units=1)  # eight batches at once, and the last when one of them is done
        next(swept)
        del swept
    finally:
        threading.setprofile(None)
    assert 0 < len(computed) < whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cards_way_to_the_statistics_gives_those_of_strips(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values = {target: torch.randn(3, 50, 8, generator=generator).to(dtype) for target in GROUP if target.role != "sum"}
    sums = {GROUP[2]: (GROUP[1], GROUP[0]), GROUP[4]: (GROUP[2], GROUP[3])}
    for found, expected in zip(in_one_piece(values, sums), in_strips(values, sums), strict=True):
        assert found.keys() == expected.keys() == set(GROUP)
        for target in GROUP:
            assert found[target].dtype == torch.float32
            torch.testing.assert_close(found[target], expected[target], rtol=1e-5, atol=1e-4)
