"""How long 10,000 words on all units of RN50's last stage take to load, and questions about them to answer.

    python tests/benchmarks/vocabulary.py [--words 10000] [--asked 200]

The activations are random, of the size and schema of real ones; the words are the most common English ones. They are
loaded into the embedded server in bulk and into a Neo4j over Bolt, which is the tests' own (Java and Maven are needed),
and counted again on both. The times of the questions are of one client with a warm server; each is asked of 200 words
or units that were not asked before.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from extract.folder.extraction import Extraction
from extract.probes.word_lists import most_common
from extract.units import Unit
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.loading.load import load
from graph.opening import connect
from graph.store import Store
from tests.benchmarks.catalogs import MODEL, RN50, STAGE, add_words, units_alone
from tests.builders.neo4j_server import LocalNeo4j, fetched

JVM = ("-Xms1g", "-Xmx2g")
WARM = 20  # questions that do not count
BY_LENGTH = """
MATCH (u:Unit {key: $key})<-[a:ACTIVATES]-(w:Word)
WHERE w.length >= 5 AND a.z > 2
RETURN w.text AS word, a.z AS z ORDER BY z DESC LIMIT 10
"""


def times(ask: Callable[[Any], object], about: Iterable[Any]) -> tuple[float, float]:
    """Return the median and the 95th percentile of a question's milliseconds."""
    found = []
    for each in about:
        start = time.perf_counter()
        ask(each)
        found.append(1000 * (time.perf_counter() - start))
    return float(np.median(found[WARM:])), float(np.quantile(found[WARM:], 0.95))


def loaded(name: str, extraction: Extraction, into: Database | Path) -> None:
    """Load an extraction, and print how fast; a row is a word's activation of a unit."""
    start, rows = time.perf_counter(), extraction.table("words").num_rows
    load(extraction, into, progress=False)
    seconds = time.perf_counter() - start
    print(f"load, {name:38}{seconds:8.1f} s {rows / seconds:9,.0f} rows/s", flush=True)


def asked(database: Database, words: Sequence[str], count: int) -> dict[str, tuple[float, float]]:
    """Ask about `count` words or units of the last sum; return the times of each question, keyed by its name."""
    store, rng = Store(database).model(MODEL), np.random.default_rng(1)
    some = [words[n] for n in rng.choice(len(words), count + WARM, replace=False)]
    last = RN50.final
    chosen = [Unit(last, int(n)) for n in rng.choice(RN50.channels(last), count + WARM, replace=False)]

    def long_words(unit: Unit) -> object:
        return store.query(BY_LENGTH, {"key": f"{MODEL}/{unit}"})

    return {
        "units that read a word, of every layer": times(lambda word: store.readers(word), some),
        f"units that read a word, of {last}": times(lambda word: store.readers(word, last), some[::-1]),
        "words of a unit": times(lambda unit: store.words(unit), chosen),
        "long words of a unit, in Cypher": times(long_words, chosen[::-1]),
    }


def in_embedded(extraction: Extraction, folder: Path, words: Sequence[str], count: int) -> dict[str, Any]:
    loaded("embedded, in bulk", extraction, folder)
    with connect(folder) as database:
        found = asked(database, words, count)
    stop(folder)
    return found


def in_neo4j(extraction: Extraction, work: Path, jars: Path, words: Sequence[str], count: int) -> dict[str, Any]:
    server = LocalNeo4j(jars, work / "neo4j", JVM, "1g").start()
    with server.connect() as database:
        loaded("Neo4j, over Bolt", extraction, database)
        found = asked(database, words, count)
    server.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--asked", type=int, default=200, help="words or units asked for")
    parser.add_argument("--jars", type=Path, help="where Neo4j is or is fetched to; else a folder that is deleted")
    chosen = parser.parse_args()
    words = most_common(chosen.words)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        extraction = add_words(units_alone(work / "x"), words, STAGE)
        rows, units = extraction.table("words").num_rows, sum(map(RN50.channels, STAGE))
        print(f"{len(words):,} words, {units:,} units of {len(STAGE)} layers, {rows:,} kept rows", flush=True)
        embedded = in_embedded(extraction, work / "database", words, chosen.asked)
        neo4j = in_neo4j(extraction, work, fetched((chosen.jars or work).resolve()), words, chosen.asked)
    print(f"\n{'ms, median (95th percentile)':44} {'embedded':>16} {'Neo4j':>16}")
    for question in embedded:
        cells = [f"{half:.1f} ({late:.1f})" for half, late in (embedded[question], neo4j[question])]
        print(f"{question:44} {cells[0]:>16} {cells[1]:>16}")


if __name__ == "__main__":
    main()
