"""The server of an embedded database: ArcadeDB in a child process that serves Bolt on loopback.

All who use the folder share the process, which outlives the one that started it. The process stops on request, or when
no client has been connected for a while. A bulk load needs the server down: another child process works on a copy of
the files, which takes their place when the load succeeds. Both processes run `graph.embedded.java_process`; this module
imports neither Java nor pyarrow.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from typing import cast

from graph.embedded.directory import DatabaseDirectory
from graph.endpoint import Endpoint
from graph.errors import DatabaseBusy, DatabaseDamaged, GraphError, LoadFailed, ServerUnavailable
from graph.settings import settings
from graph.steps import Step

_START_TIMEOUT, _STOP_TIMEOUT = 120.0, 60.0  # seconds after which a start or a graceful stop counts as hung
_PROCESS = (sys.executable, "-m", "graph.embedded.java_process")


def ensure(path: Path, heap: int | None = None, idle: float = 900.0) -> Endpoint:
    """Find the server of this folder, or start one (2 to 3 s); return its endpoint.

    `heap` is in MiB (if None: CIRCUITS_HEAP, else three times the files, at least 512). The server stops after `idle`
    seconds without a client. Raises DatabaseDamaged, DatabaseBusy or ServerUnavailable.
    """
    folder = DatabaseDirectory(path)
    folder.prepare()
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if endpoint := folder.endpoint():
            return endpoint
        if not folder.is_locked():
            _launch(folder, heap or settings().heap or folder.heap(512), idle)
        else:  # another process starts or stops the server, or loads the folder
            folder.refuse_if_loading()
            time.sleep(0.05)
    pid = folder.lock_holder()[1]
    raise ServerUnavailable(
        f"The server of {path} (process {pid}) neither starts nor stops. End that process, and read {folder.log}."
    )


def status(path: Path) -> Endpoint | None:
    """Return the endpoint of the server that runs for this folder, or None; start nothing."""
    return DatabaseDirectory(path).endpoint()


def is_empty(path: Path) -> bool:
    """Return whether this folder holds no database yet."""
    return DatabaseDirectory(path).is_empty()


def stop(path: Path) -> bool:
    """Stop this folder's server, by force if it does not end. Returns False if none ran. Committed data stays."""
    folder = DatabaseDirectory(path)
    endpoint = folder.endpoint()
    if endpoint is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _signal(folder, endpoint, number, _STOP_TIMEOUT):
            return True
    raise DatabaseBusy(
        f"The server of {path} (process {endpoint.pid}) was killed but has not ended after {_STOP_TIMEOUT:.0f} s. Try "
        "again once it has ended."
    )


def _signal(folder: DatabaseDirectory, endpoint: Endpoint, number: int, timeout: float) -> bool:
    """Send a signal (0: none) to the server of this endpoint and wait; return whether the server ended in time."""
    with suppress(ProcessLookupError):
        os.kill(endpoint.pid, number)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not folder.is_locked() or folder.endpoint() not in (None, endpoint):
            return True
        time.sleep(0.02)
    return False


@dataclass(frozen=True)
class ServerProcess:
    """The process that serves a folder at one endpoint."""

    path: Path
    endpoint: Endpoint

    def runs(self) -> bool:
        """Return whether the process still serves the folder."""
        return status(self.path) == self.endpoint

    def has_ended(self) -> bool:
        """Return whether the process has ended or ends within a second, since connections break just before the end."""
        return _signal(DatabaseDirectory(self.path), self.endpoint, 0, 1.0)

    def end(self) -> None:
        """End the process by force; committed data stays."""
        if self.runs():
            _signal(DatabaseDirectory(self.path), self.endpoint, signal.SIGKILL, 1.0)

    def ran_out_of_memory(self) -> bool:
        """Return whether the process ended because its memory ran out, according to its log."""
        log = DatabaseDirectory(self.path).log
        return "Terminating due to java.lang.OutOfMemoryError" in log.read_text(errors="replace")


def bulk_load(path: Path, steps: Iterable[Step], heap: int | None = None) -> None:
    """Carry out the steps in order with the server stopped; after an error the database is as before.

    After an error, a folder that this call created is removed. `steps` may be a generator: tables go to the loading
    process over a pipe while it loads, so pass relationships in tables of about 100,000 rows. Raises LoadFailed, for
    example for a relationship whose end is missing. The server is not started again; `ensure` does that.
    """
    folder = DatabaseDirectory(path)
    made = folder.prepare()
    with _alone(folder) as lock, folder.removed_on_error(made), folder.open_log() as log:
        load = secrets.token_hex(8)
        command = [*_PROCESS, "load", str(folder.path), str(heap or folder.heap(3072)), load]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            pass_fds=[lock],  # so that the folder stays locked while the loader lives, even if this process ends
            start_new_session=True,
        ) as loader:
            answer = _feed(loader, steps)
        outcome, _, reason = answer.partition(": ")
        if outcome == "done":
            return
        folder.repair_swap()
        if not folder.holds(load):
            ended = "the loading process was killed; load again" if loader.returncode < 0 else folder.last_log_line()
            raise LoadFailed(f"The load stopped and changed nothing: {reason or ended}.")


def _feed(loader: subprocess.Popen[bytes], steps: Iterable[Step]) -> str:
    """Send the steps to the loading process and return its last answer."""
    from graph.embedded.pipe import send  # imported only here: it needs pyarrow, and starting a server does not

    try:
        send(steps, cast(IOBase, loader.stdin))
    except BrokenPipeError:
        pass  # the loading process stopped early, and its answer says why
    except BaseException:
        loader.kill()
        with suppress(BrokenPipeError):  # what is still buffered has no reader any more
            cast(IOBase, loader.stdin).close()
        raise
    return loader.communicate()[0].decode()


@contextmanager
def _alone(folder: DatabaseDirectory) -> Iterator[int]:
    """Stop the server and lock the folder, even if another process starts the server again in between."""
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        stop(folder.path)
        if (lock := folder.lock("load")) is not None:
            break
        folder.refuse_if_loading()
    else:
        raise DatabaseBusy(
            f"{folder.path} is in use by process {folder.lock_holder()[1]}. Close that process, then load."
        )
    try:
        yield lock
    finally:
        os.close(lock)


def _environment() -> dict[str, str]:
    """Return the variables of a Java process; in UTF-8 mode, Java then reads file names in UTF-8 as Python does."""
    return dict(os.environ) | ({"LC_ALL": "C.UTF-8"} if sys.flags.utf8_mode else {})


def _launch(folder: DatabaseDirectory, heap: int, idle: float) -> None:
    """Start a server process and wait until it serves, or until it finds that another process does."""
    command = [*_PROCESS, "serve", str(folder.path), str(heap), str(idle)]
    with (
        folder.open_log() as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            start_new_session=True,
        ) as process,
    ):
        try:
            answer, _, reason = process.communicate(timeout=_START_TIMEOUT)[0].decode().partition(": ")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            answer, reason = "not started", f"it took longer than {_START_TIMEOUT:.0f} s"
    if answer not in ("ready", "busy"):
        ended = "its process was killed" if process.returncode < 0 else folder.last_log_line()
        raise _start_error(folder, answer, reason or ended)


def _start_error(folder: DatabaseDirectory, answer: str, reason: str) -> GraphError:
    """Return the error to raise; it speaks of damage only if the database's own files were refused."""
    if answer == "not opened":
        return DatabaseDamaged(
            f"The embedded server cannot open {folder.path}: {reason}. Its files may be damaged; {folder.log} has "
            "details. Load the extraction into another folder."
        )
    return ServerUnavailable(
        f"The embedded server of {folder.path} did not start: {reason}. {folder.log} has details. Correct the cause "
        "and try again; CIRCUITS_HEAP sets the server's memory in MiB."
    )
