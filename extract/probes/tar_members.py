"""Read the members of a shard (a tar file of samples): headers first, a picture's bytes only when it is shown."""

import tarfile
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

from extract.errors import UnreadablePicture

Read = Callable[[int, int], bytes]  # from a start and a size to these bytes of the shard

_LARGEST_HEADER = 2**20  # bytes of a long name or of further attributes, which tarfile reads whole
_EXTENDED = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)


class Header(tarfile.TarInfo):
    """A member's header, which raises ValueError for an impossible size or if it would exhaust the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
        """Read a header of 512 bytes."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in (*_EXTENDED, tarfile.SOLARIS_XHDTYPE) and header.size > _LARGEST_HEADER:
            raise header._refusal()
        return header._whole()

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "Header":
        """Read a member's header with its extensions, such as a long name, another size, or a map of holes."""
        stream: Any = tarfile.fileobj
        tarfile.fileobj = _Bounded(stream)
        try:
            return super().fromtarfile(tarfile)._whole()
        finally:
            tarfile.fileobj = stream

    def _whole(self) -> "Header":
        if self.size < 0:  # tarfile would go back by this size again and again
            raise self._refusal()
        return self

    def _refusal(self) -> ValueError:
        return ValueError(f"the header of {self.name[:40]!r} gives a size of {self.size:,} bytes")


class _Bounded:
    """A stream that limits how much one header reads, because a map of holes sets its own length."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._left = stream, 2 * _LARGEST_HEADER

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"a header is larger than {2 * _LARGEST_HEADER:,} bytes")
        data: bytes = self._stream.read(size)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Members:
    """The members of a shard by name; the shard is read to its end only when the first hard link needs it."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def target(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        """Return the member that a hard link points to, or the member itself if it is not a hard link.

        tar stores a repeated file as a hard link.
        """
        return self._by_name.get(member.linkname.rstrip("/"), member) if member.islnk() else member

    @cached_property
    def _by_name(self) -> dict[str, tarfile.TarInfo]:
        return {member.name.rstrip("/"): member for member in self._archive.getmembers()}


def loader(member: tarfile.TarInfo, read: Read) -> Callable[[], bytes]:
    """Return a function that reads a member's bytes when called.

    The function raises UnreadablePicture if the holes of a sparse member do not fit into its size.
    """
    parts: Any = member.sparse
    if parts is not None:
        return partial(_filled, read, tuple(parts), member.offset_data, member.size)
    return partial(read, member.offset_data, member.size)


def _filled(read: Read, parts: Iterable[tuple[int, int]], start: int, size: int) -> bytes:
    """Read a file that is stored without its holes, and fill the holes with zeros.

    The `parts` (place, length) of the file are stored one after another. Raises UnreadablePicture if they do not fit.
    """
    content = bytearray(size)
    for place, length in parts:
        if not 0 <= place <= place + length <= size:
            raise UnreadablePicture("its parts do not fit into it")
        content[place : place + length] = read(start, length).ljust(length, b"\0")
        start += length
    return bytes(content)
