"""A catalog of the demo network without its edges, for what asks the network itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from extract.schemas import SCHEMAS
from extract.weights import load_network
from graph.load import load
from graph.local_server import stop
from tests.extractions import without_edges

MODEL = "demo:emoji"


@contextmanager
def demo_catalog(folder: Path) -> Iterator[Path]:
    """The folder of an embedded database that holds the demo's units, whose server runs until the end."""
    network = load_network("demo")
    shape = network.architecture
    extraction = without_edges(network, folder / "demo.extraction")
    units = [{"layer": str(layer), "channel": c} for layer in shape.layers for c in range(shape.channels(layer))]
    extraction.add({"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])})
    load(extraction, folder / "database", progress=False)
    yield folder / "database"
    stop(folder / "database")
