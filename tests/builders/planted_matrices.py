"""Write an extraction with dense matrices into one conv branch, of contributions whose distribution is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Content, Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from extract.units import Architecture, Layer

SHAPE = Architecture((1, 1, 1, 2), 8, 64)
TARGET = Layer(4, 1, 5)  # of 256 units

Plant = Callable[[np.random.Generator, int, int], np.ndarray]  # scaled weights (target units, source units)


def planted_matrices(
    folder: Path, plant: Plant, scales: np.ndarray, seed: int = 0, matrices: bool = True
) -> Extraction:
    """Write into a new folder; `scales` are the target's (units,), those of all other batch norms are 1."""
    rng, count = np.random.default_rng(seed), SHAPE.channels
    settings = ExtractionSettings(targets=(str(TARGET),), strongest=1, matrices=matrices)
    extraction = Extraction.create(
        folder,
        Manifest(
            model="planted:matrices",
            weights_sha256="0" * 64,
            blocks=SHAPE.blocks,
            width=SHAPE.width,
            image_size=SHAPE.image_size,
            settings=settings,
            tools={},
        ),
    )
    contents: dict[str, Content] = {"units.parquet": pa.Table.from_pylist(_units(scales), SCHEMAS["units"])}
    if matrices:
        means = {
            source: plant(rng, count(TARGET), count(source)).astype(np.float32) for source in sources(SHAPE, TARGET)
        }
        arrays = {f"{source} mean": mean for source, mean in means.items()}
        arrays |= {f"{source} magnitude": 2 * np.abs(mean) for source, mean in means.items()}
        contents[part("matrices", str(TARGET))] = arrays
    extraction.add(contents)
    return extraction


def _units(scales: np.ndarray) -> list[dict[str, object]]:
    return [
        {"layer": str(layer), "channel": channel, "scale": None if layer.role == "sum" else scale}
        for layer in SHAPE.layers
        for channel, scale in enumerate(scales if layer == TARGET else np.ones(SHAPE.channels(layer)))
    ]
