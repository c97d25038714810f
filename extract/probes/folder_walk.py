"""Walk through a folder of pictures: links are followed, hidden files passed over, and what is left out is named."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from extract.files import check_open_files, reason_of
from extract.probes.pictures import SUFFIXES

ARCHIVES = {".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar"}
_UNREAD = {".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".ico"}
_UNREAD |= {".ppm", ".pgm", ".tga", ".exr", ".hdr", ".eps", ".pdf", ".dcm", ".npy", ".mp4", ".mov", ".webm"}
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "@eadir", "lost+found"}


@dataclass(frozen=True)
class FolderEntry:
    """A file or a folder that is not looked into; `reason` says why it is no picture to show, and is empty for one."""

    path: Path
    name: str  # relative to the folder walked, with / between
    reason: str


def walk(root: Path) -> Iterator[FolderEntry]:
    """Every file below a folder: its own first, then those of its subfolders, each in the order of their names.

    A folder that several links lead to is walked once, and a link to one that lies below `root` is left to its place.
    """
    folders, walked = [root], set[Path]()
    while folders:
        folder = folders.pop()
        if reason := _reason_against_folder(folder, root, walked):
            yield _entry(root, folder, reason)
            continue
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            yield _entry(root, folder, f"it cannot be read: {reason_of(error)}")
            continue
        below = {path for path in inside if not is_hidden(path.name) and is_folder(path)}
        for path in inside:
            if path not in below:
                yield _entry(root, path, reason_against(path))
        folders += sorted(below, reverse=True)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder that `walk` looks into, links too, in the order of their names."""
    try:
        return sorted(path for path in folder.iterdir() if is_folder(path) and not is_hidden(path.name))
    except OSError as error:
        check_open_files(error)
        return []


def is_folder(path: Path) -> bool:
    """Whether there is a folder that can be seen."""
    try:
        return path.is_dir()
    except OSError:  # a folder above it may not be read, or a link's name is too long
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file that can be seen."""
    try:
        return path.is_file()
    except OSError:  # as above
        return False


def is_hidden(name: str) -> bool:
    """Whether a file or folder is for a program and not for people, such as .ipynb_checkpoints or __MACOSX."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def reason_against(path: Path) -> str:
    """Say why a path is no picture to show; nothing for one that may be."""
    if is_hidden(path.name):
        return "it is hidden"
    if is_file(path):
        suffix = path.suffix.lower()
        return "" if suffix in SUFFIXES else reason_against_suffix(suffix)
    if is_folder(path):
        return "it is a folder"
    try:
        path.stat()
    except OSError as error:
        return f"it {_unseen(path, error)}: {reason_of(error)}"
    return "it is a pipe or a device"


def _unseen(path: Path, error: OSError) -> str:
    if not os.path.islink(path):  # noqa: PTH114, which raises no error where the folder may not be searched
        return "cannot be read"
    nowhere = isinstance(error, FileNotFoundError)
    return "is a link that leads nowhere" if nowhere else "is a link that cannot be followed"


def reason_against_suffix(suffix: str) -> str:
    """Say why files of this suffix are not read."""
    if suffix in ARCHIVES:
        return "it is an archive: unpack it, or give it by itself"
    if suffix == ".parquet":
        return "it is a table, to be given by itself"
    return f"{suffix[1:].upper()} is not read: convert it to PNG or JPEG" if suffix in _UNREAD else "it is no picture"


def readable(parts: Iterable[str]) -> str:
    """The parts of a path with / between; bytes that are no UTF-8 are written as their numbers, so it can be stored."""
    return os.fsencode("/".join(parts)).decode(errors="backslashreplace")


def _entry(root: Path, path: Path, reason: str) -> FolderEntry:
    return FolderEntry(path, readable(path.relative_to(root).parts), reason)


def _reason_against_folder(folder: Path, root: Path, walked: set[Path]) -> str:
    """Say why a folder is not walked in this place; remember one that is."""
    real, top = folder.resolve(), root.resolve()
    if real != top and top.is_relative_to(real):
        return "it is a link to a folder that holds this one"
    if folder != root and folder.is_symlink() and real.is_relative_to(top):
        plain = not any(map(is_hidden, real.relative_to(top).parts))
    else:
        plain = False
    if plain or real in walked:
        return "it is a link to a folder that is read in another place"
    walked.add(real)
    return ""
