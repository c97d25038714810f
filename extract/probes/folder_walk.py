"""Walk through a folder of pictures; links are followed, and every file or folder that is left out gets a reason."""

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
    """A file, or a folder that is not walked; `reason` says why the entry is left out (empty: a picture to show)."""

    path: Path
    name: str  # relative to the walked folder, with / between parts
    reason: str


def walk(root: Path) -> Iterator[FolderEntry]:
    """Yield every file below a folder, and every folder that is not walked.

    A folder's own files come first, then those of its subfolders, each in the order of their names. A folder with
    several links to it is walked once. A link to a folder below `root` is not followed, because that folder is walked
    anyway.
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
    """List the subfolders that `walk` searches, including links to folders, in the order of their names."""
    try:
        return sorted(path for path in folder.iterdir() if is_folder(path) and not is_hidden(path.name))
    except OSError as error:
        check_open_files(error)
        return []


def is_folder(path: Path) -> bool:
    """Check whether a path is a folder; False if the system does not tell."""
    try:
        return path.is_dir()
    except OSError:  # a folder above it may not be read, or a link's name is too long
        return False


def is_file(path: Path) -> bool:
    """Check whether a path is a file; False if the system does not tell."""
    try:
        return path.is_file()
    except OSError:  # as above
        return False


def is_hidden(name: str) -> bool:
    """Check whether a name is that of a program's file or folder, such as .ipynb_checkpoints or __MACOSX."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def reason_against(path: Path) -> str:
    """Write why a path is not a picture to show; empty for a path that may be one."""
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
    """Write why files of this suffix are not read."""
    if suffix in ARCHIVES:
        return "it is an archive: unpack it, or name it by itself"
    if suffix == ".parquet":
        return "it is a table, which must be named by itself"
    if suffix in _UNREAD:
        return f"{suffix[1:].upper()} is not read: convert it to PNG or JPEG"
    return "it is not a picture"


def readable(parts: Iterable[str]) -> str:
    """Join the parts of a path with /; bytes that are not UTF-8 become numbers, so that the text can be stored."""
    return os.fsencode("/".join(parts)).decode(errors="backslashreplace")


def _entry(root: Path, path: Path, reason: str) -> FolderEntry:
    return FolderEntry(path, readable(path.relative_to(root).parts), reason)


def _reason_against_folder(folder: Path, root: Path, walked: set[Path]) -> str:
    """Write why a folder is not walked in this place; for a folder to walk, add it to `walked` and return nothing."""
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
