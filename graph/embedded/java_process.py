"""Run the child process of an embedded database: ArcadeDB that serves Bolt, or ArcadeDB that loads steps.

No other module imports arcadedb. `graph.embedded.server` starts the process, as `python -m graph.embedded.java_process
serve FOLDER HEAP IDLE` or `load FOLDER HEAP ID`.
"""

import errno
import json
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import replace
from io import IOBase
from pathlib import Path
from typing import Any, cast

from graph.embedded.directory import DatabaseDirectory
from graph.endpoint import Endpoint
from graph.steps import Step

DATABASE = "circuits"


class Absent:
    """An import hook that refuses a package, so that whoever can do without it does."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse the package, and leave all others to the hooks that follow."""
        if name == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


# ---- serving


def _serve(folder: DatabaseDirectory, answer: int, heap: int, idle: float) -> None:
    """Serve until a signal, or until no client has been connected for `idle` seconds."""
    if os.fork():
        return  # the child continues, and no parent waits for it
    sys.meta_path.insert(0, Absent("numpy"))  # arcadedb imports it, and serving does not need it
    if folder.lock("serve") is None:
        os.write(answer, b"busy")
        return
    os.truncate(folder.log, 0)
    folder.withdraw()  # removes the endpoint of a killed server
    folder.repair_swap()
    shortened = folder.shortened()
    server, endpoint = start_server(folder, heap)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # Java had replaced the handlers
        signal.signal(number, lambda *_: stopping.set())
    folder.publish(replace(endpoint, shortened=shortened))
    os.write(answer, b"ready")
    os.close(answer)
    _wait(stopping, _connections(server), idle)
    folder.withdraw()
    server.stop()
    folder.record_lengths()


def start_server(folder: DatabaseDirectory, heap: int) -> tuple[Any, Endpoint]:
    """Start Java and a server of this folder's database; create the database if there is none."""
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    _write_rights(folder)
    arcadedb = _java(folder, heap)
    server = arcadedb.create_server(str(folder.path), root_password=passwords[0], config=_SETTINGS)
    _open(server, exists=(folder.path / "databases" / DATABASE).exists())
    _add_reader(server, passwords[1])
    uri = f"bolt://127.0.0.1:{_bolt(server).getPort()}"
    return server, Endpoint(
        uri, "root", passwords[0], "reader", passwords[1], DATABASE, os.getpid(), arcadedb.__version__
    )


class _NotOpened(Exception):
    """The server refused to open the database's own files."""


_LACKS = [os.strerror(number) for number in (errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.EACCES, errno.EROFS)]


def _open(server: Any, exists: bool) -> None:
    """Start the server, and open the database or create it."""
    try:
        server.start()
        (server.get_database if exists else server.create_database)(DATABASE)
    except Exception as error:
        server.stop()
        if any(lack in str(error) for lack in _LACKS):  # a lack of room, memory or rights is not the files' fault
            raise
        raise _NotOpened(str(error)) from error


_SETTINGS = {
    "mode": "development",  # production would hide the errors of a query
    "host": "127.0.0.1",
    "bolt_host": "127.0.0.1",
    "bolt_port": 0,
    "http_port": 0,  # HTTP cannot be turned off
    "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
}
_JAVA_SETTINGS = {  # set for all of Java, since ArcadeDB ignores some of them as server settings
    "arcadedb.txWalFlush": "1",  # a commit is written to its log before it is acknowledged
    "arcadedb.server.saltIterations": "1",  # slow hashes protect guessable passwords; these are random and long
    "arcadedb.studio.enabled": "false",
    "arcadedb.polyglotEngineEnabled": "false",  # it looks for scripting languages, and none is installed
    "arcadedb.serverMetrics": "false",  # nobody reads them
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
    "reader": {  # for users' own Cypher; the time limit ends queries whose client died
        "access": [],
        "resultSetLimit": -1,
        "readTimeout": 600_000,
        "types": {"*": {"access": ["readRecord"]}},
    },
}


def _write_rights(folder: DatabaseDirectory) -> None:
    """Write the groups above into the server's configuration, and remove all users.

    The start that follows creates the users again, with new passwords.
    """
    config = folder.path / "config"
    config.mkdir(exist_ok=True)
    rights = {"version": 1, "databases": {"*": {"groups": _GROUPS}}}
    (config / "server-groups.json").write_text(json.dumps(rights))
    (config / "mcp-config.json").write_text(json.dumps({"enabled": False}))  # a plugin that starts by itself
    (config / "server-users.jsonl").unlink(missing_ok=True)


def _add_reader(server: Any, password: str) -> None:
    security = server._java_server.getSecurity()
    user = {"name": "reader", "password": str(security.encodePassword(password)), "databases": {DATABASE: ["reader"]}}
    security.createUser(_class("com.arcadedb.serializer.json.JSONObject")(json.dumps(user)))


def _java(folder: DatabaseDirectory, heap: int) -> Any:
    """Import arcadedb and start Java with the folder as its working directory, where Java writes its logs."""
    os.chdir(folder.path)
    os.environ["ARCADEDB_JVM_ERROR_FILE"] = str(folder.path / "crash-%p.log")
    import arcadedb_embedded  # it reads the environment set above
    from arcadedb_embedded.jvm import start_jvm  # as above

    limits = _JAVA_SETTINGS | {"arcadedb.queryMaxHeapRAM": str(heap // 3)}
    arguments = ["-XX:+ExitOnOutOfMemoryError"]  # committed data survives the end of the process
    start_jvm(heap_size=f"{heap}m", jvm_args=arguments + [f"-D{name}={value}" for name, value in limits.items()])
    return arcadedb_embedded


def _class(name: str) -> Any:
    import jpype  # jpype comes with arcadedb, and must not be imported before it

    return jpype.JClass(name)


def _bolt(server: Any) -> Any:
    return next(plugin for plugin in server._java_server.getPlugins() if "Bolt" in str(plugin.getName()))


def _connections(server: Any) -> Any:
    """Return Java's live set of open Bolt connections, read from a private field of the server."""
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


# ---- loading


def _load(folder: DatabaseDirectory, answer: int, heap: int, load: str) -> None:
    from graph.embedded.pipe import receive  # imported only here: it needs pyarrow, and serving does not

    sys.meta_path.insert(0, Absent("pandas"))  # pyarrow imports it with its first array, and loading does not need it
    arcadedb = _java(folder, heap)
    with folder.working_copy(load) as databases:
        write(arcadedb, databases / DATABASE, receive(cast(IOBase, sys.stdin.buffer)))
    os.write(answer, b"done")


def write(arcadedb: Any, path: Path, steps: Iterable[Step]) -> None:
    """Carry out steps on a database that no server has open; create the database if there is none."""
    from graph.embedded.batch_writer import BatchWriter  # imported only here: it needs pyarrow, and serving does not

    database = (arcadedb.open_database if path.exists() else arcadedb.create_database)(str(path))
    batchers = (_class("com.arcadedb.python.VertexBatcher"), _class("com.arcadedb.python.EdgeBatcher"))
    writer = BatchWriter(database, batchers)
    for step in steps:
        writer.execute(step)
    writer.flush()
    database.close()


def main() -> None:
    """Carry out `serve FOLDER HEAP IDLE` or `load FOLDER HEAP ID`; write an error to the pipe as OUTCOME: REASON."""
    task, path, heap, last = sys.argv[1:]
    os.umask(0o077)  # only their owner may read the files that the server writes
    answer = os.dup(1)
    os.dup2(2, 1)  # send what Java prints to the log
    status = 1
    try:
        if task == "serve":
            _serve(DatabaseDirectory(Path(path)), answer, int(heap), float(last))
        else:
            _load(DatabaseDirectory(Path(path)), answer, int(heap), last)
        status = 0
    except Exception as error:
        traceback.print_exc()
        outcome = "not opened" if isinstance(error, _NotOpened) else "not started" if task == "serve" else "broken off"
        os.write(answer, f"{outcome}: {str(error).strip('.')}".encode(errors="replace"))
    finally:
        sys.stderr.flush()
        os._exit(status)  # Java's threads would keep the process alive


if __name__ == "__main__":
    main()
