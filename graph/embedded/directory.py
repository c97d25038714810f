"""The folder of an embedded database, which only its owner can enter: its layout, its lock, and its server's endpoint.

    FOLDER/
      version              layout of this folder; another layout is refused and left unchanged
      server.lock          locked by the one process that may touch the files; holds its task and process id
      endpoint.json        mode 600: where the running server listens, and its passwords, new at every start
      databases/circuits/  the server's own files
      databases/lengths.json  how long the files of records were when they were last closed
      databases/load       the id of the load that wrote these databases
      config/, log/, server.log

The kernel releases the lock when the locking process ends for any reason, so an endpoint without a lock is stale. This
works only on Linux and macOS.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Literal

from extract.files import make_folder, reason_of, remove_empty, try_lock
from extract.printable import printable
from graph.endpoint import Endpoint
from graph.errors import DatabaseBusy, DatabaseDamaged, ServerUnavailable

LAYOUT = "1"
_MEBIBYTE = 2**20
_LENGTHS, _LOAD = "lengths.json", "load"


class DatabaseDirectory:
    """The folder of one embedded database; call `prepare` before anything else."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log = self.path / "server.log"
        self._lock_file, self._endpoint_file = self.path / "server.lock", self.path / "endpoint.json"

    def prepare(self) -> tuple[Path, ...]:
        """Create the folder or check its layout. Returns the folders that were created, innermost first.

        Raises DatabaseDamaged if the folder holds anything but a database of this layout; it then stays unchanged.
        """
        version = self.path / "version"
        with self._usable():
            made = make_folder(self.path, mode=0o700)
            if not version.exists() and not any(self.path.iterdir()):
                version.write_text(LAYOUT)
            found = version.read_text(errors="replace").strip() if version.exists() else None
        if found is None:
            raise DatabaseDamaged(
                f"{self.path} holds files, but no database of clip-circuits. Name an empty folder or a new one."
            )
        if found not in (LAYOUT, ""):  # empty for a moment, while another process writes it
            raise DatabaseDamaged(
                f"{self.path} was made by another version (layout {printable(found, 20)}; this one reads {LAYOUT}). "
                "Use that version, or load again into another folder. Export the labels with that version first."
            )

        self._close_to_others()
        return made

    def _close_to_others(self) -> None:
        """Let only the folder's owner into it, because the server's files hold labels and hidden pictures unblurred."""
        with self._usable():
            rights = self.path.stat()
            if rights.st_uid == os.geteuid() and rights.st_mode & 0o077:
                self.path.chmod(0o700)

    def endpoint(self) -> Endpoint | None:
        """Return where the running server listens; None if no server runs or the server is still starting."""
        try:
            endpoint = Endpoint(**json.loads(self._endpoint_file.read_bytes()))
            os.kill(endpoint.pid, 0)
        except (OSError, ValueError, TypeError):
            return None
        return endpoint if self.is_locked() else None

    def publish(self, endpoint: Endpoint) -> None:
        """Write where the server listens to a file that only this user can read."""
        new = self.path / "endpoint.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(endpoint), file)
        new.rename(self._endpoint_file)

    def withdraw(self) -> None:
        """Remove the endpoint file, whether this server or a killed one wrote it."""
        self._endpoint_file.unlink(missing_ok=True)

    def is_locked(self) -> bool:
        """Return whether a process serves or loads this folder.

        This tries a shared lock, so that parallel calls do not clash.
        """
        if not self._lock_file.exists():
            return False
        descriptor = self._try_lock(shared=True)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def lock(self, purpose: Literal["serve", "load"]) -> int | None:
        """Lock the folder until the returned descriptor is closed; return None if another process has locked it."""
        for _ in range(20):  # the shared lock of `is_locked` is soon released
            descriptor = self._try_lock()
            if descriptor is not None:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{purpose} {os.getpid()}".encode(), 0)
                return descriptor
            time.sleep(0.02)
        return None

    def _try_lock(self, shared: bool = False) -> int | None:
        with self._usable():
            return try_lock(self._lock_file, shared)

    def open_log(self) -> BinaryIO:
        """Open the server's log to append to it."""
        with self._usable():
            return self.log.open("ab")

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Raise ServerUnavailable if the disk refuses an operation in this block.

        For example, the folder may belong to somebody else or be read-only.
        """
        try:
            yield
        except OSError as error:
            raise ServerUnavailable(
                f"{self.path} cannot be used: {reason_of(error)}. Name a folder that you may write to."
            ) from error

    def lock_holder(self) -> tuple[str, str]:
        """Return the task (serve or load) and the id of the process that has locked the folder."""
        purpose, _, pid = self._lock_file.read_text().partition(" ")
        return purpose, pid

    def refuse_if_loading(self) -> None:
        """Raise DatabaseBusy while a load has locked the folder."""
        purpose, pid = self.lock_holder()
        if purpose == "load":
            raise DatabaseBusy(f"{self.path} is being loaded by process {pid}. Wait until that is done.")

    def heap(self, least: int) -> int:
        """Compute the MiB of Java heap: three times the files, because the heap holds the page cache.

        The heap is at least `least` MiB and at most 60 % of the machine's memory.
        """
        size = sum(file.stat().st_size for file in self.path.glob("databases/*/*"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return min(max(least, 3 * size // _MEBIBYTE), memory * 6 // 10 // _MEBIBYTE)

    def last_log_line(self) -> str:
        """Return the last line of the server's log."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it ended without a message")

    def shortened(self) -> list[str]:
        """Return a text for every file that is shorter than `record_lengths` last recorded; none if none is recorded.

        The server's files of records only grow, and the server opens a file that was cut short without a warning.
        """
        databases = self.path / "databases"
        file = databases / _LENGTHS
        recorded: dict[str, int] = json.loads(file.read_bytes()) if file.exists() else {}
        now = _lengths(databases)
        return [
            f"the file {name} holds {now.get(name, 0):,} bytes, and had {length:,}"
            for name, length in recorded.items()
            if now.get(name, 0) < length
        ]

    def record_lengths(self) -> None:
        """Record the lengths of all files that hold records, unless one was cut short. The databases must be closed."""
        if not self.shortened():
            _record_lengths(self.path / "databases")

    @contextmanager
    def working_copy(self, load: str) -> Iterator[Path]:
        """Copy the databases; the copy, marked with the id of this load, takes their place if the block succeeds."""
        self.repair_swap()
        copy, databases = self.path / "loading", self.path / "databases"
        if databases.exists():
            _copy(databases, copy)
        copy.mkdir(exist_ok=True)
        try:
            yield copy
            (copy / _LOAD).write_text(load)
            _record_lengths(copy)
            _flush(copy)
            if databases.exists():
                databases.rename(self.path / "previous")
            copy.rename(databases)
        finally:
            self.repair_swap()

    def is_empty(self) -> bool:
        """Return whether the folder holds no database, or does not exist."""
        with self._usable():
            return not any((self.path / name).exists() for name in ("databases", "previous"))

    @contextmanager
    def removed_on_error(self, made: tuple[Path, ...]) -> Iterator[None]:
        """Remove the folders that `prepare` made if the block fails before there is a database.

        The folder must be locked.
        """
        try:
            yield
        except BaseException:
            if made and self.is_empty():
                shutil.rmtree(self.path, ignore_errors=True)
                remove_empty(made[1:])
            raise

    def holds(self, load: str) -> bool:
        """Return whether the load of this id wrote the current databases, whether or not its process ended normally."""
        mark = self.path / "databases" / _LOAD
        return mark.exists() and mark.read_text() == load

    def repair_swap(self) -> None:
        """Finish or undo an interrupted swap. The folder must be locked."""
        databases, previous = self.path / "databases", self.path / "previous"
        if previous.exists() and not databases.exists():
            previous.rename(databases)
        for leftover in (previous, self.path / "loading"):
            shutil.rmtree(leftover, ignore_errors=True)


def _copy(databases: Path, copy: Path) -> None:
    """Copy a folder; if files cannot be copied, the OSError names only the first reason."""
    try:
        shutil.copytree(databases, copy)
    except shutil.Error as error:
        raise OSError(error.args[0][0][2]) from error


def _lengths(databases: Path) -> dict[str, int]:
    return {str(file.relative_to(databases)): file.stat().st_size for file in databases.glob("*/*.bucket")}


def _record_lengths(databases: Path) -> None:
    new = databases / f"{_LENGTHS}.new"
    new.write_text(json.dumps(_lengths(databases)))
    new.rename(databases / _LENGTHS)


def _flush(folder: Path) -> None:
    """Write all files to disk, so that a power failure after the swap loses none of them."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
