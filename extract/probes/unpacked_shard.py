"""What a compressed shard holds, on the disk: its pictures cannot be looked up in it, and may not fit into memory."""

import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from extract.errors import ProbesError
from extract.probes.shard_members import Header

_PART = 2**20  # bytes unpacked at once


class UnpackedShard:
    """The bytes of a shard in a temporary file, which is gone once nothing needs it.

    It is opened for each picture: a process may hold probes of more shards than it may have files open. Raises
    ProbesError where it finds no room.
    """

    def __init__(self, file: Path, packed: tarfile.TarFile) -> None:
        with _finding_room(file):
            descriptor, path = tempfile.mkstemp()
        self._path = Path(path)
        weakref.finalize(self, self._path.unlink, missing_ok=True)
        source: Any = packed.fileobj
        source.seek(0)
        with open(descriptor, "wb", buffering=0) as stream:  # noqa: PTH123, which is open already
            while part := source.read(_PART):
                with _finding_room(file):
                    _write(stream, part)

    @contextmanager
    def opened(self) -> Iterator[tarfile.TarFile]:
        """It as a tar file."""
        with tarfile.open(self._path, "r:", tarinfo=Header) as archive:
            yield archive

    def read(self, start: int, size: int) -> bytes:
        """So many of its bytes, from one on; threads may read at once."""
        with self._path.open("rb") as stream:
            stream.seek(start)
            return stream.read(size)


def _write(stream: FileIO, part: bytes) -> None:
    while part:
        part = part[stream.write(part) :]


@contextmanager
def _finding_room(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProbesError(
            f"{file} is compressed, and what it holds cannot be written to a temporary file: {error.strerror}. Make "
            "room there (TMPDIR), or unpack the shard."
        ) from error
