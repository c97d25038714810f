"""Unpack a compressed shard to the disk.

Single pictures cannot be read from a compressed shard, and an unpacked one may not fit into memory.
"""

import io
import os
import tarfile
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from extract.errors import ProbesError
from extract.files import reason_of
from extract.probes.tar_members import Header, Read

_PART = 2**20  # bytes unpacked in one step


class UnpackedShard:
    """The unpacked bytes of a shard, in a temporary file that disappears when unused, however the process ends.

    All shards of a process share this file, because there may be more shards than a process may open files. Raises
    ProbesError if the disk has no room.
    """

    def __init__(self, file: Path, packed: tarfile.TarFile) -> None:
        source: Any = packed.fileobj
        source.seek(0)
        with _finding_room(file):
            self._room = _shared_room()
        with self._room.lock:
            self._first = self._end = self._room.end
            while part := source.read(_PART):
                with _finding_room(file):
                    self._end = self._room.write(part, self._end)
            self._room.end = self._end

    @contextmanager
    def opened(self) -> Iterator[tarfile.TarFile]:
        """Open the unpacked shard as a tar file."""
        with (
            io.BufferedReader(_Bytes(self.read)) as stream,
            tarfile.open(fileobj=stream, mode="r:", tarinfo=Header) as archive,
        ):
            yield archive

    def read(self, start: int, size: int) -> bytes:
        """Read at most `size` bytes of the shard, from the byte `start`; threads may read in parallel."""
        first = self._first + start
        return os.pread(self._room.descriptor, max(0, min(size, self._end - first)), first)


class _Room:
    """A temporary file without a name, so that the system removes the file even when the process is killed."""

    def __init__(self) -> None:
        stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open while a shard's bytes are in it)
        weakref.finalize(self, stream.close)
        self.descriptor, self.end, self.lock = stream.fileno(), 0, threading.Lock()

    def write(self, part: bytes, place: int) -> int:
        """Write the part at the place, and return the place where the part ends."""
        while part:
            written = os.pwrite(self.descriptor, part, place)
            place, part = place + written, part[written:]
        return place


class _Bytes(io.RawIOBase):
    """A stream over the bytes that a function such as `UnpackedShard.read` returns."""

    def __init__(self, read: Read) -> None:
        self._read, self._place = read, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._place = place + (self._place if whence == os.SEEK_CUR else 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        part = self._read(self._place, len(buffer))
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)


_rooms: "weakref.WeakSet[_Room]" = weakref.WeakSet()  # at most one, while a shard needs it
_choosing = threading.Lock()


def _shared_room() -> _Room:
    with _choosing:
        room = next(iter(_rooms), None) or _Room()
        _rooms.add(room)
        return room


@contextmanager
def _finding_room(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProbesError(
            f"{file} is compressed, and its content cannot be written to a temporary file: {reason_of(error)}. Make "
            "room in the folder for temporary files (TMPDIR), or unpack the shard."
        ) from error
