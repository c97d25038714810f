"""Calibrate expanded weights: compare them with the effect of ablating the source on the target.

An expanded weight takes every ReLU for the identity. The real effect of a source on a target is measured by ablating
the source's whole channel behind its ReLU, in two ways. The loss is how far the target's mean over positions falls. The
target is read as batch norm leaves it, or before its ReLU if it is a sum:

    slope   the source is replaced by its mean over reference images and positions; the number is the least-squares
            slope, over the images, of the target's loss on the source's mean over positions minus that replacement
    zero    the source is replaced by zero; the number is the target's mean loss divided by the source's mean

Where no ReLU lies between source and target, both numbers equal the expanded weight's sum over positions, except near
the border of the map. An edge has neither number if its source hardly varies over the images (by less than a hundredth
of its layer's average, so that rounding would decide), or if its target never fires (for a branch: if the sum never
fires). Half of the measured edges of a layer pair are its strongest by magnitude; the others are drawn at random from
the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL.Image import Image
from scipy.stats import spearmanr
from tqdm import tqdm

from extract.ablation.channel_ablation import Stretch
from extract.errors import AblationError, NoPath
from extract.expansion.expanded_weights import sweep
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources, support
from extract.folder.manifest import part
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.units import Architecture, Layer

EDGES = 600  # measured per layer pair
_NUMBERS = ("magnitude", "mean", "span", "slope", "zero")
_LEAST = 0.01  # deviation of a source over the mean deviation of its layer; a source that varies less is left out


@dataclass(frozen=True)
class ChosenEdges:
    """Edges of a layer pair, as channels of its layers, int (edges,) each.

    The first `strongest` edges are the strongest of the pair; the others are random.
    """

    source: np.ndarray
    target: np.ndarray
    strongest: int


def pairs(architecture: Architecture) -> list[tuple[Layer, Layer]]:
    """Return the layer pairs into the last conv branch, at growing depth.

    The sources are index 1 of the same block, the earlier sums of the same stage, and the last sum of each earlier
    stage.
    """
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
    """Measure edges of a layer pair on reference images, and write their rows to the extraction in place of older ones.

    Expanded weights are read from the extraction, or computed if the extraction has none. An interrupted run leaves the
    folder whole, with the pair's old rows or none. Raises NoPath if no edge leads from source to target, UnknownUnit
    for a layer that is not there, AblationError for fewer than two images, ExtractionError for an extraction of other
    weights or a full disk.
    """
    extraction.check(network.model, network.sha256)
    magnitude, mean, span = _weights(network, extraction, source, target)
    if len(images) < 2:
        raise AblationError(
            "A calibration compares a unit over several images, and there are fewer than two. Give more."
        )
    sample = choose(magnitude, edges, seed)
    slope, zero = measure(network, source, target, images, sample, progress)
    count, place = len(sample.source), (sample.target, sample.source)
    columns = {
        "source": [str(source)] * count,
        "source_channel": sample.source,
        "target": [str(target)] * count,
        "target_channel": sample.target,
        "chosen": ["strongest"] * sample.strongest + ["random"] * (count - sample.strongest),
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


def choose(magnitude: np.ndarray, edges: int, seed: int = 0) -> ChosenEdges:
    """Choose edges of a layer pair by its magnitudes (target channels, source channels): half strongest, half random.

    Chooses all edges if there are no more than `edges`.
    """
    order = np.argsort(-magnitude, axis=None, kind="stable")
    strongest = min(edges, len(order)) // 2
    others = np.sort(order[strongest:])  # so that the draw hardly depends on how magnitudes were rounded
    rest = np.random.default_rng(seed).choice(others, min(edges, len(order)) - strongest, replace=False)
    target, source = np.unravel_index(np.concatenate([order[:strongest], rest]), magnitude.shape)
    return ChosenEdges(source, target, strongest)


def measure(
    network: Network, source: Layer, target: Layer, images: Sequence[Image], edges: ChosenEdges, progress: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the slope of every edge, and its number under zero ablation, as float64 (edges,).

    Both are NaN if the source hardly varies over the images, or if the target never fires.
    """
    stretch = Stretch.of(network, source, target, images)
    slope, zero = np.full((2, len(edges.source)), np.nan)
    above = stretch.activity - stretch.activity.mean(axis=0)  # (images, source channels)
    deviation = above.std(axis=0)
    known = (deviation > _LEAST * deviation.mean())[edges.source] & stretch.alive[edges.target]  # (edges,)
    for channel in tqdm(np.unique(edges.source[known]), desc=f"{source} to {target}", disable=not progress):
        places = np.flatnonzero(known & (edges.source == channel))
        mean, own = float(stretch.activity[:, channel].mean()), above[:, channel]
        losses = [stretch.before - stretch.without(int(channel), value) for value in (mean, 0.0)]
        by_mean, by_zero = (loss[:, edges.target[places]] for loss in losses)  # (images, edges) each
        slope[places], zero[places] = own @ by_mean / (own @ own), by_zero.mean(axis=0) / mean
    return slope, zero


def _weights(
    network: Network, extraction: Extraction, source: Layer, target: Layer
) -> tuple[np.ndarray, np.ndarray, int]:
    """Read or compute magnitudes and means, float32 (target, source channels) each, and count a kernel's positions."""
    shape = network.architecture
    if shape.check(source) not in sources(shape, target):
        raise NoPath(f"No edge leads from {source} to {target}. Edges start at 1, 3 and the sums of the layers below.")
    span = support(shape, source, target).span
    saved = [extraction.matrix(source, target, kind) for kind in ("magnitude", "mean")]
    matrices = [matrix.astype(np.float32) for matrix in saved if matrix is not None]
    if len(matrices) < 2:
        swept = [parts[source] for _, parts in sweep(network, target, range(shape.channels(target)), [source])]
        sums = torch.cat([each.sum for each in swept]) / span
        matrices = [torch.cat([each.magnitude for each in swept]).numpy(), sums.numpy()]
    return matrices[0], matrices[1], span


@dataclass(frozen=True)
class Agreement:
    """How well expanded weights and measured effects of a layer pair agree, over its strongest or its random edges.

    `n` edges were measured; `left_out` edges have no measurement. `means` is Spearman's rank correlation of mean times
    span with the slope. `zeros` is the rank correlation of mean times span with the number under zero ablation.
    `magnitudes` is the rank correlation of the magnitude with the slope's absolute value. `signs` is the share of edges
    whose mean and slope have the same sign. Each is None for fewer than three edges, or if all values are equal. The
    magnitudes of the strongest edges are so close to each other that their ranks say little.
    """

    source: str
    target: str
    chosen: str
    n: int
    left_out: int
    means: float | None
    zeros: float | None
    magnitudes: float | None
    signs: float | None


def agreements(table: pa.Table) -> list[Agreement]:
    """Compute one agreement for every layer pair and kind of edges in the calibration table, in the table's order."""
    kinds = dict.fromkeys(zip(*(table[name].to_pylist() for name in ("source", "target", "chosen")), strict=True))
    return [_agreement(table, *kind) for kind in kinds]


def _agreement(table: pa.Table, source: str, target: str, kind: str) -> Agreement:
    of_kind = (pc.field("source") == source) & (pc.field("target") == target) & (pc.field("chosen") == kind)
    edges = {name: table.filter(of_kind)[name].to_numpy().astype(np.float64) for name in _NUMBERS}  # null becomes NaN
    known = ~np.isnan(edges["slope"])
    magnitude, mean, span, slope, zero = (edges[name][known] for name in _NUMBERS)
    return Agreement(
        source,
        target,
        kind,
        n=int(known.sum()),
        left_out=int((~known).sum()),
        means=_unless_equal(_rank_correlation, mean * span, slope),
        zeros=_unless_equal(_rank_correlation, mean * span, zero),
        magnitudes=_unless_equal(_rank_correlation, magnitude, np.abs(slope)),
        signs=_unless_equal(_same_signs, mean, slope),
    )


def _unless_equal(
    measure: Callable[[np.ndarray, np.ndarray], float], one: np.ndarray, other: np.ndarray
) -> float | None:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return measure(one, other)


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(spearmanr(one, other).statistic)


def _same_signs(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.sign(one) == np.sign(other)).mean())
