"""Compare what the strongest edges answer with what all edges of the demo answer, to choose how many are kept.

Extracts the demo once with all its edges and once for each number kept, loads each into a database of its own, asks all
of them the same questions, and prints what is kept and the share of questions whose first answers are the same:

    python -m tests.benchmarks.kept [--strongest 10 20 40] [--units 200] [--seed 0]
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import clip_circuits as cc
from catalog import Catalog, Model
from extract.expansion.atlas import extract
from extract.network.weights import load_network
from extract.units import Layer, Unit
from graph.embedded.server import stop
from graph.records import Measure

ALL = 10**6  # more than a layer has channels
FIRST = 20  # answers of a question that are compared
LABELLED = 200  # units with a label, for the queries that ask about labels
LABEL = "one"
Answer = Sequence[object]


@dataclass(frozen=True)
class Kept:
    """What a database holds, and its answers, keyed by the kind of question."""

    edges: int
    folder: float  # GB
    database: float  # GB
    seconds: float  # that the load took
    answers: dict[str, list[Answer]]


def questions(catalog: Catalog, units: int, seed: int) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Yield what people ask of edges, each with the kind of question that it is."""
    model, rng = catalog.model(), np.random.default_rng(seed)

    def drawn(layer: Layer) -> Unit:
        return Unit(layer, int(rng.integers(model.architecture.channels(layer))))

    sweeps = list(model.sweeps())
    for place in rng.integers(len(sweeps), size=units):
        source, target = sweeps[place].source, sweeps[place].target
        for by in ("magnitude", "mean"):
            yield f"inputs by {by}", partial(inputs, model, drawn(target), source, by)
            yield f"outputs by {by}", partial(outputs, model, drawn(source), target, by)
    for layer in model.architecture.sums:
        for unit in [drawn(layer) for _ in range(units // len(model.architecture.sums))]:
            yield "four-step traces", partial(trace, model, unit)
            yield "facet-inputs", partial(rows, catalog, "facet-inputs", unit=str(unit))
        yield "find --by weights", partial(by_weights, model, layer)
        yield "driven-by-label", partial(rows, catalog, "driven-by-label", layer=str(layer), label=LABEL)
        yield "next-to-labelled", partial(rows, catalog, "next-to-labelled", layer=str(layer))
    yield "chains", partial(rows, catalog, "chains", layer=str(layer), verdict=None)  # of the last sum


def inputs(model: Model, unit: Unit, source: Layer, by: Measure) -> Answer:
    return [edge.source for edge in model.unit(unit).inputs(FIRST // 2, source, by=by)]


def outputs(model: Model, unit: Unit, target: Layer, by: Measure) -> Answer:
    return [edge.target for edge in model.unit(unit).outputs(FIRST // 2, target, by=by)]


def trace(model: Model, unit: Unit) -> Answer:
    edges = model.unit(unit).trace(steps=4).record.edges
    return sorted((str(edge.source), str(edge.target)) for edge in edges)


def by_weights(model: Model, layer: Layer) -> Answer:
    return [candidate.unit for candidate in model.candidates_by_weights(layer, limit=FIRST)]


def rows(catalog: Catalog, name: str, **parameters: str | None) -> Answer:
    answer = catalog.queries.run(name, parameters, timeout=600)
    return [{column: value for column, value in row.items() if column not in _SUMS} for row in answer[:FIRST]]


_SUMS = ("strength",)  # of magnitudes, which round otherwise where more edges are stored


def answers(folder: Path, strongest: int, units: int, seed: int) -> Kept:
    """Extract and load the demo with `strongest` edges kept; return what it holds, and its answers to the questions."""
    extraction = extract(load_network("demo"), folder / "x", strongest=strongest, matrices=False, progress=False)
    answered = defaultdict[str, list[Answer]](list)
    with cc.open_catalog(folder / "database") as catalog:
        start = time.perf_counter()
        model = catalog.load(extraction.path, progress=False)
        seconds = time.perf_counter() - start
        label(model, seed)
        for kind, ask in questions(catalog, units, seed):
            answered[kind].append(ask())
        edges = model.card.edges
    stop(folder / "database")
    return Kept(edges, gigabytes(folder / "x"), gigabytes(folder / "database"), seconds, answered)


def label(model: Model, seed: int) -> None:
    """Label units drawn from the whole network, half of them with the label that a query asks for."""
    rng, layers = np.random.default_rng(seed + 1), model.architecture.layers
    for number, place in enumerate(rng.integers(len(layers), size=LABELLED)):
        channel = int(rng.integers(model.architecture.channels(layers[place])))
        model.unit(Unit(layers[place], channel)).label(LABEL if number % 2 else "another", author="benchmark")


def gigabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strongest", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    measured = dict[int, Kept]()
    for strongest in (ALL, *options.strongest):
        with TemporaryDirectory() as folder:
            measured[strongest] = answers(Path(folder), strongest, options.units, options.seed)
        kept = measured[strongest]
        name = "all" if strongest == ALL else f"{strongest} strongest"
        sizes = f"folder {kept.folder:.2f} GB, database {kept.database:.2f} GB, load {kept.seconds:.0f} s"
        print(f"{name}: {kept.edges:,} edges, {sizes}", flush=True)
    print(f"{'share with the same first answers':34} asked", *(f"{k:>6}" for k in options.strongest))
    for kind, wanted in measured[ALL].answers.items():
        shares = [
            np.mean([a == b for a, b in zip(wanted, measured[k].answers[kind], strict=True)]) for k in options.strongest
        ]
        print(f"{kind:34} {len(wanted):5}", *(f"{share:6.1%}" for share in shares))


if __name__ == "__main__":
    main()
