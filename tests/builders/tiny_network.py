"""Build a small network with random weights, and probes of noise for it."""

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from PIL import Image

from extract.folder.schemas import SCHEMAS

if TYPE_CHECKING:
    from extract.network.network import Network

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [2, 1, 1, 3], "width": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1},
}


def tiny_network(folder: Path) -> "Network":
    """Build a ModifiedResNet of 7 blocks with uneven batch norms; 64 pixels, 256 final units, final maps of 2 x 2."""
    from extract.network.weights import load_network  # torch is slow to import

    file = folder / "tiny.json"
    file.write_text(json.dumps(TINY))
    return load_network(str(file), seed=7)


def noise_probes() -> pa.Table:
    """Build 88 probes of noise: 11 concepts in 2 modalities, each with 2 probes for discovery and 2 held out."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(88):
        stream = BytesIO()
        Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8)).save(stream, "png")
        rows.append(
            {
                "id": f"{number:02}", "modality": ("picture", "word")[number // 11 % 2], "concept": str(number % 11),
                "source": "noise", "split": ("discovery", "held-out")[number // 44], "sensitive": False,
                "image": stream.getvalue(),
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMAS["probes"])


def tinted_probes(count: int = 300) -> pa.Table:
    """Build probes of noise in random tints, of 60 concepts; every fifth probe is held out."""
    generator, rows = np.random.default_rng(3), list[dict[str, object]]()
    for number in range(count):
        stream = BytesIO()
        tint = generator.integers(0, 200, 3)
        Image.fromarray((generator.integers(0, 56, (64, 64, 3)) + tint).astype(np.uint8)).save(stream, "png")
        split = "held-out" if number % 5 == 4 else "discovery"
        row = {"id": f"{number:03}", "modality": "picture", "concept": str(number % 60), "source": "noise"}
        rows.append(row | {"split": split, "sensitive": False, "image": stream.getvalue()})
    return pa.Table.from_pylist(rows, schema=SCHEMAS["probes"])
