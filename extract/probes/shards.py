"""WebDataset shards as a source of probes; a shard is a tar file of samples, which may be compressed.

Python's tarfile stops silently at a damaged header, and so does WebDataset's own reader, which also ignores names with
a dot. So all headers of a shard are read first, and every member is either a probe, a probe's label, or left out with a
reason.
"""

import hashlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from errno import EINVAL
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from extract.errors import NoShards
from extract.files import reason_of, refuse_pipe
from extract.probes.explicit_words import sensitive
from extract.probes.folder_walk import is_file, is_hidden, readable, reason_against_suffix, walk
from extract.probes.pictures import LARGEST_FILE, SUFFIXES
from extract.probes.probe import Probe, Splits
from extract.probes.shard_concepts import LABELS, concept, label_of, stem_of, webdataset_key
from extract.probes.tar_members import Header, Members, Read, loader
from extract.probes.unpacked_shard import UnpackedShard
from extract.read_report import LeftOut, reasons
from extract.unique_names import Doubled, doubles_refused, refuse_doubled

_LARGEST_LABEL = 2**20  # bytes
_DAMAGE = (OSError, EOFError, ValueError, OverflowError, RecursionError, zlib.error, lzma.LZMAError, tarfile.TarError)
_SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_shard(file: Path) -> bool:
    """Check whether a file's name is that of a shard, compressed or not."""
    return file.name.lower().endswith(_SHARDS)


def shards_in(folder: Path) -> tuple[Path, ...]:
    """List the shards of a folder, in the order of their names. Raises NoShards if the folder cannot be read."""
    try:
        files = sorted(filter(is_shard, folder.iterdir()))
    except OSError as error:
        raise _unreadable(folder, error) from error
    return tuple(file for file in files if is_file(file) and not is_hidden(file.name))


@dataclass(frozen=True)
class Shards:
    """WebDataset shards, whose samples are pictures, each optionally with its concept as `cls`, `json` or `txt`.

    A sample's id is the shard's name and the picture's name, both without suffix. The concept of a sample without a
    label is the first folder of its name or, without a folder, the shard's name.
    """

    files: tuple[Path, ...]
    unused: tuple[LeftOut, ...] = ()
    hard_links: bool = False  # whether any member is a hard link
    forgiving = True

    @classmethod
    def at(cls, path: Path) -> "Shards":
        """Open one shard, or all shards of a folder.

        Raises NoShards for a file that is not a whole shard, and if no shard holds a picture.
        """
        files = shards_in(path) if path.is_dir() else (path,)
        with doubles_refused(NoShards, f"In {path}"):
            refuse_doubled(map(_name_of, files), "name of a shard")
        indexes = [_indexed(file) for file in files]
        beside = [entry for entry in walk(path) if entry.path not in files] if path.is_dir() else []
        unused = [LeftOut(entry.name, entry.reason or "it is not a shard") for entry in beside]
        unused += [each for index in indexes for each in index.left_out]
        if not any(index.pictures for index in indexes):
            because = f", because {reasons(tuple(unused))}" if unused else ""
            raise NoShards(
                f"{path} holds no sample with a picture{because}. Name pictures KEY.jpg, KEY.png or KEY.webp in it."
            )
        return cls(files, tuple(unused), any(index.hard_links for index in indexes))

    @cached_property
    def digest(self) -> str:
        """The hash of the files' names and sizes.

        The hash differs for shards with hard links, because an earlier version did not read hard links.
        """
        digest = hashlib.sha256(b"hard links\n" if self.hard_links else b"")
        for file in self.files:
            digest.update(f"{readable([file.name])} {file.stat().st_size}\n".encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Probe]:
        """Yield the samples, shard by shard."""
        splits = Splits()
        for file in self.files:
            with _opened(file) as packed:
                unpacked = None if isinstance(packed.fileobj, io.BufferedReader) else UnpackedShard(file, packed)
                with nullcontext(packed) if unpacked is None else unpacked.opened() as archive:
                    read = partial(_read, file) if unpacked is None else unpacked.read
                    yield from _probes(file, archive, read, splits)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return members that are neither a picture nor a picture's label, and files that are not shards."""
        return self.unused


@dataclass(frozen=True)
class _Index:
    """The index of a shard: its pictures by name, its labels by stem and suffix, and the members that are left out."""

    pictures: dict[str, str]  # from name to stem, which is the name without its last suffix
    labels: dict[tuple[str, str], str]
    left_out: list[LeftOut] = field(default_factory=list)
    hard_links: bool = False

    @classmethod
    def of(cls, file: Path, archive: tarfile.TarFile) -> "_Index":
        """Read a shard's headers and labels. Raises NoShards for a damaged shard, or for a repeated name or sample."""
        pictures, labels, others = dict[str, str](), dict[str, str](), list[LeftOut]()
        names, hard_links = list[str](), False
        members = Members(archive)
        for member in archive:
            name, target = _name(member), members.target(member)
            names += [] if member.isdir() else [name]
            hard_links |= member.islnk()
            if reason := _reason_against(target, name):
                others.append(LeftOut(name, reason))
            elif name.lower().endswith(LABELS):
                labels[name] = label_of(name, _content(archive, target))
            elif not member.isdir():
                pictures[name] = stem_of(name)
        _check_end(file, archive)
        with doubles_refused(NoShards, f"In {file}"):
            refuse_doubled(names, "member")
            _refuse_doubled_pictures(pictures)
        used = {key for stem in pictures.values() for key in (stem, webdataset_key(stem))}
        owned = {name: label for name, label in labels.items() if stem_of(name) in used}
        others += [LeftOut(name, "it belongs to no picture") for name in labels if name not in owned]
        others += [LeftOut(name, "it holds no label") for name, label in owned.items() if not label]
        known = {(stem_of(name), Path(name).suffix.lower()): label for name, label in labels.items() if label}
        left_out = [LeftOut(f"{readable([file.name])}/{each.name}", each.reason) for each in others]
        return cls(pictures, known, left_out, hard_links)


def _refuse_doubled_pictures(pictures: dict[str, str]) -> None:
    """Raise Doubled, which names both pictures, if a sample has two pictures."""
    first = dict[str, str]()
    for name, stem in pictures.items():
        if (other := first.setdefault(stem, name)) != name:
            raise Doubled(f"the sample {stem!r} has two pictures, {other!r} and {name!r}")


def _indexed(file: Path) -> _Index:
    with _opened(file) as archive:
        return _Index.of(file, archive)


def _probes(file: Path, archive: tarfile.TarFile, read: Read, splits: Splits) -> Iterator[Probe]:
    """Yield the probes of a shard; `read` takes a start and a size, and returns these bytes of the shard."""
    index, members, shard = _Index.of(file, archive), Members(archive), _name_of(file)
    for member in archive:
        if (name := _name(member)) not in index.pictures:
            continue
        stem = stem_of(name)
        own = concept(index.labels, stem, shard)
        load = loader(members.target(member), read)
        yield Probe(f"{shard}/{stem}", "picture", own, shard, splits.next(own), sensitive(own), load)


def _name_of(file: Path) -> str:
    suffix = max((end for end in _SHARDS if file.name.lower().endswith(end)), key=len, default=file.suffix)
    return readable([file.name[: -len(suffix)] if suffix else file.name])


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        refuse_pipe(file)
        with tarfile.open(file, tarinfo=Header) as archive:
            yield archive
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):  # the system's, not the content's
            raise _unreadable(file, error) from error
        raise _no_shard(file, _defect(file, error), "Make or fetch it again.") from error


def _defect(file: Path, error: Exception) -> str:
    if not file.stat().st_size:
        return "it is empty"
    reason = str(error).partition("\n")[0]  # ends in a colon if every reader of tarfile's failed
    return "it is not a tar file" if reason.endswith(":") else reason


def _check_end(file: Path, archive: tarfile.TarFile) -> None:
    """Raise NoShards unless the shard's end follows the last member that tarfile read.

    The check is needed because tarfile takes a damaged header for the end.
    """
    stream: Any = archive.fileobj
    stream.seek(archive.offset)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise _no_shard(file, "it has no end, so it may be cut short", "Make or fetch it again.")
    if any(block):
        raise _no_shard(file, f"the header at byte {archive.offset:,} is damaged", "Make or fetch it again.")
    while part := stream.read(2**20):
        if part.strip(b"\0"):
            raise _no_shard(
                file,
                "bytes follow its end, as when tar files are joined by cat",
                "Join tar files with tar --concatenate, or name them one by one.",
            )


def _unreadable(place: Path, error: OSError) -> NoShards:
    return NoShards(f"{place} cannot be read: {reason_of(error)}. Name one that you may read.")


def _no_shard(file: Path, defect: str, way_out: str) -> NoShards:
    return NoShards(f"{file} is not a complete WebDataset shard: {defect}. {way_out}")


def _reason_against(member: tarfile.TarInfo, name: str) -> str:
    if any(is_hidden(part) for part in name.split("/") if part != ".."):
        return "" if member.isdir() else "it is hidden"
    is_label, suffix = name.lower().endswith(LABELS), Path(name).suffix.lower()
    if member.isdir() or (is_label and not member.isfile()):
        return ""
    if not member.isfile():
        return "it is a link or a device"
    if not is_label and suffix not in SUFFIXES:
        return reason_against_suffix(suffix)
    most = _LARGEST_LABEL if is_label else LARGEST_FILE
    return f"it is too large: {member.size:,} bytes, where {most:,} are read" if member.size > most else ""


def _name(member: tarfile.TarInfo) -> str:
    return readable(part for part in member.name.split("/") if part not in ("", "."))


def _read(file: Path, start: int, size: int) -> bytes:
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(size)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Read a label's bytes; empty if the member is not a file."""
    stream = archive.extractfile(member) if member.isfile() else None
    return stream.read() if stream else b""
