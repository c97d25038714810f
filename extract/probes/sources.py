"""Sources of probes: a folder of pictures, WebDataset shards, or a table, read one probe at a time.

Every iteration over a source gives the same probes in the same order; an image is loaded when it is shown. A concept's
pictures go to the discovery and the held-out split by turns.
"""

import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import NoShards, ProbesError
from extract.folder.schemas import SCHEMAS
from extract.probes.explicit_words import sensitive
from extract.probes.pictures import SUFFIXES
from extract.probes.table import VALUES, check, read_columns


@dataclass(frozen=True)
class Probe:
    """An image to show; `load` reads its encoded bytes."""

    id: str
    modality: str
    concept: str
    source: str
    split: str
    sensitive: bool
    load: Callable[[], bytes]


class Source(Protocol):
    """Probes in a fixed order; `digest` identifies the source."""

    forgiving: bool  # skip an image that cannot be read instead of raising an error

    @property
    def digest(self) -> str:
        """A hash of the probes."""

    def __iter__(self) -> Iterator[Probe]:
        """The probes, from the first."""


def source(place: str | Path) -> Source:
    """Open the source at a path: a folder of pictures, a folder of shards or one shard (.tar), or a Parquet table.

    Raises ProbesError for a path that is none of these, NoShards for a file that is no shard.
    """
    path = Path(place)
    if path.is_dir():
        return Shards.at(path) if any(path.glob("*.tar")) else PictureFolder.at(path)
    return Shards.at(path) if path.suffix == ".tar" else ProbeTable.read(path)


@dataclass(frozen=True)
class ProbeTable:
    """A table of probes; images of a Parquet file are read a few hundred at a time."""

    facts: pa.Table  # all but the images
    batches: Callable[[], Iterable[pa.RecordBatch]]
    content: Callable[[], str]
    forgiving = False

    @classmethod
    def of(cls, table: pa.Table) -> "ProbeTable":
        """Wrap a table in memory; ProbesError if a value is invalid."""
        check(table)
        return cls(table.drop(["image"]), partial(table.to_batches, max_chunksize=_ROWS), partial(_hashed, table))

    @classmethod
    def read(cls, file: Path) -> "ProbeTable":
        """Open a table in a Parquet file; ProbesError if it is none, or a value is invalid."""
        facts = read_columns(file, images=False)
        return cls(facts, partial(_row_batches, file), partial(_file_hash, file))

    @cached_property
    def digest(self) -> str:
        """The hash of all rows, or of the file."""
        return self.content()

    def __iter__(self) -> Iterator[Probe]:
        """Read the rows, a probe each."""
        for batch in self.batches():
            for row in batch.to_pylist():
                image = row.pop("image")
                yield Probe(**row, load=partial(bytes, image or b""))


@dataclass(frozen=True)
class PictureFolder:
    """The pictures in a folder at any depth; the concept is the name of the first subfolder, or of the folder."""

    path: Path
    forgiving = True

    @classmethod
    def at(cls, path: Path) -> "PictureFolder":
        """Open a folder; ProbesError if it holds no picture file."""
        folder = cls(path)
        if next(iter(folder._files()), None) is None:
            raise ProbesError(
                f"{path} holds no picture. Put some into it ({', '.join(sorted(SUFFIXES))}), into one subfolder a "
                "concept."
            )
        return folder

    @cached_property
    def digest(self) -> str:
        """The hash of the files' names and sizes."""
        return _digest(f"{name} {_size(self.path / name)}" for name in self._files())

    def __iter__(self) -> Iterator[Probe]:
        """List the pictures folder by folder, in the order of their names."""
        root = self.path.resolve().name
        splits = _Splits()
        for name in self._files():
            first, _, rest = name.partition("/")
            concept = first if rest else root
            yield Probe(
                name, "picture", concept, root, splits.next(concept), sensitive(concept), (self.path / name).read_bytes
            )

    def _files(self) -> Iterator[str]:
        for folder, inside, files in os.walk(self.path):
            inside.sort()
            for file in sorted(files):
                if Path(file).suffix.lower() in SUFFIXES:
                    yield (Path(folder) / file).relative_to(self.path).as_posix()


@dataclass(frozen=True)
class Shards:
    """WebDataset shards: tar files of samples, each a picture and optionally its concept as `cls` or `txt`.

    A sample's id is its shard's name and its key. A sample without a concept gets the key's folder or the shard's name.
    """

    files: tuple[Path, ...]
    forgiving = True

    @classmethod
    def at(cls, path: Path) -> "Shards":
        """Open one shard, or all of a folder; NoShards for a file that is none, or if no sample has a picture."""
        shards = cls(tuple(sorted(path.glob("*.tar"))) if path.is_dir() else (path,))
        for file in shards.files:
            _check_shard(file)
        if next(iter(shards), None) is None:
            raise NoShards(f"{path} holds no sample with a picture. Name pictures KEY.jpg, KEY.png or KEY.webp in it.")
        return shards

    @cached_property
    def digest(self) -> str:
        """The hash of the files' names and sizes."""
        return _digest(f"{file.name} {file.stat().st_size}" for file in self.files)

    def __iter__(self) -> Iterator[Probe]:
        """Read the samples, shard by shard."""
        splits = _Splits()
        for file in self.files:
            for sample in _samples(file):
                image = next((data for kind, data in sample.items() if f".{kind}".lower() in SUFFIXES), None)
                if image is None:
                    continue
                key, concept = sample["__key__"], _concept(sample, file.stem)
                split, load = splits.next(concept), partial(bytes, image)
                yield Probe(f"{file.stem}/{key}", "picture", concept, file.stem, split, sensitive(concept), load)


_ROWS = 256  # read from a table at once


def _size(file: Path) -> int | None:
    """Bytes of a file; None of one that cannot be read, such as a link that leads nowhere."""
    try:
        return file.stat().st_size
    except OSError:
        return None


class _Splits:
    """Assign discovery and held-out by turns, concept by concept."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def next(self, concept: str) -> str:
        self._seen[concept] += 1
        return VALUES["split"][(self._seen[concept] - 1) % 2]


def _row_batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(file).iter_batches(_ROWS, columns=SCHEMAS["probes"].names)


def _check_shard(file: Path) -> None:
    try:
        with tarfile.open(file) as archive:
            archive.next()
    except (OSError, tarfile.TarError) as error:
        raise _no_shard(file, error) from error


def _samples(file: Path) -> Iterator[dict[str, Any]]:
    from webdataset.tariterators import group_by_keys, tar_file_expander  # of the extra, and only shards need it

    try:
        with file.open("rb") as stream:
            yield from group_by_keys(tar_file_expander([{"url": str(file), "stream": stream}]))
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        raise _no_shard(file, error) from error


def _no_shard(file: Path, error: Exception) -> NoShards:
    return NoShards(
        f"{file} is no whole WebDataset shard ({error.args[0] if error.args else error}). Usually it was cut short, or "
        "is no tar file: make or fetch it again."
    )


def _concept(sample: dict[str, Any], shard: str) -> str:
    concept = sample.get("cls", sample.get("txt"))
    if concept is not None:
        return str(concept.decode(errors="replace").strip())
    return str(sample["__key__"]).rpartition("/")[0].partition("/")[0] or shard


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _hashed(table: pa.Table) -> str:
    digest = hashlib.sha256()
    for batch in table.combine_chunks().to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            digest.update(repr(sorted(row.items())).encode())
    return digest.hexdigest()


def _file_hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
