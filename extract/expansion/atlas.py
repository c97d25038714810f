"""Extract a network: the expanded weights into every target layer, one shard at a time.

Finished shards are never computed again, so an interrupted extraction resumes where it stopped. On one machine the same
settings and tools give the same bytes, however often it was interrupted.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from extract.errors import UnknownUnit
from extract.expansion.assembly import Assembly
from extract.expansion.layer_tables import units
from extract.expansion.plan import Shard, plan
from extract.expansion.precision import check, deviations
from extract.expansion.randomised_weights import sweep_randomised
from extract.expansion.rows import rows
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import CARD, ExtractionSettings, Manifest, Precision, RecordedPreparation
from extract.network.network import Network
from extract.units import Architecture, Layer

_TOOLS = ("open_clip_torch", "numpy", "pyarrow", "safetensors")


def extract(
    network: Network,
    path: Path,
    targets: Iterable[str] | None = None,
    strongest: int = 20,
    matrices: bool = True,
    memory: int = 2**31,
    progress: bool = True,
    device: str = "cpu",
    precision: Precision = "float32",
) -> Extraction:
    """Make the extraction folder, or finish the one begun there with the same settings.

    `targets` are layers and patterns as in `scope`; `strongest` edges are stored a unit, layer pair and direction, by
    magnitude and again by mean; `matrices` also stores the dense magnitudes and means, and the control of randomised
    weights; `memory` is in bytes, without the network; `device` is where torch computes the weights, such as `cuda`.
    In another `precision` than float32 the deviations from it are measured on a sample and stand in the manifest.
    Raises UnknownUnit for targets that match nothing, ExtractionError if memory does not suffice or the folder was
    begun otherwise, WeightsError for a device that is not there, or TF32 on a processor.
    """
    architecture = network.architecture
    layers = scope(architecture, targets)
    settings = ExtractionSettings(
        targets=tuple(map(str, layers)),
        strongest=strongest,
        matrices=matrices,
        rounded=None if precision == "float32" else precision,
    )
    shards = plan(architecture, layers, memory, strongest)
    computing = network.on(device)
    check(precision, computing.device)
    extraction = Extraction.create(path, _manifest(computing, settings))
    with extraction.writing():
        if not extraction.has("units.parquet"):
            extraction.add({"units.parquet": units(network)})
        if precision != "float32" and extraction.manifest.deviations is None:
            extraction.record_deviations(deviations(computing, shards, precision))
        _sweep(computing, extraction, shards, progress)
        if matrices:
            sweep_randomised(computing, extraction, layers, memory, progress)
    return extraction


def _sweep(network: Network, extraction: Extraction, shards: Sequence[Shard], progress: bool) -> None:
    assembly = Assembly(network, extraction, shards)
    missing = assembly.missing()
    total, ahead = (sum(len(shard.targets) * len(shard.channels) for shard in group) for group in (shards, missing))
    with tqdm(total=total, initial=total - ahead, unit="unit", disable=not progress) as bar:
        for shard in missing:
            bar.set_description(" to ".join(["target " + str(shard.targets[0]), *map(str, shard.targets[1:][-1:])]))
            assembly.add(shard, rows(network, shard, bar.update, extraction.manifest.settings.precision))
    assembly.finish()


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
