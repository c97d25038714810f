"""Estimate how long tables of layer pairs take and how large they are, from a few made of random numbers."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
import pyarrow as pa

from extract.expansion.layer_tables import matrices_of, pair_tables
from extract.expansion.strongest import most
from extract.folder.encoding import encoded
from extract.ranking import Floats
from extract.units import Layer

_SIZES = 4  # shapes that are timed
_TOGETHER = 4  # tables that are written as one file
_SOURCE, _TARGET = Layer(1, 0, 3), Layer(1, 0, 5)  # only their names matter

Made = TypeVar("Made")
Shape = tuple[int, int]  # channels of a target and of a source layer


@dataclass(frozen=True)
class TableSamples:
    """Measures of sample layer pairs, in order of their number of unit pairs; all arrays are (samples,)."""

    strongest: int
    pairs: Floats
    seconds: Floats
    kept: Floats  # edges, as a fraction of the most that are possible
    edge_bytes: Floats  # bytes of the file per edge

    @classmethod
    def take(
        cls,
        shapes: Sequence[Shape],
        strongest: int,
        matrices: bool,
        clock: Callable[[], float] = time.perf_counter,
        pairs_at_once: int = 1,
    ) -> Self:
        """Make and time tables of at most four of these shapes, `pairs_at_once` in parallel as in an extraction."""
        ordered = sorted(set(shapes), key=lambda shape: shape[0] * shape[1])
        places = sorted({round(place) for place in np.linspace(0, len(ordered) - 1, _SIZES)}) if ordered else []
        for place in places[:1]:
            _sample(ordered[place], strongest, matrices, clock, pairs_at_once)  # warms up
        samples = [_sample(ordered[place], strongest, matrices, clock, pairs_at_once) for place in places]
        return cls(strongest, *(np.array(column) for column in zip(*samples, strict=True) or [()] * 4))

    def edges(self, shape: Shape) -> float:
        """Estimate how many edges a layer pair keeps."""
        return self._at(shape, self.kept) * most(shape, self.strongest)

    def bytes(self, shape: Shape) -> float:
        """Estimate the bytes of a layer pair's edges."""
        return self.edges(shape) * self._at(shape, self.edge_bytes)

    def time(self, shape: Shape) -> float:
        """Estimate the seconds of a layer pair's tables and matrices, from its dense rows to the bytes of its files."""
        return self._at(shape, self.seconds)

    def _at(self, shape: Shape, measures: Floats) -> float:
        return float(np.interp(shape[0] * shape[1], self.pairs, measures))


def _sample(
    shape: Shape, strongest: int, matrices: bool, clock: Callable[[], float], pairs_at_once: int
) -> tuple[float, float, float, float]:
    random = np.random.default_rng(0)
    magnitude = np.abs(random.standard_normal(shape)) * random.lognormal(0, 0.4, (1, shape[1]))
    dense = magnitude.astype(np.float32), (magnitude * random.standard_normal(shape)).astype(np.float32)
    pair = {"source": str(_SOURCE), "target": str(_TARGET), "span": 1, "direct": False, "cut": False}
    with ThreadPoolExecutor(pairs_at_once) as pool:  # threads slow each other, so timing one would mislead
        alike = [pair] * pairs_at_once
        made, making = _timed(lambda: list(pool.map(lambda each: pair_tables(each, *dense, strongest), alike)), clock)
    tables = made[0]
    files = {f"{name}.parquet": pa.concat_tables(rows * _TOGETHER) for name, rows in tables.items()}
    _, writing = _timed(lambda: {name: encoded(name, table) for name, table in files.items()}, clock)
    _, storing = _timed(lambda: encoded("matrices", matrices_of({_SOURCE: dense} if matrices else {})), clock)
    edges = tables["edges"][0]
    size = len(encoded("edges.parquet", edges))  # of a single table, because copies would be compressed
    return (
        shape[0] * shape[1],
        making / pairs_at_once + storing + writing / _TOGETHER,
        edges.num_rows / max(1, most(shape, strongest)),
        size / max(1, edges.num_rows),
    )


def _timed(run: Callable[[], Made], clock: Callable[[], float]) -> tuple[Made, float]:
    start = clock()
    return run(), clock() - start
