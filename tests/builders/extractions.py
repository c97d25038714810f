"""Extraction folders for tests to fill."""

from pathlib import Path

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest
from extract.network.network import Network

BARE = "bare:by-hand"


def without_edges(network: Network, folder: Path) -> Extraction:
    """Create an extraction of a network, without target layers and with nothing in it yet."""
    shape = network.architecture
    manifest = Manifest(
        model=network.model,
        weights_sha256=network.sha256,
        blocks=shape.blocks,
        width=shape.width,
        image_size=shape.image_size,
        settings=ExtractionSettings(targets=(), strongest=1, matrices=False),
        tools={},
    )
    return Extraction.create(folder, manifest)


def units_alone(extraction: Extraction, folder: Path) -> Extraction:
    """Create an extraction of the same units under another name, without edges and without probes."""
    settings = extraction.manifest.settings.model_copy(update={"targets": ()})
    manifest = extraction.manifest.model_copy(update={"files": {}, "model": BARE, "settings": settings})
    bare = Extraction.create(folder, manifest)
    bare.add({"units.parquet": extraction.table("units")})
    return bare
