"""Read and check tables of probes, the images shown to a network.

A table assigns each probe to one of two splits. Top probes are found on the discovery probes of the concepts, and units
are tested on the held-out probes.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from extract.demo import PROBES
from extract.errors import ProbesError
from extract.files import reason_of, refuse_pipe
from extract.folder.schemas import SCHEMAS
from extract.probes.pictures import opaque, reading_probe
from extract.unique_names import doubles_refused, refuse_doubled

VALUES = {"modality": ("picture", "word"), "split": ("discovery", "held-out")}


def read(file: Path = PROBES) -> pa.Table:
    """Read a table of probes from Parquet, by default the demo's emoji and words.

    Raises ProbesError for a file that is not such a table, for a missing or unknown value, and for a repeated id.
    """
    return read_columns(file, images=True)


def read_columns(file: Path, images: bool) -> pa.Table:
    """Read a table of probes from Parquet, with or without its images. Raises the errors of `read`."""
    schema = SCHEMAS["probes"]
    names = schema.names if images else schema.names[:-1]
    try:
        with opened(file) as stored, doubles_refused(ProbesError, f"In {file}"):
            refuse_doubled(stored.schema_arrow.names, "column")
            stored.schema_arrow.empty_table().select(schema.names).cast(schema)  # checks the type of the images, too
            table = stored.read(names).select(names).cast(pa.schema(list(schema)[: len(names)]))
    except OSError as error:
        raise ProbesError(
            f"{file} cannot be read: {reason_of(error)}. Name a folder of pictures, WebDataset shards or a table."
        ) from error
    except (KeyError, pa.ArrowException) as error:
        raise ProbesError(
            f"{file} is not a table of probes ({error}). Give a Parquet file with the columns "
            f"{', '.join(schema.names)}."
        ) from error
    return check(table)


@contextmanager
def opened(file: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, even if its name is not UTF-8. Raises OSError."""
    refuse_pipe(file)
    with file.open("rb") as stream:
        yield pq.ParquetFile(stream)


def check(table: pa.Table) -> pa.Table:
    """Return the table if it holds a probe and every value is valid. Raises ProbesError otherwise."""
    nulls = {name: table[name].null_count for name in table.column_names}
    wrong = [f"{name} is missing in {count} rows" for name, count in nulls.items() if count]
    wrong += [f"{name} is empty in a row" for name in ("id", "concept") if "" in pc.unique(table[name]).to_pylist()]
    for name, allowed in VALUES.items():
        unknown = {value for value in pc.unique(table[name]).to_pylist() if value and value not in allowed}
        wrong += [f"{name} is {value!r}, but only {' and '.join(allowed)} are allowed" for value in sorted(unknown)]
    if pc.count_distinct(table["id"]).as_py() < table.num_rows:
        ((twice, _),) = Counter(table["id"].to_pylist()).most_common(1)
        wrong.append(f"the id {twice!r} occurs twice")
    if wrong or not table.num_rows:
        raise ProbesError(f"These probes cannot be used: {'; '.join(wrong) or 'there are none'}. Correct the table.")
    return table


def images(table: pa.Table) -> Iterator[Image.Image]:
    """Decode the probes' images one by one, in order, as RGB. Raises ProbesError for an image that cannot be read."""
    for part in table.select(["id", "image"]).to_batches(max_chunksize=1):
        for row in part.to_pylist():
            with reading_probe(row["id"]):
                image = opaque(row["image"])
            yield image
