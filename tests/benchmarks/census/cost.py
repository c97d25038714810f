"""What a census costs: seconds, CPU seconds and peak memory of a network that is shown the bundled probes."""

import resource
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa

from extract.enrichment import pipeline
from extract.enrichment.census_of_sums import add_census
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.table import read
from extract.units import Layer
from tests.builders.extractions import without_edges

Cost = tuple[float, float, str]  # seconds, CPU seconds, peak memory so far


def print_cost(name: str, every: int = 1, whole: bool = False) -> None:
    """Measure a network's last sum, or all of them, on every n-th concept of the bundled probes.

    Weights other than the demo's are random, so that the verdicts mean nothing.
    """
    network, probes = load_network(name), few(read(), every)
    architecture = network.architecture
    layers = architecture.sums if whole else [architecture.final]
    units = sum(map(architecture.channels, layers))
    print(f"{name}: {len(layers)} sums, {units} units, {probes.num_rows} probes, before: {_peak()}", flush=True)
    for step, (seconds, cpu, peak) in costs(network, probes, layers).items():
        print(f"{step:24}{seconds:8.0f} s {cpu:8.0f} CPU s   {peak}", flush=True)


def few(probes: pa.Table, every: int) -> pa.Table:
    """Return the probes of every n-th concept."""
    concepts = np.array(probes["concept"].to_pylist())
    return probes.filter(np.isin(concepts, np.unique(concepts)[::every]))


def costs(network: Network, probes: pa.Table, layers: Sequence[Layer]) -> dict[str, Cost]:
    """Measure seconds, CPU seconds and peak memory so far, of the whole measurement and of the census in it."""
    took = dict[str, Cost]()
    census = _timed("census and ablation", add_census, took)
    with tempfile.TemporaryDirectory() as place, patch.object(pipeline, "add_census", census):
        extraction = without_edges(network, Path(place) / "x")
        _timed("all from probes on", pipeline.measure, took)(network, extraction, probes, layers, progress=False)
    return took


def _timed(step: str, run: Callable[..., object], took: dict[str, Cost]) -> Callable[..., None]:
    """Return a function that makes the same call and writes down what the call costs."""

    def timed(*arguments: Any, **named: Any) -> None:
        seconds, cpu = perf_counter(), process_time()
        run(*arguments, **named)
        took[step] = perf_counter() - seconds, process_time() - cpu, _peak()

    return timed


def _peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most"
