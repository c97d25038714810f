"""Encode and read an extraction's files: Parquet for tables, safetensors for arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

from extract.errors import ExtractionError
from extract.files import check_open_files
from extract.folder.schemas import EARLIER_COLUMNS, SCHEMAS

Content = pa.Table | Mapping[str, np.ndarray]


def read_table(file: Path, table: str) -> pa.Table:
    """Read a file that holds rows of `table`, without columns that only earlier versions wrote.

    Raises ExtractionError if the file is damaged or has another schema.
    """
    schema, earlier = SCHEMAS[table], EARLIER_COLUMNS.get(table, set())
    try:
        stored = pq.read_table(file)
        known = stored.drop_columns([name for name in stored.column_names if name in earlier])
        rows = pa.concat_tables([schema.empty_table(), known], promote_options="default")  # a later column is null
    except (pa.ArrowException, OSError) as error:
        check_open_files(error)
        raise damaged(file) from error
    if not rows.schema.equals(schema):
        raise damaged(file)
    return rows


def encoded(name: str, content: Content) -> bytes:
    """Encode the content of a file, which is a table of its schema or named arrays."""
    return _parquet(name, content) if isinstance(content, pa.Table) else save(dict(content))


def _parquet(name: str, table: pa.Table) -> bytes:
    schema = SCHEMAS[name.partition(".parquet")[0]]
    plain = table.select(schema.names).cast(schema).replace_schema_metadata(schema.metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(plain, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def damaged(file: Path) -> ExtractionError:
    """Make the error for a file that is missing, cut short or altered."""
    return ExtractionError(
        f"{file} is missing, cut short or altered. Copy the folder again, or remove it and extract again."
    )
