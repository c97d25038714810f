"""Extract a network: the expanded weights into every target layer, one layer's shard at a time.

Finished shards are never computed again, so an interrupted extraction resumes where it stopped. On one machine the same
settings and tools give the same bytes, however often it was interrupted.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from extract.errors import ExtractionError, UnknownUnit
from extract.expansion.layer_tables import shard, units
from extract.expansion.randomised_weights import sweep_randomised
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources, support
from extract.folder.manifest import CARD, ExtractionSettings, Manifest, RecordedPreparation, part
from extract.network.network import Network
from extract.units import Architecture, Layer

_TOOLS = ("open_clip_torch", "numpy", "pyarrow", "safetensors")
_COPIES = 8  # of a unit's largest gradient that a step of the sweep may hold at once


def extract(
    network: Network,
    path: Path,
    targets: Iterable[str] | None = None,
    strongest: int = 20,
    matrices: bool = True,
    memory: int = 2**31,
    progress: bool = True,
    device: str = "cpu",
) -> Extraction:
    """Make the extraction folder, or finish the one begun there with the same settings.

    `targets` are layers and patterns as in `scope`; `strongest` edges are stored a unit, layer pair and direction, by
    magnitude and again by mean; `matrices` also stores the dense magnitudes and means, and the control of randomised
    weights; `memory` is in bytes, without the network; `device` is where torch computes the weights, such as `cuda`.
    Raises UnknownUnit for targets that match nothing, ExtractionError if memory does not suffice or the folder was
    begun otherwise, WeightsError for a device that is not there.
    """
    architecture = network.architecture
    layers = scope(architecture, targets)
    settings = ExtractionSettings(targets=tuple(map(str, layers)), strongest=strongest, matrices=matrices)
    for layer in layers:
        _check_memory(architecture, layer, strongest, memory)
    computing = network.on(device)
    extraction = Extraction.create(path, _manifest(computing, settings))
    with extraction.writing():
        if not extraction.has("units.parquet"):
            extraction.add({"units.parquet": units(network)})
        remaining = list(extraction.remaining(layers, lambda layer: part("edges", str(layer))))
        total, ahead = (sum(map(architecture.channels, group)) for group in (layers, remaining))
        with tqdm(total=total, initial=total - ahead, unit="unit", disable=not progress) as bar:
            for layer in remaining:
                bar.set_description(f"target {layer}")
                extraction.add(shard(computing, layer, settings, bar.update))
        if matrices:
            sweep_randomised(computing, extraction, layers, memory, progress)
    return extraction


def scope(architecture: Architecture, targets: Iterable[str] | None = None) -> tuple[Layer, ...]:
    """Resolve names (`4/2/5`, or any alias) and patterns (`4/*`) to target layers, in forward order.

    By default every layer that has a source. UnknownUnit for a name or pattern that matches no such layer.
    """
    possible = [layer for layer in architecture.layers if sources(architecture, layer)]
    if targets is None:
        return tuple(possible)
    named = {layer for text in targets for layer in _matching(architecture, possible, text)}
    return tuple(layer for layer in possible if layer in named)


def _matching(architecture: Architecture, possible: list[Layer], text: str) -> list[Layer]:
    pattern = text.strip() if "*" in text or "?" in text else str(architecture.layer(text))
    matching = [layer for layer in possible if fnmatchcase(str(layer), pattern)]
    if not matching:
        raise UnknownUnit(
            f"{text!r} matches no layer that has sources below it. Those that have reach from {possible[0]} to "
            f"{possible[-1]}; name them singly, or by patterns such as 4/*."
        )
    return matching


def _manifest(network: Network, settings: ExtractionSettings) -> Manifest:
    architecture = network.architecture
    return Manifest(
        model=network.model,
        weights_sha256=network.sha256,
        blocks=architecture.blocks,
        width=architecture.width,
        image_size=architecture.image_size,
        settings=settings,
        tools={"torch": str(torch.__version__)} | {name: version(name) for name in _TOOLS} | _processor(network.device),
        preparation=RecordedPreparation(
            activation=network.activation,
            mean=network.preparation.mean,
            sd=network.preparation.std,
            resizing=f"{network.preparation.resize_mode}, {network.preparation.interpolation}",
            fingerprint=network.fingerprint,
        ),
    )


def _processor(device: torch.device) -> dict[str, str]:
    """The card, which rounds in its own way; nothing for the CPU, as in folders of earlier versions."""
    return {CARD: torch.cuda.get_device_name(device)} if device.type == "cuda" else {}


def _check_memory(architecture: Architecture, target: Layer, strongest: int, memory: int) -> None:
    """Raise ExtractionError if one target layer, with all its sources at once, takes more than `memory` bytes."""
    channels, pairs = architecture.channels(target), sources(architecture, target)
    reached = [architecture.channels(source) for source in pairs]
    spans = [support(architecture, source, target).span for source in pairs]
    dense = 16 * channels * sum(reached)  # magnitude and mean in float32, and as they are stored
    edges = sum(80 * min(channels * n, 2 * strongest * (channels + n)) for n in reached)
    statistics = 64 * channels * max(reached)  # ranks and moments of one layer pair
    gradients = 4 * _COPIES * max(n * span for n, span in zip(reached, spans, strict=True))
    needed = dense + edges + statistics + gradients
    if needed > memory:
        raise ExtractionError(
            f"The weights into target layer {target} from its {len(pairs)} source layers take {needed / 2**30:.1f} "
            f"GiB, more than the {memory / 2**30:.1f} GiB allowed. Allow more memory, keep fewer edges, or leave this "
            "target layer out."
        )
