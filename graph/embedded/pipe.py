"""Send the steps of a bulk load to the loading process over a pipe, and convert their rows to JSON there.

Each step is one Arrow stream; the step's fields other than its table are in the metadata of the schema. A stream called
"end" comes last: if it is missing, the sender was interrupted, and the load changes nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from io import IOBase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import LoadFailed
from graph.steps import Nodes, Relationships, Statement, Step, Verification


def send(steps: Iterable[Step], pipe: IOBase) -> None:
    """Write the steps to the pipe, and then the end."""
    for step in steps:
        fields = {name: value for name, value in vars(step).items() if name != "table"}
        _send(
            pa.table({}) if isinstance(step, Statement | Verification) else step.table,
            {"step": type(step).__name__, **fields},
            pipe,
        )
    _send(pa.table({}), {"step": "end"}, pipe)


def _send(table: pa.Table, fields: Mapping[str, Any], pipe: IOBase) -> None:
    table = table.replace_schema_metadata({"step": json.dumps(fields)})
    with pa.ipc.new_stream(pipe, table.schema) as stream:
        stream.write_table(table)


def receive(pipe: IOBase) -> Iterator[Step]:
    """Yield the steps from the pipe until the end. Raises LoadFailed if the pipe closes before."""
    while True:
        try:
            with pa.ipc.open_stream(pipe) as stream:
                fields = json.loads(stream.schema.metadata[b"step"])
                table = stream.read_all().replace_schema_metadata()
        except (pa.ArrowInvalid, OSError) as error:
            raise LoadFailed("the process that sent the data ended") from error
        match fields.pop("step"):
            case "Statement":
                yield Statement(**fields)
            case "Verification":
                yield Verification(**fields)
            case "Nodes":
                yield Nodes(**fields, table=table)
            case "Relationships":
                yield Relationships(fields["type"], tuple(fields["source"]), tuple(fields["target"]), table)
            case _:
                return


def json_rows(table: pa.Table) -> str:
    """Convert a table to a JSON array of objects without nulls. Raises LoadFailed for values that do not fit.

    The work goes column by column, several times faster than row by row. The first column must hold no null.
    """
    join: Any = pc.binary_join_element_wise
    first, *others = (_members(name, table[name]) for name in table.column_names)
    others = [pc.fill_null(join(",", member, ""), "") for member in others]
    objects = join("{", first, *others, "}", "").combine_chunks()
    whole: Any = pa.ListArray.from_arrays([0, len(objects)], objects)
    text: Any = pc.binary_join(whole, ",")
    return f"[{text[0]}]"


def _members(name: str, column: Any) -> Any:
    """Return texts such as "mean":0.5, with a null where the value is null."""
    _check(name, column)
    join: Any = pc.binary_join_element_wise
    return join(f"{json.dumps(name)}:", _texts(column), "")


def _texts(column: Any) -> Any:
    if pa.types.is_floating(column.type):
        text = pc.cast(pc.cast(column, pa.float64()), pa.string())  # a float32 keeps its exact value
        return pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1.0")  # else 1.0 would come back as an integer
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return pc.cast(column, pa.string())
    if pa.types.is_string(column.type):  # texts such as record ids, each in many rows
        values = column.combine_chunks().dictionary_encode()
        return pa.chunked_array([_dumped(values.dictionary).take(values.indices)])
    return pa.chunked_array([_dumped(column)])


def _dumped(column: Any) -> Any:
    texts = [None if value is None else json.dumps(value) for value in column.to_pylist()]
    return pa.array(texts, pa.string())


def _check(name: str, column: Any) -> None:
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    checks = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_null)
    if not any(check(kind) for check in checks):
        raise LoadFailed(f"column {name} holds {column.type}; only booleans, numbers, strings and lists of these fit")
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column), min_count=0).as_py():
        raise LoadFailed(f"column {name} holds a value that is not finite")
