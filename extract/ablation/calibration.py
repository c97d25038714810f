"""How far expanded weights foretell what units do to one another: static edges against measured ones.

An expanded weight takes every ReLU for the identity. What a source really does to a target is measured by taking its
whole channel away behind its ReLU, in two ways, and reading how far the target's mean over positions falls, as batch
norm leaves it, or of a sum before its ReLU:

    slope   the source is replaced by its mean over reference images and positions; the least-squares slope, over the
            images, of what the target loses on how far the source's mean over positions lies above that mean
    zero    the source is replaced by nothing; what the target loses on average, over the source's mean

Where no ReLU lies between, both are the sum of the expanded weight but for the border. An edge whose source hardly
varies over the images (by less than a hundredth of what its layer's units do on average: rounding would rule) or whose
target never fires (a branch's: its sum) has neither number. Half of the edges of a layer pair are its strongest by
magnitude, the others drawn at random from the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from PIL.Image import Image
from tqdm import tqdm

from extract.ablation.channel_ablation import Stretch
from extract.errors import AblationError, NoPath
from extract.expansion.expanded_weights import sources, support, sweep
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.units import Architecture, Layer

EDGES = 600  # of a layer pair
_LEAST = 0.01  # that a source must vary, over the mean of its layer


@dataclass(frozen=True)
class Edges:
    """Edges of a layer pair by their channels, int (edges,) each; the first `strongest` are that, the others random."""

    source: np.ndarray
    target: np.ndarray
    strongest: int


def pairs(architecture: Architecture) -> list[tuple[Layer, Layer]]:
    """Pairs into the last conv branch at growing depth: from its block's 1, its stage's sums, and each stage's last."""
    stage, block = architecture.final.stage, architecture.final.block
    own = [Layer(stage, number, 5).output for number in reversed(range(block))]
    ends = [Layer(s, architecture.blocks[s - 1] - 1, 5).output for s in reversed(range(1, stage))]
    return [(source, Layer(stage, block, 5)) for source in (Layer(stage, block, 1), *own, *ends)]


@torch.inference_mode()
def calibrate(
    network: Network,
    extraction: Extraction,
    source: Layer,
    target: Layer,
    images: Sequence[Image],
    edges: int = EDGES,
    seed: int = 0,
    progress: bool = True,
) -> pa.Table:
    """Measure edges of a layer pair on reference images; their rows, in the extraction instead of the pair's old ones.

    Static weights are the extraction's where it has them, else computed. An interrupted run leaves the folder
    whole, with the pair's old rows or none. Raises NoPath where no edge leads from source to target, UnknownUnit,
    AblationError for fewer than two images, ExtractionError for an extraction of other weights or a disk that refuses.
    """
    extraction.check(network.model, network.sha256)
    magnitude, mean, span = _weights(network, extraction, source, target)
    if len(images) < 2:
        raise AblationError("There are no two images, and what a unit does is compared over several. Give more.")
    chosen = choose(magnitude, edges, seed)
    slope, zero = measure(network, source, target, images, chosen, progress)
    count, place = len(chosen.source), (chosen.target, chosen.source)
    columns = {
        "source": [str(source)] * count,
        "source_channel": chosen.source,
        "target": [str(target)] * count,
        "target_channel": chosen.target,
        "chosen": ["strongest"] * chosen.strongest + ["random"] * (count - chosen.strongest),
        "magnitude": magnitude[place],
        "mean": mean[place],
        "span": [span] * count,
        "slope": pa.array(slope, from_pandas=True),
        "zero": pa.array(zero, from_pandas=True),
    }
    table = pa.table(columns).cast(SCHEMAS["calibration"])
    name = part("calibration", f"{source}-{target}")
    extraction.drop([name])
    extraction.add({name: table})
    return table


def choose(magnitude: np.ndarray, edges: int, seed: int = 0) -> Edges:
    """So many edges of a layer pair, by its magnitudes (target channels, source channels): all if there are no more."""
    order = np.argsort(-magnitude, axis=None, kind="stable")
    strongest = min(edges, len(order)) // 2
    others = np.sort(order[strongest:])  # so that the draw hardly depends on how magnitudes were rounded
    rest = np.random.default_rng(seed).choice(others, min(edges, len(order)) - strongest, replace=False)
    target, source = np.unravel_index(np.concatenate([order[:strongest], rest]), magnitude.shape)
    return Edges(source, target, strongest)


def measure(
    network: Network, source: Layer, target: Layer, images: Sequence[Image], chosen: Edges, progress: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The slope of every edge, and its change under zero ablation over its source's mean: float64 (edges,) each.

    NaN where the source hardly varies over the images, or the target never fires.
    """
    stretch = Stretch.of(network, source, target, images)
    slope, zero = np.full((2, len(chosen.source)), np.nan)
    above = stretch.activity - stretch.activity.mean(axis=0)  # (images, source channels)
    spread = above.std(axis=0)
    known = (spread > _LEAST * spread.mean())[chosen.source] & stretch.alive[chosen.target]  # (edges,)
    for channel in tqdm(np.unique(chosen.source[known]), desc=f"{source} to {target}", disable=not progress):
        edges = np.flatnonzero(known & (chosen.source == channel))
        mean, own = float(stretch.activity[:, channel].mean()), above[:, channel]
        lost = [stretch.before - stretch.without(int(channel), value) for value in (mean, 0.0)]
        by_mean, by_zero = (each[:, chosen.target[edges]] for each in lost)  # (images, edges) each
        slope[edges], zero[edges] = own @ by_mean / (own @ own), by_zero.mean(axis=0) / mean
    return slope, zero


def _weights(
    network: Network, extraction: Extraction, source: Layer, target: Layer
) -> tuple[np.ndarray, np.ndarray, int]:
    """Magnitudes and means, float32 (target channels, source channels) each, and the positions a kernel spans."""
    shape = network.architecture
    if shape.check(source) not in sources(shape, target):
        raise NoPath(f"No edge leads from {source} to {target}. Edges start at 1, 3 and the sums of the layers below.")
    span = support(shape, source, target).span
    kept = [extraction.matrix(source, target, "magnitude"), extraction.matrix(source, target, "mean")]
    found = [matrix.astype(np.float32) for matrix in kept if matrix is not None]
    if len(found) < 2:
        swept = [parts[source] for _, parts in sweep(network, target, range(shape.channels(target)), [source])]
        sums = torch.cat([each.sum for each in swept]) / span
        found = [torch.cat([each.magnitude for each in swept]).numpy(), sums.numpy()]
    return found[0], found[1], span
