"""Open a source of probes: a folder of pictures, WebDataset shards (tar files of samples), or a table.

Every iteration over a source gives the same probes in the same order; an image is loaded when it is shown. Pictures of
a concept are assigned to the discovery and the held-out split in turn; a table names each probe's split.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa

from extract.errors import ProbesError
from extract.folder.schemas import SCHEMAS
from extract.probes.folder_walk import ARCHIVES, walk
from extract.probes.picture_folder import PictureFolder
from extract.probes.probe import Probe, Source
from extract.probes.shards import Shards, is_shard, shards_in
from extract.probes.table import check, opened, read_columns
from extract.read_report import LeftOut

_ROWS = 256  # read from a table in one step


def source(place: str | Path) -> Source:
    """Open the source at a path: a folder of pictures, a folder of shards, one shard (.tar, .tgz), or a Parquet table.

    Raises ProbesError for a path of another kind, and NoShards for a shard that is damaged or holds no picture.
    """
    path = Path(place)
    if path.is_file() and not is_shard(path) and path.suffix.lower() in ARCHIVES:
        raise ProbesError(f"{path} is a kind of archive that is not read. Unpack it, or make a tar file of it.")
    if not path.is_dir():
        return Shards.at(path) if is_shard(path) else ProbeTable.read(path)
    archives = shards_in(path)
    if not archives:
        return PictureFolder.at(path)
    if picture := next((entry.name for entry in walk(path) if not entry.reason), None):
        raise ProbesError(
            f"{path} holds both the archive {archives[0].name} and pictures such as {picture}, so either could be the "
            "probes. Name the archive by itself, or move it to another folder."
        )
    return Shards.at(path)


@dataclass(frozen=True)
class ProbeTable:
    """A table as a source of probes; the images of a Parquet file are read a few hundred at a time."""

    facts: pa.Table  # all but the images
    batches: Callable[[], Iterable[pa.RecordBatch]]
    content: Callable[[], str]
    forgiving = False

    @classmethod
    def of(cls, table: pa.Table) -> "ProbeTable":
        """Wrap a table in memory. Raises ProbesError if a value is invalid."""
        check(table)
        return cls(table.drop(["image"]), partial(table.to_batches, max_chunksize=_ROWS), partial(_hashed, table))

    @classmethod
    def read(cls, file: Path) -> "ProbeTable":
        """Open a table in a Parquet file. Raises ProbesError if the file holds no such table, or an invalid value."""
        facts = read_columns(file, images=False)
        return cls(facts, partial(_row_batches, file), partial(_file_hash, file))

    @cached_property
    def digest(self) -> str:
        """The hash of all rows of a table in memory, or of the file."""
        return self.content()

    def __iter__(self) -> Iterator[Probe]:
        """Read the rows and yield a probe for each."""
        for batch in self.batches():
            for row in batch.to_pylist():
                image = row.pop("image")
                yield Probe(**row, load=partial(bytes, image or b""))

    def left_out(self) -> Iterable[LeftOut]:
        """Return nothing, because a table holds only probes."""
        return ()


def _row_batches(file: Path) -> Iterator[pa.RecordBatch]:
    schema = SCHEMAS["probes"]
    with opened(file) as stored:
        for batch in stored.iter_batches(_ROWS, columns=schema.names):
            yield from pa.Table.from_batches([batch]).select(schema.names).cast(schema).to_batches()


def _hashed(table: pa.Table) -> str:
    digest = hashlib.sha256()
    for batch in table.combine_chunks().to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()


def _file_hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
