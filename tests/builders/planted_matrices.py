"""Write an extraction with dense matrices into one conv branch, of contributions whose distribution is known."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from extract.folder.encoding import Content
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from extract.units import Architecture, Layer

SHAPE = Architecture((1, 1, 1, 2), 8, 64)
TARGET = Layer(4, 1, 5)  # of 256 units

Plant = Callable[[np.random.Generator, int, int], np.ndarray]  # scaled weights (target units, source units)


def planted_matrices(
    folder: Path,
    plant: Plant,
    scales: np.ndarray,
    seed: int = 0,
    matrices: bool = True,
    others: Mapping[Layer, Plant] = MappingProxyType({}),
    model: str = "planted:matrices",
    shape: Architecture = SHAPE,
    target: Layer = TARGET,
) -> Extraction:
    """Write the extraction into a new folder; `scales` (units,) are the target's batch norm scales, all others are 1.

    `others` are further targets, each with what is planted there.
    """
    rng = np.random.default_rng(seed)
    settings = ExtractionSettings(targets=(*map(str, others), str(target)), strongest=1, matrices=matrices)
    extraction = Extraction.create(
        folder,
        Manifest(
            model=model,
            weights_sha256="0" * 64,
            blocks=shape.blocks,
            width=shape.width,
            image_size=shape.image_size,
            settings=settings,
            tools={},
        ),
    )
    contents: dict[str, Content] = {
        "units.parquet": pa.Table.from_pylist(_units(shape, target, scales), SCHEMAS["units"])
    }
    if matrices:
        for into, planted in {target: plant, **others}.items():
            contents[part("matrices", str(into))] = _arrays(rng, shape, into, planted)
    extraction.add(contents)
    return extraction


def _arrays(rng: np.random.Generator, shape: Architecture, target: Layer, plant: Plant) -> dict[str, np.ndarray]:
    """Return the means into a target as `plant` draws them, and magnitudes twice as large."""
    count = shape.channels
    means = {source: plant(rng, count(target), count(source)).astype(np.float32) for source in sources(shape, target)}
    arrays = {f"{source} mean": mean for source, mean in means.items()}
    return arrays | {f"{source} magnitude": 2 * np.abs(mean) for source, mean in means.items()}


def _units(shape: Architecture, target: Layer, scales: np.ndarray) -> list[dict[str, object]]:
    return [
        {"layer": str(layer), "channel": channel, "scale": None if layer.role == "sum" else scale}
        for layer in shape.layers
        for channel, scale in enumerate(scales if layer == target else np.ones(shape.channels(layer)))
    ]
