"""Write an extraction as CSV files for `neo4j-admin database import`, Neo4j's fastest way into an empty database.

The import creates no constraints or indexes and does not verify what arrived. An ordinary load of the same extraction
afterwards does this in seconds, because every row is in the database already.
"""

import shlex
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from tqdm import tqdm

from extract.files import make_folder, reason_of, remove_empty
from extract.folder.extraction import Extraction
from extract.printable import printable
from graph.errors import LoadFailed
from graph.loading.extraction_steps import content, steps
from graph.loading.load import refuse_unfinished
from graph.schema import SCHEMA, VERSION
from graph.steps import Nodes, Relationships, Statement

_TYPES = ((pa.types.is_integer, "long"), (pa.types.is_floating, "double"), (pa.types.is_boolean, "boolean"))


def write_csv(extraction: Extraction, folder: Path, progress: bool = True) -> str:
    """Write the files into a new or empty folder; return the command that imports them while the server is stopped.

    The files get their final names once all are whole. Raises ExtractionError for an unfinished extraction, and
    LoadFailed if the folder is not empty or the disk refuses; the folder is then as before.
    """
    refuse_unfinished(extraction)
    made = tuple[Path, ...]()
    try:
        made = make_folder(folder)
        if any(folder.iterdir()):
            raise LoadFailed(f"{folder} is not empty. Name a new folder for the CSV files.")
        with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            options = _write(extraction, folder.absolute(), Path(unfinished), progress)
    except OSError as error:
        remove_empty(made)
        raise LoadFailed(
            f"The CSV files cannot be written to {folder}: {reason_of(error)}. "
            "Name a folder that you may write to, on a disk with room."
        ) from error
    return shlex.join(["neo4j-admin", "database", "import", "full", "neo4j", *options])


def _write(extraction: Extraction, folder: Path, unfinished: Path, progress: bool) -> list[str]:
    """Write the files into the folder `unfinished`, then move them. Returns the options that name the files."""
    model = {"id": extraction.manifest.model, "content": content(extraction), "complete": False, "annotations": 0}
    with _Files(folder, unfinished) as files:
        bar = tqdm(steps(extraction), desc=printable(extraction.manifest.model), unit=" tables", disable=not progress)
        for step in bar:
            match step:
                case Statement():  # the last one records the counts that the database must hold
                    model |= step.parameters.get("properties", {})
                case Nodes():
                    files.write("nodes", step.label, step.label, _nodes(step))
                case Relationships():
                    files.write("relationships", step.type, f"{step.source[0]}-{step.type}", _relationships(step))
        for kind, node in (("Model", model | {"loaded": files.rows}), ("Schema", {"id": SCHEMA, "version": VERSION})):
            files.write("nodes", kind, kind, _nodes(Nodes(kind, "id", pa.Table.from_pylist([node]))))
    for file in unfinished.iterdir():
        file.rename(folder / file.name)
    return files.options


class _Files:
    """Open CSV files, one for each kind of node or relationship, in the folder `unfinished`.

    `options` name the files as they will lie in the final folder; `rows` counts their rows.
    """

    def __init__(self, folder: Path, unfinished: Path) -> None:
        self._folder, self._unfinished = folder, unfinished
        self._open, self._writers = ExitStack(), dict[str, csv.CSVWriter]()
        self.rows, self.options = 0, list[str]()

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, option: str, kind: str, name: str, table: pa.Table) -> None:
        if not table.num_rows:
            return
        if name not in self._writers:
            file = f"{name}.csv"
            self._writers[name] = self._open.enter_context(csv.CSVWriter(self._unfinished / file, table.schema))
            self.options.append(f"--{option}={kind}={self._folder / file}")
        self._writers[name].write_table(table)
        self.rows += table.num_rows


def _nodes(step: Nodes) -> pa.Table:
    """Rename the columns so that their names give their types; the key becomes the ID among nodes of its label."""
    return _renamed(step.table, {step.key: f"{step.key}:ID({step.label})"})


def _relationships(step: Relationships) -> pa.Table:
    return _renamed(step.table, {"source": f":START_ID({step.source[0]})", "target": f":END_ID({step.target[0]})"})


def _renamed(table: pa.Table, names: dict[str, str]) -> pa.Table:
    columns = {names.get(name, f"{name}:{_type(table[name].type)}"): _flat(table[name]) for name in table.column_names}
    return pa.table(columns)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    return next((word for is_kind, word in _TYPES if is_kind(kind)), "string")


def _flat(column: Any) -> Any:
    """Convert a column to values that CSV can hold; a list is joined by semicolons, a float32 keeps its exact value."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column.cast(pa.list_(pa.string())), ";")
    return column.cast(pa.float64()) if pa.types.is_floating(column.type) else column
