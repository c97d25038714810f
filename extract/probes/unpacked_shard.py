"""What a compressed shard holds, on the disk: its pictures cannot be looked up in it, and may not fit into memory."""

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
from extract.probes.shard_members import Header, Read

_PART = 2**20  # bytes unpacked at once


class UnpackedShard:
    """The bytes of a shard in a temporary file, which is gone once nothing needs it, however the process ends.

    All shards of a process share it: there may be more of them than it may have files open. Raises ProbesError where
    it finds no room.
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
        """It as a tar file."""
        with (
            io.BufferedReader(_Bytes(self.read)) as stream,
            tarfile.open(fileobj=stream, mode="r:", tarinfo=Header) as archive,
        ):
            yield archive

    def read(self, start: int, size: int) -> bytes:
        """So many of its bytes, from one on; threads may read at once."""
        first = self._first + start
        return os.pread(self._room.descriptor, max(0, min(size, self._end - first)), first)


class _Room:
    """A temporary file without a name, so that nothing of it stays when the process is killed."""

    def __init__(self) -> None:
        stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open while a shard's bytes are in it)
        weakref.finalize(self, stream.close)
        self.descriptor, self.end, self.lock = stream.fileno(), 0, threading.Lock()

    def write(self, part: bytes, place: int) -> int:
        """Write the part there, and return where it ends."""
        while part:
            written = os.pwrite(self.descriptor, part, place)
            place, part = place + written, part[written:]
        return place


class _Bytes(io.RawIOBase):
    """A stream over what `read` gives, as `UnpackedShard.read` does."""

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


_rooms: "weakref.WeakSet[_Room]" = weakref.WeakSet()  # one, while a shard needs it
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
            f"{file} is compressed, and what it holds cannot be written to a temporary file: {reason_of(error)}. Make "
            "room there (TMPDIR), or unpack the shard."
        ) from error
