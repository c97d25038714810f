"""Extraction folders for tests to fill."""

from pathlib import Path

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest
from extract.network.network import Network


def without_edges(network: Network, folder: Path) -> Extraction:
    """A new extraction of a network, of no target layer, with nothing in it yet."""
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
