"""Read whole files, never leave a file half written, and keep two processes from writing the same file.

For Linux and macOS.
"""

import fcntl
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EMFILE, ENAMETOOLONG, ENFILE, ESPIPE
from itertools import takewhile
from pathlib import Path

from extract.errors import CircuitsError, TooManyFiles, UnreachablePath
from extract.printable import printable

_LARGEST = 1 << 28  # bytes of a file that is read as a whole
_TOO_MANY = tuple(map(os.strerror, (EMFILE, ENFILE)))


def reason_of(refusal: Exception) -> str:
    """Say why the system refuses a file. Raises TooManyFiles."""
    check_open_files(refusal)
    return getattr(refusal, "strerror", None) or str(refusal)


def check_open_files(refusal: Exception) -> None:
    """Raise TooManyFiles if the system refused a file because too many files are open.

    Some libraries pass on only the system's message, without the error number, so the message is compared, too.
    """
    if getattr(refusal, "errno", None) in (EMFILE, ENFILE) or any(words in str(refusal) for words in _TOO_MANY):
        raise TooManyFiles(
            "Too many files are open. Allow this process more with `ulimit -n 4096`, or close other programs, and try "
            "again."
        ) from refusal


def at_home(path: Path | str) -> Path:
    """Return a path with the home folder in place of a leading tilde.

    Raises UnreachablePath for a path whose name no file can have, or inside a folder that may not be searched.
    """
    place = Path(os.path.expanduser(path))  # noqa: PTH111, which keeps the tilde of an unknown user
    try:
        place.lstat()
    except (OSError, ValueError) as error:  # ValueError for the character NUL
        if getattr(error, "errno", ENAMETOOLONG) in (ENAMETOOLONG, EACCES):
            raise UnreachablePath(
                f"The path {printable(str(path), 60)} cannot be used: {reason_of(error)}. Name another."
            ) from error
    return place


def is_absent(file: Path) -> bool:
    """Check whether a file is absent; False if the system does not tell, because reading the file will then say why."""
    try:
        return not file.is_file()
    except OSError:
        return False


def refuse_pipe(path: Path) -> None:
    """Raise OSError for a pipe or a device, which cannot be read twice, and may never end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(ESPIPE, "it is a pipe or a device")


def make_folder(folder: Path, mode: int = 0o777) -> tuple[Path, ...]:
    """Make a folder and its missing parents, and return all that were made, the innermost first. Raises OSError."""
    missing = tuple(takewhile(lambda place: not place.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except FileExistsError as error:
        remove_empty(missing)
        raise FileExistsError(error.errno, "a file, or a link that leads nowhere, has this name") from error
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the empty ones of the folders that `make_folder` returned."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def replace_file(
    path: Path, data: bytes, error: type[CircuitsError], advice: str = "Choose another place.", parents: bool = False
) -> None:
    """Write data to a temporary file and rename that file, so that no file is ever half written.

    A link stays, and the file that the link points to is replaced. Pipes and devices, such as /dev/stdout, are written
    directly. `parents` makes missing parent folders. If the disk refuses, raises `error` with a message that ends with
    the advice, and leaves no new file or folder.
    """
    temporary, made = path.with_name(f"{path.name}.tmp"), tuple[Path, ...]()
    try:
        if parents:
            made = make_folder(path.parent)
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_bytes(data)
        else:
            target = path.resolve()
            temporary = target.with_name(f"{target.name}.tmp")
            temporary.write_bytes(data)
            temporary.replace(target)
    except (OSError, ValueError) as refusal:  # ValueError for a name that no file can have
        with suppress(OSError, ValueError):
            temporary.unlink()
        remove_empty(made)
        raise error(f"{printable(str(path))} cannot be written: {reason_of(refusal)}. {advice}") from refusal


def read_file(
    path: Path, error: type[CircuitsError], advice: str = "Name another file.", most: int = _LARGEST
) -> bytes:
    """Read a whole file; pipes and devices, which may never end, are read only under /dev, such as /dev/stdin.

    Raises `error`, with a message that ends with the advice, if the disk refuses or the file has more than `most`
    bytes.
    """
    try:
        if not path.is_relative_to("/dev"):
            refuse_pipe(path)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as refusal:  # ValueError for a name that no file can have
        raise error(f"{printable(str(path))} cannot be read: {reason_of(refusal)}. {advice}") from refusal
    if len(data) > most:
        raise error(f"{path} holds more than {most >> 20} MiB, too much for such a file. {advice}")
    return data


def read_text(path: Path, error: type[CircuitsError], advice: str) -> str:
    """Read a whole text file in UTF-8 or UTF-16. Raises `error`, as `read_file` does."""
    try:
        return decoded(read_file(path, error, advice))
    except UnicodeDecodeError as refusal:
        raise error(f"{printable(str(path))} cannot be read: it is not text in UTF-8. {advice}") from refusal


def decoded(data: bytes) -> str:
    """Decode a text in UTF-8 or UTF-16, with or without a byte order mark, as spreadsheets and consoles write.

    Raises ValueError.
    """
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16")
    if b"\0" in data[:2]:  # half of a character in UTF-16
        return data.decode("utf-16-be" if data.startswith(b"\0") else "utf-16-le")
    return data.decode("utf-8-sig")


def try_lock(file: Path, shared: bool = False) -> int | None:
    """Lock a file until the returned descriptor is closed; return None if another process has locked the file.

    An absent file is made. The kernel releases the lock when the process ends, however the process ends.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


class LockedBy(Exception):
    """A file is locked by another process; the message is the id of this process."""


@contextmanager
def lock(file: Path) -> Iterator[None]:
    """Lock a file while the block runs, write this process's id into the file, and remove the file at the end.

    Raises LockedBy if another process has locked the file.
    """
    descriptor = _lock_in_place(file)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # somebody removed the folder
            file.unlink()
        os.close(descriptor)


def _lock_in_place(file: Path) -> int:
    """Lock the file that has this name now, because a lock on a file that was removed meanwhile protects nothing."""
    while True:
        descriptor = try_lock(file)
        if descriptor is None:
            with suppress(FileNotFoundError):
                raise LockedBy(file.read_text() or "another")
        elif _is_in_place(descriptor, file):
            return descriptor
        else:
            os.close(descriptor)


def _is_in_place(descriptor: int, file: Path) -> bool:
    """Check whether the open file is still the file of this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
