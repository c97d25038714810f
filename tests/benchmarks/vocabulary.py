"""10,000 words against all units of RN50's last stage: how long they take to load, and to answer.

    python tests/benchmarks/vocabulary.py [--words 10000]

The activations are random, of the size and schema of real ones; the words are the most common English ones. Loaded into
the embedded server; the times of the questions are of one client, the server warm, each asked of a hundred words or
units.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from extract.extraction import Extraction, Manifest, Settings
from extract.schemas import SCHEMAS
from extract.units import ARCHITECTURES, Layer, Unit
from extract.vocabulary import TABLES, table
from extract.words import most_common
from graph.database import connect
from graph.load import load
from graph.local_server import stop
from graph.store import CircuitStore

MODEL, RN50 = "RN50:synthetic", ARCHITECTURES["RN50"]
STAGE = [layer for layer in RN50.layers if layer.stage == 4]
BY_LENGTH = """
MATCH (w:Word {model: $model})-[a:ACTIVATES]->(u:Unit {key: $key})
WHERE w.length >= 5 AND a.z > 2
RETURN w.text AS word, a.z AS z ORDER BY z DESC LIMIT 10
"""


def synthetic(path: Path, words: tuple[str, ...]) -> Extraction:
    """RN50's units, no edges, and what the last stage's units do on every word."""
    manifest = Manifest(
        model=MODEL,
        weights_sha256="0" * 64,
        blocks=RN50.blocks,
        width=RN50.width,
        image_size=RN50.image_size,
        settings=Settings(targets=(), strongest=1, matrices=False),
        tools={},
    )
    extraction, rng = Extraction.create(path, manifest), np.random.default_rng(0)
    units = [{"layer": str(layer), "channel": c} for layer in RN50.layers for c in range(RN50.channels(layer))]
    vocabulary = [{"text": word, "kind": "word", "length": len(word), "lettering": "random"} for word in words]
    rows = []
    for layer in STAGE:
        values = rng.lognormal(size=(len(words), RN50.channels(layer))).astype(np.float32)  # (words, channels)
        rows.append(table(layer, np.array(words), values, (values - values.mean(axis=0)) / values.std(axis=0)))
    read = (pa.Table.from_pylist(vocabulary, SCHEMAS["vocabulary"]), pa.concat_tables(rows))
    extraction.add(
        {"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])} | dict(zip(TABLES, read, strict=True))
    )
    return extraction


def median(ask: Callable[[Any], object], about: Iterable[Any]) -> tuple[float, float]:
    """Milliseconds that a question takes, half of the time and 95 times of 100."""
    times = []
    for each in about:
        start = time.perf_counter()
        ask(each)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times)), float(np.quantile(times, 0.95))


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what:44}{time.perf_counter() - start:8.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=10_000)
    words = most_common(parser.parse_args().words)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "database"
        extraction = synthetic(Path(place) / "x", words)
        rows, units = extraction.table("words").num_rows, sum(map(RN50.channels, STAGE))
        print(f"{len(words):,} words, {units:,} units of {len(STAGE)} layers, {rows:,} kept rows")
        with timed("load"):
            load(extraction, folder, progress=False)
        with timed("start"):
            database = connect(folder)
            store = CircuitStore(database)
            store.model(MODEL)
        rng = np.random.default_rng(1)
        some = [words[n] for n in rng.choice(len(words), 110, replace=False)]
        chosen = [Unit(Layer(4, 2, 6), int(n)) for n in rng.choice(2048, 110, replace=False)]
        questions: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
            "units that read a word, of every layer": (lambda word: store.readers(MODEL, word), some),
            "units that read a word, of 4/2/6": (lambda word: store.readers(MODEL, word, Layer(4, 2, 6)), some),
            "words of a unit": (lambda unit: store.words(MODEL, unit), chosen),
            "long words of a unit, in Cypher": (
                lambda unit: store.query(BY_LENGTH, {"model": MODEL, "key": f"{MODEL}/{unit}"}), chosen
            ),
        }  # fmt: skip
        print(f"{'':44}median ms   p95 ms")
        for name, (ask, about) in questions.items():
            for each in about[:10]:
                ask(each)
            half, most = median(ask, about[10:])
            print(f"{name:44}{half:9.1f}{most:9.1f}", flush=True)
        database.close()
        stop(folder)


if __name__ == "__main__":
    main()
