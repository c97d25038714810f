"""Edges that are written at once share no unit, and none is left out."""

import numpy as np
import pyarrow as pa
import pytest

from graph.loading.parallel_edges import rounds


@pytest.mark.parametrize("writers", [1, 3, 4])
def test_rounds_hold_every_edge_once_and_their_tables_share_no_unit(writers: int) -> None:
    random = np.random.default_rng(0)
    ends = {name: [f"{name} {n}" for n in random.integers(0, 40, 500)] for name in ("target", "source")}
    edges = pa.table(ends | {"number": list(range(500))})

    divided = list(rounds(edges, writers))

    assert len(divided) == writers
    numbers = np.concatenate([table["number"].to_numpy() for tables in divided for table in tables])
    assert (np.sort(numbers) == np.arange(500)).all()
    for tables in divided:
        for end in ends:
            units = [set(table[end].to_pylist()) for table in tables]
            assert sum(map(len, units)) == len(set.union(*units))


def test_there_may_be_fewer_units_than_writers() -> None:
    edges = pa.table({"target": ["a"], "source": ["b"]})
    assert sum(table.num_rows for tables in rounds(edges, 4) for table in tables) == 1
