"""How fast Neo4j loads edges: over Bolt, against neo4j-admin's import of files.

    python -m tests.benchmarks.load --edges 1000000
    python -m tests.benchmarks.load --edges 10000000

The graph is synthetic and has RN50's shape (tests/benchmarks/catalogs.py). Every load begins with an empty database and
includes nodes, indexes and the count at the end. Neo4j is the tests' own (Java and Maven are needed). CPU seconds are
those of Neo4j and of this process. On a busy machine they say more than the time that passed.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from extract.folder.extraction import Extraction
from graph.loading.load import load
from graph.loading.neo4j_import import write_csv
from tests.benchmarks.catalogs import synthetic
from tests.builders.neo4j_server import LocalNeo4j, fetched

JVM = ("-Xms1g", "-Xmx4g")


def server_seconds(home: Path) -> float:
    """Return the CPU seconds that the server in this folder has used so far."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"--home-dir={home}" in (process / "cmdline").read_text():
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:  # the process has just ended
            continue
    return 0.0


def timed(what: str, edges: int, home: Path, act: Callable[[], object]) -> None:
    wall, own, there = time.perf_counter(), time.process_time(), server_seconds(home)
    act()
    seconds = time.perf_counter() - wall
    cpu = (server_seconds(home) - there, time.process_time() - own)
    print(
        f"{what:32} {seconds:7.1f} s {edges / seconds:10,.0f} edges/s   {cpu[0]:6.1f} {cpu[1]:6.1f} CPU s", flush=True
    )


def over_bolt(extraction: Extraction, edges: int, jars: Path, home: Path) -> None:
    server = LocalNeo4j(jars, home, JVM, "1g").start()
    try:
        with server.connect() as database:
            timed("over Bolt", edges, home, lambda: load(extraction, database, progress=False))
    finally:
        server.stop()
        shutil.rmtree(home)


def offline(extraction: Extraction, edges: int, jars: Path, work: Path) -> None:
    server, home = LocalNeo4j(jars, work / "offline", JVM, "1g"), work / "offline"
    timed("files written, neo4j-admin", edges, home, lambda: imported(extraction, server, work / "csv"))
    try:
        with server.start().connect() as database:
            timed("and the load that finishes it", edges, home, lambda: load(extraction, database, progress=False))
    finally:
        server.stop()


def imported(extraction: Extraction, server: LocalNeo4j, folder: Path) -> None:
    _, *arguments = write_csv(extraction, folder, progress=False).split()
    server.admin(*arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--jars", type=Path, help="where Neo4j is or is fetched to; else a folder that is deleted")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        jars = fetched((arguments.jars or work).resolve())
        extraction = synthetic(work / "rn50.extraction", arguments.edges)
        edges = extraction.table("edges").num_rows
        print(f"{edges:,} edges, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}{'':24} Neo4j client")
        over_bolt(extraction, edges, jars, work / "bolt")
        offline(extraction, edges, jars, work)
        print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
