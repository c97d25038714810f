"""A catalog of the demo network with few edges and few probes, for tests that ask the network itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc

from extract.probes.table import read
from extract.units import Layer
from graph.embedded.server import stop
from graph.loading.load import load

MODEL = "demo:emoji"
TARGET = "1/1/3"  # the one layer with inputs
MEASURED = Layer(1, 1, 6)  # the one sum that was shown probes


def demo_catalog(folder: Path) -> None:
    """Fill the folder of an embedded database with the demo's units, and end the server that has it open."""
    from extract.enrichment import pipeline  # torch is slow to import
    from extract.expansion import atlas
    from extract.network.weights import load_network

    network = load_network("demo")
    with TemporaryDirectory() as place:
        extraction = atlas.extract(network, Path(place) / "demo.extraction", [TARGET], strongest=2, progress=False)
        probes = read()
        few = probes.filter(pc.starts_with(probes["concept"], "ban"))
        pipeline.measure(network, extraction, few, [MEASURED], progress=False)
        load(extraction, folder, progress=False)
        stop(folder)
