"""Write a step's edges over Bolt in several transactions at once, none of which waits for another.

Edges are divided by their targets and by their sources into so many parts as there are writers. In each round every
writer has a part of the targets and a part of the sources to itself, so that no two lock the same unit; after as many
rounds all edges are there. They come in no order that could be counted: an interrupted step is undone and written anew.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.connection.database import Database
from graph.cypher.loading import CONTRIBUTES_AT_ONCE, UNDO

WRITERS = 4


class ParallelEdges:
    """Writes edges for the `owner` of a claim, in transactions of so many `rows`; `slots` are layers, one a writer."""

    def __init__(self, database: Database, owner: dict[str, Any], rows: int, slots: list[str]) -> None:
        self._database, self._owner, self._rows, self._slots = database, owner, rows, slots

    def write(self, edges: pa.Table) -> int:
        """Write edges with their ends' keys, `source` and `target`; how many found both."""
        with ThreadPoolExecutor(len(self._slots)) as pool:
            return sum(sum(pool.map(self._write_part, self._slots, parts)) for parts in rounds(edges, len(self._slots)))

    def undo(self, edges: pa.Table) -> None:
        """Remove what is there of edges that an interrupted load was writing."""
        for part in _transactions(edges.select(["target", "source"]), self._rows):
            self._database.write(UNDO, **self._owner, groups=grouped_by_target(part))

    def _write_part(self, slot: str, edges: pa.Table) -> int:
        return sum(
            self._database.write(CONTRIBUTES_AT_ONCE, **self._owner, slot=slot, groups=grouped_by_target(part))[0][
                "done"
            ]
            for part in _transactions(edges, self._rows)
        )


def rounds(edges: pa.Table, writers: int) -> Iterator[list[pa.Table]]:
    """Divide edges into rounds of a table for each writer; the tables of a round share no source and no target."""
    target, source = (_parts(edges[end], writers) for end in ("target", "source"))  # (edges,)
    for number in range(writers):
        yield [
            edges.filter(pa.array((target == writer) & (source == (writer + number) % writers)))
            for writer in range(writers)
        ]


def grouped_by_target(table: pa.Table) -> list[list[Any]]:
    """Group by target: its key, and its rows of a source's key and then the properties, in the table's order."""
    others = [table[name].to_pylist() for name in table.column_names if name != "target"]
    rows: Iterable[tuple[Any, ...]] = zip(table["target"].to_pylist(), *others, strict=True)
    return [[key, [list(row[1:]) for row in group]] for key, group in groupby(rows, key=lambda row: row[0])]


def _parts(keys: Any, count: int) -> np.ndarray:
    """A part for each key; equal keys are in one. pyarrow's stubs know no dictionaries."""
    codes: np.ndarray = pc.dictionary_encode(keys).combine_chunks().indices.to_numpy()  # (edges,)
    return codes % count


def _transactions(edges: pa.Table, rows: int) -> Iterator[pa.Table]:
    ordered = edges.sort_by("target")
    for row in range(0, ordered.num_rows, rows):
        yield ordered.slice(row, rows)
