"""Both servers with two million edges: loading, then the questions that the app and the command line ask.

    uv run python tests/benchmarks/servers.py --edges 2000000

The graph is synthetic and has RN50's shape: 41,600 units, edges into the last blocks' layers from every layer below.
Neo4j is the tests' own (Java and Maven are needed). Times of the queries are of one client, with warm servers, one
server at a time; memory is the most that a process held.
"""

import argparse
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from catalog.circuits.local import enrichment_circuit
from extract.folder.extraction import Extraction
from extract.units import Layer, Unit
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.loading.load import load
from graph.loading.neo4j_import import write_csv
from graph.opening import connect
from graph.records import Annotation
from graph.store import Store
from tests.benchmarks.catalogs import MODEL, RN50, SUM, TARGETS, synthetic
from tests.builders.neo4j_server import LocalNeo4j, fetched

JVM = ("-Xms1g", "-Xmx2g")
SOURCE = Layer(4, 0, 8)
TRACE = """
MATCH p = (:Unit {key: $key})<-[:CONTRIBUTES*3..3]-(s:Unit)
WHERE all(e IN relationships(p) WHERE e.rank_in <= 3)
RETURN s.id AS unit, reduce(w = 1.0, e IN relationships(p) | w * e.mean) AS weight
ORDER BY abs(weight) DESC LIMIT 20
"""


# ---- loading


@dataclass
class Watched:
    """The seconds that a block took, and the peak memory of every process that was watched."""

    seconds: float = 0.0
    peaks: dict[int, int] = field(default_factory=dict)  # bytes by process

    @property
    def gibibytes(self) -> float:
        return max(self.peaks.values(), default=0) / 2**30


@contextmanager
def watched(word: str) -> Iterator[Watched]:
    """Watch the processes whose command line contains a word, while the block runs."""
    watch, over, start = Watched(), threading.Event(), time.perf_counter()

    def look() -> None:
        while not over.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(FileNotFoundError, ProcessLookupError):
                    if word in (process / "cmdline").read_text():
                        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
                        watch.peaks[int(process.name)] = int(status.get("VmHWM", "0 kB").split()[0]) * 1024

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        watch.seconds = time.perf_counter() - start
        over.set()
        thread.join()


def tell(what: str, edges: int, watch: Watched) -> None:
    rate = edges / watch.seconds
    print(f"{what:44} {watch.seconds:7.1f} s  {rate:9,.0f} edges/s  {watch.gibibytes:5.2f} GiB", flush=True)


# ---- asking


def questions(database: Database) -> dict[str, Callable[[int], object]]:
    """Return the questions, keyed by name, each as a function of a unit's channel."""
    store = Store(database).model(MODEL)

    def page(channel: int) -> None:
        unit = Unit(SUM, channel)
        store.unit(unit), store.adds(unit), store.top_probes(unit)
        store.inputs(unit, limit=5), store.outputs(unit, limit=5)
        store.annotations(unit), store.sensitive()

    def scan(_: int) -> object:
        return store.enrichment_by_weights(SUM, SOURCE, strongest=20, limit=20)

    return {
        "the unit page's queries": page,
        "an enrichment circuit": lambda c: enrichment_circuit(store, Unit(SUM, c), limit=2),
        "a trace of 3 steps": lambda c: database.read(TRACE, key=f"{MODEL}/{TARGETS[0]}/{c}"),
        "enrichment by weights, 2,048 units": scan,
        "enrichment by evidence, 2,048 units": lambda _: store.enrichment_by_evidence(SUM, verdict="enriched"),
        "a label written": lambda c: store.annotate(
            Annotation(f"{c}", MODEL, f"{SUM}/{c}", f"text {c}", "ada", datetime.now(UTC))
        ),
    }


def ask(database: Database, repeat: int) -> dict[str, tuple[float, float]]:
    """Return the median and 95th percentile of each question in ms, after some rounds that do not count."""
    found = {}
    for name, question in questions(database).items():
        times, count = [], repeat if "enrichment by" not in name else max(10, repeat // 10)
        for number in range(count + count // 2):
            start = time.perf_counter()
            question(number * 7 % RN50.channels(SUM))
            times.append(1000 * (time.perf_counter() - start))
        median, late = np.percentile(times[count // 2 :], [50, 95])
        found[name] = (float(median), float(late))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=100, help="units asked for")
    parser.add_argument("--jars", type=Path, help="where Neo4j is or is fetched to; else a folder that is deleted")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        extraction = synthetic(work / "rn50.extraction", chosen.edges)
        edges = extraction.table("edges").num_rows
        print(f"{extraction.table('units').num_rows:,} units, {edges:,} edges")
        print(f"{'loading':44} {'time':>9}  {'rate':>17}  {'memory':>9}")
        embedded = time_embedded(extraction, edges, work / "database", chosen.repeat)
        jars = fetched((chosen.jars or work).resolve())
        neo4j = time_neo4j(extraction, edges, jars, work, chosen.repeat)
    print(f"\n{'ms, median (95th percentile)':44} {'embedded':>20} {'Neo4j':>20}")
    for question in embedded:
        cells = [f"{median:.1f} ({late:.1f})" for median, late in (embedded[question], neo4j[question])]
        print(f"{question:44} {cells[0]:>20} {cells[1]:>20}")


def time_embedded(extraction: Extraction, edges: int, folder: Path, repeat: int) -> dict[str, tuple[float, float]]:
    with watched("graph.embedded.java_process") as watch:
        load(extraction, folder, progress=False)
    tell("embedded, in bulk, counted again", edges, watch)
    with watched("graph.embedded.java_process") as watch, connect(folder) as database:
        found = ask(database, repeat)
    print(f"{'embedded, serving':44} {'':9}  {'':17}  {watch.gibibytes:5.2f} GiB", flush=True)
    stop(folder)
    return found


def time_neo4j(
    extraction: Extraction, edges: int, jars: Path, work: Path, repeat: int
) -> dict[str, tuple[float, float]]:
    server = LocalNeo4j(jars, work / "offline", JVM, "1g")
    with watched("Admin") as watch:
        _, *arguments = write_csv(extraction, work / "csv", progress=False).split()
        server.admin(*arguments)
    tell("Neo4j, neo4j-admin import", edges, watch)
    shutil.rmtree(work / "csv")
    with server.start().connect() as database, watched("--home-dir") as watch:
        load(extraction, database, progress=False)
    tell("Neo4j, the load that finishes the import", edges, watch)
    server.stop()
    server = LocalNeo4j(jars, work / "bolt", JVM, "1g").start()
    with watched("--home-dir") as watch, server.connect() as database:
        load(extraction, database, progress=False)
    tell("Neo4j, over Bolt, counted again", edges, watch)
    with watched("--home-dir") as watch, server.connect() as database:
        found = ask(database, repeat)
    print(f"{'Neo4j, serving':44} {'':9}  {'':17}  {watch.gibibytes:5.2f} GiB", flush=True)
    server.stop()
    return found


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{error}\n{error.stdout}{error.stderr}") from error
