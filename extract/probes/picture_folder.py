"""A folder of pictures as a source of probes."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from extract.errors import ProbesError
from extract.probes.explicit_words import sensitive
from extract.probes.folder_walk import FolderEntry, readable, subfolders, walk
from extract.probes.pictures import SUFFIXES, load
from extract.probes.probe import Probe, Splits, concept_name
from extract.read_report import LeftOut, reasons

_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing", "dev"}


@dataclass(frozen=True)
class PictureFolder:
    """The pictures in a folder, at any depth.

    A picture's concept is the name of the first subfolder on its path, or of the folder itself. If the first subfolders
    are splits, such as train and val, the second subfolder gives the concept. Links are followed, and hidden files are
    left out.
    """

    path: Path
    forgiving = True

    @classmethod
    def at(cls, path: Path) -> "PictureFolder":
        """Open a folder. Raises ProbesError if it holds no picture file, or both splits and other subfolders."""
        folder = cls(path)
        if not folder._splits and len(mixed := _split_folders(path)) > 1:
            raise ProbesError(
                f"{path} holds {' and '.join(mixed)} beside other folders, so these could be splits or concepts. Name "
                "a folder with only one kind."
            )
        if next(folder._pictures(), None) is None:
            left_out = tuple(folder.left_out())
            raise ProbesError(
                f"{path} holds no picture{' to show, because ' if left_out else ''}{reasons(left_out)}. Put pictures "
                f"into it ({', '.join(sorted(SUFFIXES))}), in one subfolder per concept."
            )
        return folder

    @cached_property
    def digest(self) -> str:
        """The hash of the files' names and sizes."""
        digest = hashlib.sha256()
        for entry in self._pictures():
            digest.update(f"{entry.name} {_size(entry.path)}\n".encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Probe]:
        """Yield the pictures folder by folder, in the order of their names."""
        root = readable([self.path.resolve().name])
        splits = Splits()
        for entry in self._pictures():
            *folders, _ = entry.name.split("/")
            inner = folders[1:] if folders and folders[0] in self._splits else folders
            concept = concept_name(inner[0] if inner else root) or root
            split = splits.next(concept)
            yield Probe(entry.name, "picture", concept, root, split, sensitive(concept), partial(load, entry.path))

    def left_out(self) -> Iterator[LeftOut]:
        """Yield the files that are not pictures, and the folders that are not walked, with the reasons."""
        return (LeftOut(entry.name, entry.reason) for entry in walk(self.path) if entry.reason)

    def _pictures(self) -> Iterator[FolderEntry]:
        return (entry for entry in walk(self.path) if not entry.reason)

    @cached_property
    def _splits(self) -> frozenset[str]:
        """The names of the first subfolders if they are splits, else empty.

        They are splits if all are named as splits, and there are several of them, or the only one has subfolders.
        """
        folders = subfolders(self.path)
        names = _split_folders(self.path)
        is_split = len(names) == len(folders) and (len(names) > 1 or any(map(subfolders, folders)))
        return frozenset(names if is_split else ())


def _split_folders(path: Path) -> list[str]:
    return [readable([folder.name]) for folder in subfolders(path) if _is_split(folder.name)]


def _is_split(name: str) -> bool:
    """Check whether a folder's name is that of a split, such as val, Test, training_set or train2017."""
    return re.sub(r"[-_ ]?(set|\d{4})$", "", name.casefold()) in _SPLITS


def _size(file: Path) -> int | None:
    """Return a file's size in bytes, or None if the file cannot be read."""
    try:
        return file.stat().st_size
    except OSError:
        return None
