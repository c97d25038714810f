"""The embedded default: ArcadeDB in a child process that serves Bolt on loopback, shared by all who use its folder.

The process outlives the one that started it, and stops when told to or when nobody has been connected for a while.
A bulk load needs the server down: another child process works on a copy of the files, which takes their place when all
is well. This is the one file that knows ArcadeDB.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import IOBase
from pathlib import Path
from typing import Any, cast

from graph.embedded.batch_writer import Loader
from graph.embedded.directory import Folder
from graph.endpoint import Endpoint
from graph.errors import DatabaseBusy, DatabaseDamaged, LoadFailed, ServerUnavailable
from graph.instructions import Step, receive, send
from graph.settings import settings

DATABASE = "circuits"
_START, _STOP = 120.0, 60.0  # seconds after which a start or a graceful stop counts as hung
_MYSELF = (sys.executable, "-m", "graph.embedded.server")


def ensure(path: Path, heap: int | None = None, idle: float = 900.0) -> Endpoint:
    """The server of this folder, started if none runs (2 to 3 s).

    `heap` is in MiB (else CIRCUITS_HEAP, else three times the files, at least 512); a server without a client for
    `idle` seconds stops. Raises DatabaseDamaged, DatabaseBusy or ServerUnavailable.
    """
    folder = Folder(path)
    folder.prepare()
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if endpoint := folder.endpoint():
            return endpoint
        if not folder.held():
            _launch(folder, heap or settings().heap or folder.heap(512), idle)
        else:  # somebody starts, stops or loads it
            folder.refuse_if_loading()
            time.sleep(0.05)
    pid = folder.holder()[1]
    raise ServerUnavailable(
        f"The server of {path} (process {pid}) neither starts nor stops. End it; {folder.log} tells more."
    )


def status(path: Path) -> Endpoint | None:
    """The server that runs for this folder, if any; starts nothing."""
    return Folder(path).endpoint()


def stop(path: Path) -> bool:
    """Stop this folder's server, gracefully if it lets us; False if none ran. What is committed stays."""
    folder = Folder(path)
    endpoint = folder.endpoint()
    if endpoint is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(endpoint.pid, number)
        deadline = time.monotonic() + _STOP
        while time.monotonic() < deadline:
            if not folder.held() or folder.endpoint() not in (None, endpoint):
                return True
            time.sleep(0.02)
    raise DatabaseBusy(f"The server of {path} (process {endpoint.pid}) does not end. End it by hand.")


def bulk_load(path: Path, steps: Iterable[Step], heap: int | None = None) -> None:
    """Carry out the steps in order with the server stopped, all or nothing: on any error the database is as before.

    `steps` may be a generator: tables go to the loading process over a pipe while it loads, so hand over edges in
    tables of some 100,000 rows. An edge whose end is not there is an error (LoadFailed). Whoever needs the server next
    starts it again.
    """
    folder = Folder(path)
    folder.prepare()
    with _alone(folder) as lock, folder.log.open("ab") as log:
        command = [*_MYSELF, "load", str(folder.path), str(heap or folder.heap(3072))]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[lock],  # so that the folder stays ours while the loader lives, even without us
            start_new_session=True,
        ) as loader:
            answer = _feed(loader, steps)
    if answer != "done":
        raise LoadFailed(f"The load broke off and changed nothing: {answer or folder.last_words()}.")


def _feed(loader: subprocess.Popen[bytes], steps: Iterable[Step]) -> str:
    """Send the steps to the loading process; what it answers in the end."""
    try:
        send(steps, cast(IOBase, loader.stdin))
    except BrokenPipeError:
        pass  # it gave up, and says why
    except BaseException:
        loader.kill()
        raise
    return loader.communicate()[0].decode()


@contextmanager
def _alone(folder: Folder) -> Iterator[int]:
    """Stop the server and hold the folder, even if somebody starts it again in between."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        stop(folder.path)
        if (lock := folder.hold("load")) is not None:
            break
        folder.refuse_if_loading()
    else:
        raise DatabaseBusy(f"{folder.path} is in use by process {folder.holder()[1]}. Close what uses it, then load.")
    try:
        yield lock
    finally:
        os.close(lock)


def _launch(folder: Folder, heap: int, idle: float) -> None:
    """Start a server process and wait until it serves, or finds that another one does."""
    command = [*_MYSELF, "serve", str(folder.path), str(heap), str(idle)]
    with (
        folder.log.open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            answer = process.communicate(timeout=_START)[0].decode()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            answer = "it did not start in time"
    if answer not in ("ready", "busy"):
        raise DatabaseDamaged(
            f"The embedded server cannot open {folder.path}: {answer or folder.last_words()}. Its files may be damaged "
            f"or CIRCUITS_HEAP (MiB) unfit; {folder.log} tells more. Load the extraction into another folder."
        )


# ---- the process that serves


def _serve(folder: Folder, answer: int, heap: int, idle: float) -> None:
    """Serve until told to stop, or until nobody has been connected for `idle` seconds."""
    if os.fork():
        return  # nobody waits for the process that stays
    if folder.hold("serve") is None:
        os.write(answer, b"busy")
        return
    os.truncate(folder.log, 0)
    folder.withdraw()  # a killed server's
    folder.mend_swap()
    server, endpoint = _start_server(folder, heap)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # Java took them
        signal.signal(number, lambda *_: stopping.set())
    folder.publish(endpoint)
    os.write(answer, b"ready")
    os.close(answer)
    _wait(stopping, _connections(server), idle)
    folder.withdraw()
    server.stop()


def _start_server(folder: Folder, heap: int) -> tuple[Any, Endpoint]:
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    _write_rights(folder)
    arcadedb = _java(folder, heap)
    server = arcadedb.create_server(str(folder.path), root_password=passwords[0], config=_SETTINGS)
    server.start()
    try:
        if (folder.path / "databases" / DATABASE).exists():
            server.get_database(DATABASE)
        else:
            server.create_database(DATABASE)
    except BaseException:
        server.stop()
        raise
    _add_reader(server, passwords[1])
    uri = f"bolt://127.0.0.1:{_bolt(server).getPort()}"
    return server, Endpoint(
        uri, "root", passwords[0], "reader", passwords[1], DATABASE, os.getpid(), arcadedb.__version__
    )


_SETTINGS = {
    "mode": "development",  # production would hide what is wrong with a query
    "host": "127.0.0.1",
    "bolt_host": "127.0.0.1",
    "bolt_port": 0,
    "http_port": 0,  # it cannot be turned off
    "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
}
_LIMITS = {  # for the whole of Java: some are not minded when only the server is told
    "arcadedb.txWalFlush": "1",  # a commit is written to its log before it is acknowledged
    "arcadedb.opencypher.loadCsv.allowFileUrls": "false",
    "arcadedb.opencypher.loadCsv.allowRemoteUrls": "false",
}
_ALL = ("createRecord", "readRecord", "updateRecord", "deleteRecord")
_GROUPS = {
    "admin": {
        "access": ["updateSecurity", "updateSchema", "updateDatabaseSettings"],
        "resultSetLimit": -1,
        "readTimeout": -1,
        "types": {"*": {"access": _ALL}},
    },
    "reader": {  # for the user's own Cypher; the time limit is for queries whose client died
        "access": [],
        "resultSetLimit": -1,
        "readTimeout": 600_000,
        "types": {"*": {"access": ["readRecord"]}},
    },
}


def _write_rights(folder: Folder) -> None:
    """Groups as they stand here, and no users: they are made anew, with new passwords."""
    config = folder.path / "config"
    config.mkdir(exist_ok=True)
    rights = {"version": 1, "databases": {"*": {"groups": _GROUPS}}}
    (config / "server-groups.json").write_text(json.dumps(rights))
    (config / "server-users.jsonl").unlink(missing_ok=True)


def _add_reader(server: Any, password: str) -> None:
    security = server._java_server.getSecurity()
    user = {"name": "reader", "password": str(security.encodePassword(password)), "databases": {DATABASE: ["reader"]}}
    security.createUser(_class("com.arcadedb.serializer.json.JSONObject")(json.dumps(user)))


def _java(folder: Folder, heap: int) -> Any:
    """The arcadedb module, its Java running in the folder so that its logs fall there."""
    os.chdir(folder.path)
    os.environ["ARCADEDB_JVM_ERROR_FILE"] = str(folder.path / "crash-%p.log")
    import arcadedb_embedded
    from arcadedb_embedded.jvm import start_jvm

    limits = _LIMITS | {"arcadedb.queryMaxHeapRAM": str(heap // 3)}
    arguments = ["-XX:+ExitOnOutOfMemoryError"]  # better gone than half dead: nothing committed is lost
    start_jvm(heap_size=f"{heap}m", jvm_args=arguments + [f"-D{name}={value}" for name, value in limits.items()])
    return arcadedb_embedded


def _class(name: str) -> Any:
    import jpype

    return jpype.JClass(name)


def _bolt(server: Any) -> Any:
    return next(plugin for plugin in server._java_server.getPlugins() if "Bolt" in str(plugin.getName()))


def _connections(server: Any) -> Any:
    """Java's live set of open Bolt connections; the server keeps it to itself."""
    holder = _bolt(server)
    for name in ("listener", "activeConnections"):
        member = holder.getClass().getDeclaredField(name)
        member.setAccessible(True)
        holder = member.get(holder)
    return holder


def _wait(stopping: threading.Event, connections: Any, idle: float) -> None:
    last_seen = time.monotonic()
    while not stopping.wait(min(1.0, idle / 4)) and time.monotonic() - last_seen < idle:
        if connections.size():
            last_seen = time.monotonic()


# ---- the process that loads


def _load(folder: Folder, answer: int, heap: int) -> None:
    arcadedb = _java(folder, heap)
    with folder.working_copy() as databases:
        path = databases / DATABASE
        database = (arcadedb.open_database if path.exists() else arcadedb.create_database)(str(path))
        batchers = (_class("com.arcadedb.python.VertexBatcher"), _class("com.arcadedb.python.EdgeBatcher"))
        loader = Loader(database, batchers)
        for step in receive(cast(IOBase, sys.stdin.buffer)):
            loader.carry_out(step)
        loader.flush()
        database.close()
    os.write(answer, b"done")


def main() -> None:
    """Carry out `serve FOLDER HEAP IDLE` or `load FOLDER HEAP`; what goes wrong is answered on the pipe."""
    task, path, heap, *idle = sys.argv[1:]
    answer = os.dup(1)
    os.dup2(2, 1)  # what Java prints goes to the log
    status = 1
    try:
        if task == "serve":
            _serve(Folder(Path(path)), answer, int(heap), float(*idle))
        else:
            _load(Folder(Path(path)), answer, int(heap))
        status = 0
    except Exception as error:
        traceback.print_exc()
        os.write(answer, str(error).strip(".").encode())
    finally:
        sys.stderr.flush()
        os._exit(status)  # Java's threads would keep the process alive


if __name__ == "__main__":
    main()
