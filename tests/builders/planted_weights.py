"""Write an extraction with kernels and distributions of the planted network's weights."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from tests.builders.planted_catalog import MODEL

SOURCE, TARGET = "4/2/3", "4/2/5"
MEANS = (0.5, -0.25, 1.0)  # of the weights into the first three units of the target


def kernels() -> np.ndarray:
    """Return kernels of one position whose edges are those of the planted catalog, as float16 (32, 8, 1, 1)."""
    into, out = 1 + np.arange(32) / 100, (-1.0) ** np.arange(8) * np.arange(1, 9)
    return np.outer(into, out).astype(np.float16)[:, :, None, None]


def planted_weights(folder: Path, weights_sha256: str = "0" * 64) -> Extraction:
    """Write the extraction into a new folder; with other weights it does not belong to the planted catalog."""
    settings = ExtractionSettings(targets=(TARGET,), strongest=1, matrices=False)
    manifest = Manifest(
        model=MODEL,
        weights_sha256=weights_sha256,
        blocks=(1, 1, 1, 3),
        width=1,
        image_size=64,
        settings=settings,
        tools={},
    )
    extraction = Extraction.create(folder, manifest)
    rows = [
        {"layer": TARGET, "channel": channel, "other": SOURCE, "direction": "backward", "n": 8, "mean": mean, "sd": 2.0}
        for channel, mean in enumerate(MEANS)
    ]
    rows += [{**row, "direction": "forward", "other": "4/2/6", "n": 32} for row in rows[:1]]
    extraction.add(
        {
            part("matrices", TARGET): {f"{SOURCE} kernel": kernels()},
            part("distributions", TARGET): pa.Table.from_pylist(rows, SCHEMAS["distributions"]),
        }
    )
    return extraction
