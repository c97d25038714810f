"""Networks of which it is known which units are enrichment circuits, and images for the networks to see.

An image is a sum of patterns: one of its group of concepts, one of its concept, and nuisances that are related to
neither. No pattern has a colour or a darkness of its own, and no name tells the group, so that a covariate explains a
planted facet by chance only. The network is open_clip's own with random weights, except conv3 and bn3 of the last two
blocks. They are solved for by ridge regression, so that a unit's shortcut and conv branch answer to the groups or
nuisances that the unit's kind says.
"""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor
from torch.nn import BatchNorm2d

from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.network.weights import load_network
from extract.probes.table import images

Kind = Literal["enriched", "one facet", "one branch", "discarded", "drowned", "noise"]
KINDS: tuple[Kind, ...] = ("enriched", "one facet", "one branch", "discarded", "drowned", "noise")
CONFIG = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 2], "width": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1},
}
GROUPS, CONCEPTS, NUISANCES, EACH = 6, 32, 4, 2  # groups, concepts of each, nuisances, images of a concept and split
SIDE, TILE = 64, 8  # pixels


@dataclass(frozen=True)
class Planted:
    """A network, images, and the kind of every unit of its last sum."""

    network: Network
    probes: pa.Table
    kinds: np.ndarray


def planted(folder: Path, seed: int, null: bool = False) -> Planted:
    """Make a network and images from a seed; with `null` there are units of every kind except enriched ones."""
    rng = np.random.default_rng(seed)
    probes, group, nuisance = _images(rng)
    file = folder / f"planted-{seed}.json"
    file.write_text(json.dumps(CONFIG))
    network = load_network(str(file), seed=seed)
    units = network.architecture.channels(network.architecture.final)
    kinds = rng.choice(KINDS[1:] if null else KINDS, units)
    shortcut, conv = _targets(rng, kinds, group, nuisance)
    _plant(network, probes, shortcut, conv)
    return Planted(network, probes, kinds)


def _images(rng: np.random.Generator) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Draw the probes; return them, the group of each (n,), and how much of each nuisance is in each (n, NUISANCES)."""
    patterns = [_patterns(rng, count) for count in (GROUPS, GROUPS * CONCEPTS, NUISANCES)]
    concept = np.repeat(np.arange(GROUPS * CONCEPTS), 2 * EACH)
    nuisance = rng.normal(size=(len(concept), NUISANCES))
    names = rng.permutation(GROUPS * CONCEPTS)
    rows = []
    for n, c in enumerate(concept):
        image = patterns[0][c // CONCEPTS] + 0.3 * patterns[1][c] + np.tensordot(0.5 * nuisance[n], patterns[2], 1)
        pixels = 128 + 40 * (image + 0.1 * rng.normal(size=image.shape))
        stream = BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, "png")
        split = ("discovery", "held-out")[n // EACH % 2]
        modality = ("picture", "word")[c // CONCEPTS % 2]  # every other group
        rows.append(
            {"id": f"{n:04}", "modality": modality, "concept": f"{names[c]:03}", "source": "planted", "split": split}
            | {"sensitive": False, "image": stream.getvalue()}
        )
    return pa.Table.from_pylist(rows, schema=SCHEMAS["probes"]), concept // CONCEPTS, nuisance


def _patterns(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw wallpapers (count, SIDE, SIDE, 3) of mean colour 0. They repeat: a pooled unit sees the same everywhere."""
    tiles = rng.normal(size=(count, TILE, TILE, 3))
    return np.tile(tiles - tiles.mean(axis=(1, 2), keepdims=True), (1, SIDE // TILE, SIDE // TILE, 1))


def _targets(
    rng: np.random.Generator, kinds: np.ndarray, group: np.ndarray, nuisance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the shortcut and the conv branch of every unit are to do on every image, as two arrays (n, units)."""
    shortcut, conv = np.zeros((2, len(group), len(kinds)))
    for unit, kind in enumerate(kinds):
        one, other = (1.0 * (group == g) for g in rng.choice(GROUPS, 2, replace=False))
        noise = [0.4 * nuisance @ rng.normal(size=NUISANCES) / np.sqrt(NUISANCES) for _ in range(2)]
        pair = {
            "enriched": (one, other),
            "one facet": (one, one),
            "one branch": (one, noise[0]),
            "discarded": (one - 1.5 * other, other),  # the sum opposes it
            "drowned": (one + noise[0], 0.02 * other),
            "noise": (noise[0], noise[1]),
        }[kind]
        shortcut[:, unit], conv[:, unit] = (
            pair if rng.random() < 0.5 or kind in ("discarded", "drowned") else pair[::-1]
        )
    return shortcut, conv


@torch.no_grad()
def _plant(network: Network, probes: pa.Table, shortcut: np.ndarray, conv: np.ndarray) -> None:
    """Solve for the conv3 and bn3 of the last two blocks."""
    visual: Any = network.visual
    below, last = visual.layer4
    pixels = torch.cat(list(stack(images(probes), network.preprocess, 64)))
    _calibrate(visual, pixels)
    norm = below.get_submodule("downsample.1")
    norm.weight.zero_()
    norm.bias.zero_()
    for block, target, floor in (
        (below, shortcut, 1.5),
        (last, conv, 0.0),
    ):  # a floor above the ReLU's zero, so that the ReLU cuts little
        _solve(block, _inside(visual, block, pixels), target + floor)


def _calibrate(visual: Any, pixels: Tensor) -> None:
    """Set the batch norms to the statistics of these images, so that no channel of random weights is dead."""
    norms = [module for module in visual.modules() if isinstance(module, BatchNorm2d)]
    for norm in norms:
        norm.reset_parameters()
        norm.momentum = None  # a plain average
    visual.train()
    for some in torch.split(pixels, 64):
        visual(some)
    visual.eval()


def _inside(visual: Any, block: Any, pixels: Tensor) -> np.ndarray:
    """Return what enters a block's conv3, averaged over positions: (n, channels)."""
    found: list[Tensor] = []
    handle = block.conv3.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].mean((2, 3))))
    for some in torch.split(pixels, 64):
        visual(some)
    handle.remove()
    return np.asarray(torch.cat(found).double().numpy())


def _solve(block: Any, features: np.ndarray, target: np.ndarray, ridge: float = 1e-3) -> None:
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    normal = (features - mean) / scale
    weights = np.linalg.solve(
        normal.T @ normal / len(normal) + ridge * np.eye(len(mean)), normal.T @ target / len(normal)
    )
    weights = (weights / scale[:, None]).T  # (units, channels)
    block.conv3.weight.copy_(torch.from_numpy(weights)[:, :, None, None])
    block.bn3.running_mean.zero_()
    block.bn3.running_var.fill_(1 - block.bn3.eps)
    block.bn3.weight.fill_(1)
    block.bn3.bias.copy_(torch.from_numpy(target.mean(axis=0) - weights @ mean))
