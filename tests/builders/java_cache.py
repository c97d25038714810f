"""Java's cache of the embedded server's classes, which saves each of hundreds of servers a second of a core."""

import os
import subprocess
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from graph.embedded import java_process
from graph.embedded.directory import DatabaseDirectory
from graph.loading.extraction_steps import steps
from graph.loading.load import load
from graph.opening import connect
from graph.records import Filters
from graph.steps import Statement
from graph.store import Store
from tests.builders.random_extraction import random_extraction

OPTION = "-XX:+IgnoreUnrecognizedVMOptions -XX:AOTCache={}"  # Neo4j's Java 17 knows of no such cache


def java_cache(folder: Path) -> Path | None:
    """Make the cache for this version of the server in a folder, unless it is there, and return its path.

    Making it takes 15 s of a core; the result is None if it takes too long. Raises CalledProcessError if the server
    does not start.
    """
    path, log = folder / f"{version('arcadedb-embedded')}.aot", folder / "rehearsal.log"
    if not path.exists():
        unfinished = folder / f"{os.getpid()}.aot"
        options = f"{os.environ['JAVA_TOOL_OPTIONS']} -XX:AOTCacheOutput={unfinished}"
        environment = os.environ | {"JAVA_TOOL_OPTIONS": options}
        with TemporaryDirectory() as place, log.open("w") as output:
            command = [sys.executable, "-m", __name__, place]
            try:
                subprocess.run(command, env=environment, stdout=output, stderr=output, check=True, timeout=120)
                unfinished.rename(path)
            except (subprocess.TimeoutExpired, FileNotFoundError):  # on a busy machine; tests run without the cache
                return None
    return path


def _rehearse(folder: Path) -> None:
    """Do in this process what servers and loaders do, then end Java, which writes down what classes it needed."""
    extraction = random_extraction(folder / "random.extraction", "random:a", width=2)
    directory = DatabaseDirectory(folder / "served")
    directory.prepare()
    server, endpoint = java_process.start_server(directory, heap=512)
    with connect(endpoint.uri, endpoint.user, endpoint.password, endpoint.database) as database:
        load(extraction, database, progress=False)
        model = Store(database).model()
        model.search("", Filters())
        model.enrichment_by_evidence(model.architecture.final)
    server.stop()
    import arcadedb_embedded  # only now: it reads the environment that starting Java sets
    import jpype

    model_node = Statement("CREATE (:Model {id: $id})", {"id": extraction.manifest.model})
    java_process.write(arcadedb_embedded, folder / "loaded", [model_node, *steps(extraction)])
    jpype.JClass("java.lang.System").exit(0)


if __name__ == "__main__":
    try:
        _rehearse(Path(sys.argv[1]))
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # Java's threads would keep the process alive
