"""What a compressed shard holds, on the disk: its pictures cannot be looked up in it, and may not fit into memory."""

import os
import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from extract.errors import ProbesError

_PART = 2**20  # bytes unpacked at once


class UnpackedShard:
    """The bytes of a shard in a temporary file, which is gone once nothing needs it.

    Raises ProbesError where they do not fit there.
    """

    def __init__(self, file: Path, packed: tarfile.TarFile) -> None:
        try:
            self._stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open while a probe may read it)
        except OSError as error:
            raise _no_room(file, error) from error
        weakref.finalize(self, self._stream.close)
        source: Any = packed.fileobj
        source.seek(0)
        while part := source.read(_PART):
            self._write(part, file)

    def _write(self, part: bytes, file: Path) -> None:
        try:
            while part:
                part = part[self._stream.write(part) :]
        except OSError as error:
            raise _no_room(file, error) from error

    @contextmanager
    def opened(self) -> Iterator[tarfile.TarFile]:
        """It as a tar file, for one at a time."""
        self._stream.seek(0)
        with tarfile.open(fileobj=self._stream, mode="r:") as archive:
            yield archive

    def read(self, start: int, size: int) -> bytes:
        """So many of its bytes, from one on; threads may read at once."""
        return os.pread(self._stream.fileno(), size, start)


def _no_room(file: Path, error: OSError) -> ProbesError:
    return ProbesError(
        f"{file} is compressed, and what it holds cannot be written to a temporary file: {error.strerror}. Make room "
        "there (TMPDIR), or unpack the shard."
    )
