"""A catalog of the demo network with few edges and few probes, for what asks the network itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc

from extract.enrichment import evidence
from extract.expansion import atlas
from extract.network.weights import load_network
from extract.probes.table import read
from extract.units import Layer
from graph.embedded.server import stop
from graph.loading.load import load

MODEL = "demo:emoji"
TARGET = "1/1/3"  # the one layer with inputs
MEASURED = Layer(1, 1, 6)  # the one sum that was shown probes


@contextmanager
def demo_catalog(folder: Path) -> Iterator[Path]:
    """The folder of an embedded database that holds the demo's units, whose server runs until the end."""
    network = load_network("demo")
    extraction = atlas.extract(network, folder / "demo.extraction", [TARGET], strongest=2, progress=False)
    probes = read()
    few = probes.filter(pc.starts_with(probes["concept"], "ban"))
    evidence.measure(network, extraction, few, [MEASURED], progress=False)
    load(extraction, folder / "database", progress=False)
    yield folder / "database"
    stop(folder / "database")
