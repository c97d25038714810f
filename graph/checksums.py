"""Compute checksums of what a load writes, with which the database's rows can be compared later.

There is one checksum for each kind of row: the sum of the rows' hashes modulo 2**64, so rows may come in any order and
in any batches. A row's hash covers the name and the value of every property; a null does not count as a property.
Numbers count as float64, to the bit.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from graph.steps import Nodes, Relationships, Step

_FROM_LABELS = "label"  # a unit's property that its labels set, and the only one that no load writes
_GOLDEN, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Checksums:
    """The checksums and the counts of the rows added so far, for each kind of row.

    A kind is a node's label, or a source's label and a relationship's type.
    """

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def add(self, kind: str, rows: pa.Table) -> None:
        """Add rows of a kind."""
        self.rows[kind] += rows.num_rows
        self._sums[kind] += checksum(rows)

    def add_properties(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows of a kind, each a map of properties; a unit's `label`, which no load writes, is left out."""
        columns = dict.fromkeys(name for row in rows for name in row if name != _FROM_LABELS)
        self.add(kind, pa.table({name: _column([row.get(name) for row in rows]) for name in columns}))

    def add_step(self, step: Step) -> None:
        """Add the rows of a step."""
        match step:
            case Nodes():
                self.add(step.label, step.table)
            case Relationships():
                self.add(f"{step.source[0]} {step.type}", step.table)

    @property
    def lines(self) -> list[str]:
        """One text for each kind, as the model's node records it: the kind and 16 hexadecimal digits."""
        return [f"{kind} {total % 2**64:016x}" for kind, total in sorted(self._sums.items()) if total]


def _column(values: list[Any]) -> "pa.Array[Any]":
    """Make an Arrow column of a property's values.

    Values of several types, which no load writes, become texts, so that their checksum differs from the recorded one.
    """
    column: pa.Array[Any]
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        column = pa.array([None if value is None else repr(value) for value in values], pa.string())
    return column


def checksum(table: pa.Table) -> int:
    """Add up the hashes of a table's rows, modulo 2**64."""
    rows = np.zeros(table.num_rows, np.uint64)  # (rows,)
    for name in table.column_names:
        column = table[name].combine_chunks()
        present = column.is_valid().to_numpy(zero_copy_only=False)  # (rows,)
        rows[present] += _mixed(_bits(column.drop_null()) ^ np.uint64(_hash(name)))
    return int(np.add.reduce(_mixed(rows), dtype=np.uint64))


def _bits(column: "pa.Array[Any]") -> np.ndarray:
    """Return 64 bits for every value of a column without nulls, as a uint64 array of shape (values,)."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        numbers = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
        values = numbers.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0  # the + 0.0 makes -0.0 a 0.0
        return values.view(np.uint64)
    if pa.types.is_list(kind):
        lists: list[Any] = column.to_pylist()
        column = pa.array([json.dumps([float(item) for item in items]) for items in lists], pa.string())
    texts = column.dictionary_encode()
    hashes = np.array([_hash(str(text)) for text in texts.dictionary.to_pylist()], np.uint64)
    return hashes[texts.indices.to_numpy()] if len(texts) else np.zeros(0, np.uint64)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Spread every bit over all 64 bits with the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = bits + _GOLDEN
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * factor
    mixed ^= mixed >> np.uint64(31)
    return mixed
