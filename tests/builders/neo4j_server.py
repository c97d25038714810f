"""A real Neo4j for the tests: Community's own classes from Maven Central, in a folder, on a port of this machine."""

import fcntl
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from graph.connection.database import Database
from graph.cypher.schema import CONSTRAINTS, FURTHER_INDEXES, INDEXES
from graph.errors import GraphError
from graph.opening import connect

POM = Path(__file__).with_name("neo4j") / "pom.xml"
VERSION = ElementTree.parse(POM).findtext("{*}properties/{*}neo4j", "")  # noqa: S314 (a file of ours)
PATIENCE = 120.0  # seconds after which a start or a stop counts as hung
SETTINGS = """
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.memory.pagecache.size={cache}
dbms.usage_report.enabled=false
dbms.cypher.min_replan_interval=1h
dbms.security.allow_csv_import_from_file_urls=false
"""
JVM = (  # a small heap and a quick start; Neo4j's classes need no verifying
    *("-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote"),
)
OURS = frozenset(text.split()[text.split().index("IF") - 1] for text in (*CONSTRAINTS, *INDEXES, *FURTHER_INDEXES))
OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.lang", "java.util.concurrent")  # packages Neo4j looks into


@dataclass
class Neo4j:
    """The URL of a server, and who may log in."""

    url: str
    user: str
    password: str
    database: str | None = None

    def connect(self) -> Database:
        """Connect to the database, and leave it as it is."""
        return connect(self.url, self.user, self.password, self.database)

    def routed(self) -> Database:
        """Connect as one connects to a cluster, which is first asked for the route."""
        return connect(re.sub("^bolt", "neo4j", self.url), self.user, self.password, self.database)

    def emptied(self, keep: Collection[str] = OURS) -> Database:
        """Connect to the database and delete everything in it, except the constraints and indexes in `keep`.

        The project's own constraints and indexes stay, because a change of the schema makes the server plan every text
        anew.
        """
        database = self.connect()
        for kind, kinds in (("CONSTRAINT", "CONSTRAINTS"), ("INDEX", "INDEXES")):
            for row in database.read(f"SHOW {kinds} YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
                if row["name"] not in keep:
                    database.write(f"DROP {kind} `{row['name']}`")
        while database.write("MATCH (n) WITH n LIMIT 1000 DETACH DELETE n RETURN count(*) AS n")[0]["n"]:
            pass
        return database


class LocalNeo4j(Neo4j):
    """A server of the tests' own: it can be stopped, killed, and started again in the same folder at the same port."""

    def __init__(self, jars: Path, home: Path, jvm: tuple[str, ...] = JVM, cache: str = "64m") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        super().__init__(f"bolt://127.0.0.1:{port}", "neo4j", "circuits-tests")
        self.home, self._jvm, self._fresh = home, jvm, True
        self._process: subprocess.Popen[bytes] | None = None
        self._java = ["java", *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED), "-cp", f"{jars}/*"]
        (home / "conf").mkdir(parents=True)
        (home / "conf" / "neo4j.conf").write_text(SETTINGS.format(port=port, cache=cache))

    def admin(self, *arguments: str) -> str:
        """Run neo4j-admin, which mostly needs the server stopped, and return its output. Raises CalledProcessError."""
        main = [f"-Dbasedir={self.home}", "org.neo4j.server.startup.Neo4jAdminCommand"]
        places = {"NEO4J_HOME": str(self.home), "NEO4J_CONF": str(self.home / "conf"), "HEAP_SIZE": "1g"}
        command = [*self._java, *main, *arguments]
        run = subprocess.run(
            command, cwd=self.home, env=os.environ | places, capture_output=True, check=True, text=True
        )
        return run.stdout

    def start(self) -> Self:
        """Start the server, and wait until it answers."""
        main = [*self._jvm, "org.neo4j.server.CommunityEntryPoint"]
        command = [*self._java, *main, f"--home-dir={self.home}", f"--config-dir={self.home / 'conf'}"]
        with (self.home / "out.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Neo4j does not start: {(self.home / 'out.log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            if self._fresh:
                self._set_first_password()
            self.connect().close()
        except (DriverError, Neo4jError, GraphError):
            return False
        return True

    def _set_first_password(self) -> None:
        text = "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $new"
        with (
            GraphDatabase.driver(self.url, auth=(self.user, "neo4j"), telemetry_disabled=True) as driver,
            driver.session(database="system") as session,
        ):
            session.run(text, new=self.password).consume()
        self._fresh = False

    def stop(self) -> None:
        """End the server as an operator does, if it runs."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """End the server as a power cut does, if it runs."""
        self._end(subprocess.Popen.kill)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(PATIENCE)
            self._process = None


def fetched(cache: Path) -> Path:
    """Return the folder of the server's classes, which Maven fetches if it is not there yet (123 MB).

    Raises CalledProcessError.
    """
    jars = cache / VERSION
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker fetches, the others wait
        if not jars.exists():
            half = Path(tempfile.mkdtemp(dir=cache))
            command = ["mvn", "--quiet", "--batch-mode", f"--file={POM}", f"-Dlib={half}", "package"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
            half.rename(jars)
    return jars
