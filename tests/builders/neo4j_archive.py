"""Java's archive of the classes that Neo4j needs: each of the tests' many servers takes a third less of a core."""

import fcntl
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.builders.java_cache import load_and_ask
from tests.builders.neo4j_server import JVM, LocalNeo4j, archive
from tests.builders.random_extraction import random_extraction


def keep_classes(jars: Path) -> None:
    """Make the archive beside the classes, once (35 s of a core); tests do without while another worker makes it.

    RuntimeError where Neo4j does not start.
    """
    with jars.with_name("archive.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not archive(jars).exists():
            _rehearse(jars, jars.with_name(f"{os.getpid()}.jsa"))


def _rehearse(jars: Path, unfinished: Path) -> None:
    """Do what tests do with a server, and end it, which then writes down what it has needed."""
    with TemporaryDirectory() as place:
        server = LocalNeo4j(jars, Path(place) / "neo4j", (*JVM, f"-XX:ArchiveClassesAtExit={unfinished}"))
        extraction = random_extraction(Path(place) / "random.extraction", "random:a", width=2)
        try:
            with server.start().connect() as database:
                load_and_ask(database, extraction)
            server.stop()
            unfinished.rename(archive(jars))
        except (subprocess.TimeoutExpired, FileNotFoundError):  # beside much other work; tests do without
            return
        finally:
            server.kill()
            unfinished.unlink(missing_ok=True)
