"""What a bulk load is made of, how it travels to the loading process, and how rows become JSON there.

A step is one Arrow stream on a pipe, its own words in the schema's metadata. The stream called "end" comes last:
without it the sender broke off, and the load counts for nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import IOBase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import LoadFailed


@dataclass(frozen=True)
class Statement:
    """A Cypher statement to run between loads, such as a constraint or a deletion; parameters must fit JSON."""

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Nodes:
    """Nodes of one label to merge by `key`, a column of the table; every column is a property, null is no property.

    A node whose key is in the database keeps its relationships, and its properties are set from the row (null takes
    one away); the others are created. Columns hold booleans, integers, finite floats, strings or lists of these.
    """

    label: str
    key: str
    table: pa.Table


@dataclass(frozen=True)
class Edges:
    """Relationships of one type to append; columns `source` and `target` hold keys, every other one is a property.

    `source` and `target` are (label, key property) of either end; the nodes were loaded before or are in the database.
    Nothing is merged: whoever loads again deletes first.
    """

    type: str
    source: tuple[str, str]
    target: tuple[str, str]
    table: pa.Table


Step = Statement | Nodes | Edges


def send(steps: Iterable[Step], pipe: IOBase) -> None:
    """Write the steps and the end."""
    for step in steps:
        words = {name: value for name, value in vars(step).items() if name != "table"}
        _send(pa.table({}) if isinstance(step, Statement) else step.table, {"step": type(step).__name__, **words}, pipe)
    _send(pa.table({}), {"step": "end"}, pipe)


def _send(table: pa.Table, words: Mapping[str, Any], pipe: IOBase) -> None:
    table = table.replace_schema_metadata({"words": json.dumps(words)})
    with pa.ipc.new_stream(pipe, table.schema) as stream:
        stream.write_table(table)


def receive(pipe: IOBase) -> Iterator[Step]:
    """Read the steps until the end; LoadFailed if it never comes."""
    while True:
        try:
            with pa.ipc.open_stream(pipe) as stream:
                words = json.loads(stream.schema.metadata[b"words"])
                table = stream.read_all().replace_schema_metadata()
        except (pa.ArrowInvalid, OSError) as error:
            raise LoadFailed("the process that sent the data ended") from error
        match words.pop("step"):
            case "Statement":
                yield Statement(**words)
            case "Nodes":
                yield Nodes(**words, table=table)
            case "Edges":
                yield Edges(words["type"], tuple(words["source"]), tuple(words["target"]), table)
            case _:
                return


def json_rows(table: pa.Table) -> str:
    """The table as a JSON array of objects without nulls, composed column by column; LoadFailed for what does not fit.

    Several times faster than row by row. The first column must hold no null.
    """
    join: Any = pc.binary_join_element_wise
    first, *others = (_members(name, table[name]) for name in table.column_names)
    others = [pc.fill_null(join(",", member, ""), "") for member in others]
    objects = join("{", first, *others, "}", "").combine_chunks()
    whole: Any = pa.ListArray.from_arrays([0, len(objects)], objects)
    text: Any = pc.binary_join(whole, ",")
    return f"[{text[0]}]"


def _members(name: str, column: Any) -> Any:
    """Texts such as "mean":0.5, null where the value is."""
    _check(name, column)
    join: Any = pc.binary_join_element_wise
    return join(f"{json.dumps(name)}:", _texts(column), "")


def _texts(column: Any) -> Any:
    if pa.types.is_floating(column.type):
        text = pc.cast(pc.cast(column, pa.float64()), pa.string())  # a float32 keeps its exact value
        return pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1.0")  # else 1.0 would come back as an integer
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return pc.cast(column, pa.string())
    texts = [None if value is None else json.dumps(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _check(name: str, column: Any) -> None:
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    checks = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_null)
    if not any(check(kind) for check in checks):
        raise LoadFailed(f"column {name} holds {column.type}; only booleans, numbers, strings and lists of these fit")
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column), min_count=0).as_py():
        raise LoadFailed(f"column {name} holds a value that is not finite")
