"""Import pictures of units (feature visualisations), as saved from Microscope: a folder of files like `channel34.png`.

The published shortcut share of each unit is measured on its picture. It is the norm of the raw shortcut over the sum of
this norm and the norm of raw conv3 (definition: the code of the enrichment circuits article).
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from tqdm import tqdm

from extract.errors import VisualisationsError
from extract.files import reason_of
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.network.hooks import LayerActivations, watch_activations
from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.parallel import ordered_parallel_map
from extract.probes.folder_walk import readable, reason_against
from extract.probes.pictures import UNREADABLE, load, opaque, thumbnail
from extract.read_report import LeftOut, Reading
from extract.units import Layer

SIDE = 224  # pixels; a visualisation is looked at closer than an example
Rows = list[dict[str, Any]]
_NAME = re.compile(r"(?:channel|unit)?[-_ ]?(\d{1,6})", re.IGNORECASE)


def visualise(network: Network, extraction: Extraction, folder: Path, layer: Layer, progress: bool = True) -> Reading:
    """Add a folder's pictures of the layer's units to the extraction; report what was left out, with the reason.

    A picture is named by its channel, such as channel34.png or 34.png. Pictures of the same layer that were imported
    before are replaced, and the report says how many of them were different. Raises VisualisationsError if no name fits
    a unit of the layer, if two names fit the same unit, or if no picture can be read; UnknownUnit for a layer that is
    not there; ExtractionError if the folder is of other weights.
    """
    extraction.check(network.model, network.sha256)
    files = pictures_of(folder, layer, network.architecture.channels(network.architecture.check(layer)))
    pictures, left_out = dict[int, bytes](), _left_out(folder, files.values())
    for channel, file in files.items():
        try:
            data = load(file)
            opaque(data)
            pictures[channel] = data
        except UNREADABLE as error:
            left_out.append(LeftOut(readable([file.name]), f"it cannot be read: {reason_of(error)}"))
    if not pictures:
        raise VisualisationsError(f"No picture in {folder} can be read. Usually they are damaged. Save them again.")
    shares = _shares(network, layer, pictures, progress) if layer.role == "sum" else [None] * len(pictures)
    imported = zip(pictures.items(), shares, ordered_parallel_map(_small, pictures.values()), strict=True)
    rows = [
        {"layer": str(layer), "channel": channel, "share_published": share, "image": image}
        | {"sha256": hashlib.sha256(data).hexdigest()}
        for (channel, data), share, image in imported
    ]
    before, of_layer = extraction.table("visualisations"), pc.field("layer") == str(layer)
    own = pa.Table.from_pylist(rows, SCHEMAS["visualisations"])
    extraction.add({"visualisations.parquet": pa.concat_tables([before.filter(~of_layer), own])})
    notes = _changes(before.filter(of_layer).to_pylist(), rows, _channels_named(folder))
    return Reading("visualisations", len(pictures), tuple(left_out), notes)


def _changes(before: Rows, now: Rows, there: Collection[int]) -> tuple[str, ...]:
    """Say how many pictures took the place of others, and how many earlier pictures were removed.

    `there` are the channels that names in the folder fit, whether or not their files were imported.
    """
    earlier = {row["channel"]: row for row in before}
    pairs = [(earlier.pop(row["channel"]), row) for row in now if row["channel"] in earlier]
    replaced, unread = sum(not _same(*pair) for pair in pairs), len(earlier.keys() & there)
    gone = len(earlier) - unread
    counts = {
        f"{replaced:,} replaced other pictures of their units": replaced,
        f"earlier pictures removed, because their files were left out now: {unread:,}": unread,
        f"earlier pictures removed, because they are no longer in the folder: {gone:,}": gone,
    }
    return tuple(note for note, count in counts.items() if count)


def _channels_named(folder: Path) -> set[int]:
    """Return the channels that names in the folder fit, including names of files that are not readable pictures."""
    return {int(match[1]) for file in _files_in(folder) if (match := _NAME.fullmatch(file.stem))}


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise VisualisationsError(
            f"{folder} cannot be read: {reason_of(error)}. Name a folder that you may read."
        ) from error


def _same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether two rows are of the same file, by its hash, or by its small picture if a hash is missing."""
    what = "image" if before["sha256"] is None else "sha256"
    return bool(before[what] == now[what])


def _left_out(folder: Path, files: Iterable[Path]) -> list[LeftOut]:
    """List the files in the folder that are not pictures of units, each with the reason."""
    taken = set(files)
    others = (file for file in _files_in(folder) if file not in taken)
    fits_none = "its name does not fit a unit of the layer"
    return [LeftOut(readable([file.name]), reason_against(file) or fits_none) for file in others]


def pictures_of(folder: Path, layer: Layer, channels: int) -> dict[int, Path]:
    """Find the picture of every channel that has one, in the order of the channels. Raises VisualisationsError."""
    if not folder.is_dir():
        raise VisualisationsError(f"{folder} is not a folder. Name one with pictures such as channel34.png.")
    pictures = [file for file in _files_in(folder) if not reason_against(file)]
    if not pictures:
        raise VisualisationsError(
            f"{folder} holds no picture. Save the picture of channel 34 there as channel34.png, for example."
        )
    named = [(int(match[1]), file) for file in pictures if (match := _NAME.fullmatch(file.stem))]
    files = dict(sorted((channel, file) for channel, file in named if channel < channels))
    if not files:
        raise VisualisationsError(
            f"No name in {folder} fits a unit of {layer}; one is {pictures[0].name}. Name the pictures channel0.png to "
            f"channel{channels - 1}.png, or choose their layer."
        )
    if twice := [str(file.name) for channel, file in named if files.get(channel, file) != file]:
        raise VisualisationsError(f"A unit has two pictures in {folder}, one of them {twice[0]}. Remove one.")
    return files


@torch.inference_mode()
def _shares(network: Network, layer: Layer, pictures: Mapping[int, bytes], progress: bool) -> list[float]:
    """Measure the published share of every channel on its own picture."""
    batches: list[LayerActivations] = []
    cuts = list(_cuts(network, pictures.values()))
    with watch_activations(network.visual, [layer], lambda _, batch: batches.append(batch)):
        for first in tqdm(range(0, len(cuts), BATCH), desc="visualisations", disable=not progress):
            network.visual(network.normalise(cuts[first : first + BATCH]))
    terms = LayerActivations.joined(batches).terms
    assert terms is not None  # noqa: S101, the layer is a sum
    shares: list[float] = terms.published_share[range(len(pictures)), list(pictures)].tolist()
    return shares


def _cuts(network: Network, pictures: Iterable[bytes]) -> Iterable[np.ndarray]:
    return ordered_parallel_map(lambda data: network.cut(opaque(data)), pictures)


def _small(data: bytes) -> bytes:
    return thumbnail(data, SIDE)
