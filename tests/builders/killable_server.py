"""Servers that may be killed at any time, and their clients, which may be killed, too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph.connection.database import Database
from graph.embedded.server import status, stop
from graph.opening import connect
from tests.builders.neo4j_server import LocalNeo4j

PATIENCE = 60.0
Victim = Literal["client", "server"]
ANNOUNCE = """
import sys
from graph.connection.database import Database

def write(self, *arguments, _write=Database._write, **rest):
    print("write", flush=True)
    return _write(self, *arguments, **rest)

Database._write = write
"""


@dataclass
class KillableServer:
    """A server, embedded or Neo4j, with the functions that kill it and start it again."""

    url: str
    environment: dict[str, str]
    kill: Callable[[], None]
    revive: Callable[[], object]
    restarts: bool  # whether connecting starts it again, so that its clients resume by themselves

    def connect(self) -> Database:
        return connect(self.url, self.environment.get("CIRCUITS_USER"), self.environment.get("CIRCUITS_PASSWORD"))

    def client(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        """Run code in another process, whose arguments are this server's `url` and `arguments`."""
        command = [sys.executable, "-c", code, self.url, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=os.environ | self.environment, stdout=pipe, stderr=pipe, text=True)

    def writes(self, code: str, *arguments: str) -> int:
        """Count the writing transactions that such code carries out when nothing disturbs it."""
        with self.client(ANNOUNCE + code, *arguments) as client:
            said, error = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, error
        return said.count("write\n")

    def interrupt(self, victim: Victim, writes: int, seconds: float, code: str, *arguments: str) -> str:
        """Run such code, and kill its process or the server `seconds` after the process began its write of this number.

        Returns what the client said on stderr. A killed server has been started again by then, or starts when somebody
        connects.
        """
        with self.client(ANNOUNCE + code, *arguments) as client:
            assert client.stdout is not None
            for _ in range(writes):
                client.stdout.readline()
            time.sleep(seconds)
            (client.kill if victim == "client" else self.kill)()
            said = client.communicate(timeout=PATIENCE)[1]
        if victim == "server":
            self.revive()
        return said


def killable_neo4j(server: LocalNeo4j) -> KillableServer:
    """Make a killable server of a running Neo4j, which no other test uses."""
    login = {"CIRCUITS_USER": server.user, "CIRCUITS_PASSWORD": server.password}
    return KillableServer(server.url, login, server.kill, server.start, restarts=False)


@contextmanager
def killable_embedded(folder: Path) -> Iterator[KillableServer]:
    """Yield a killable server: the embedded server of a folder."""

    def kill() -> None:
        if endpoint := status(folder):
            os.kill(endpoint.pid, signal.SIGKILL)
        while status(folder):
            time.sleep(0.02)

    yield KillableServer(str(folder), {}, kill, lambda: None, restarts=True)
    stop(folder)
