"""The members of a shard: what they stand for, and their bytes, which are read when a picture is shown."""

import tarfile
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

from extract.errors import UnreadablePicture

Read = Callable[[int, int], bytes]  # so many bytes of the shard, from one on

_LARGEST_HEADER = 2**20  # bytes of a long name or of further attributes, which are read whole
_EXTENDED = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)


class Header(tarfile.TarInfo):
    """A member's header; ValueError for a size that no member has, and for a header that would fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
        """Read a header of 512 bytes."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in (*_EXTENDED, tarfile.SOLARIS_XHDTYPE) and header.size > _LARGEST_HEADER:
            raise header._refusal()
        return header._whole()

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "Header":
        """Read a member's header with what stands before it and in it: names, another size, a map of holes."""
        stream: Any = tarfile.fileobj
        tarfile.fileobj = _Bounded(stream)
        try:
            return super().fromtarfile(tarfile)._whole()
        finally:
            tarfile.fileobj = stream

    def _whole(self) -> "Header":
        if self.size < 0:  # tarfile would go back by it, for ever
            raise self._refusal()
        return self

    def _refusal(self) -> ValueError:
        return ValueError(f"the header of {self.name[:40]!r} tells a size of {self.size:,} bytes")


class _Bounded:
    """A stream of which a header may read so much and no more: a map of holes says itself how long it is."""

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
    """The members of a shard by name; at the first hard link it is read to its end, and not before."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def target(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        """The member that a hard link, as tar stores a doubled file, stands for; any other is its own."""
        return self._by_name.get(member.linkname.rstrip("/"), member) if member.islnk() else member

    @cached_property
    def _by_name(self) -> dict[str, tarfile.TarInfo]:
        return {member.name.rstrip("/"): member for member in self._archive.getmembers()}


def loader(member: tarfile.TarInfo, read: Read) -> Callable[[], bytes]:
    """What reads a member's bytes when it is called; UnreadablePicture for holes that do not fit into it."""
    parts: Any = member.sparse
    if parts is not None:
        return partial(_filled, read, tuple(parts), member.offset_data, member.size)
    return partial(read, member.offset_data, member.size)


def _filled(read: Read, parts: Iterable[tuple[int, int]], start: int, size: int) -> bytes:
    """The bytes of a file that is stored without its holes: its `parts` (place, length) stand one after another."""
    content = bytearray(size)
    for place, length in parts:
        if not 0 <= place <= place + length <= size:
            raise UnreadablePicture("its holes do not fit into it")
        content[place : place + length] = read(start, length).ljust(length, b"\0")
        start += length
    return bytes(content)
