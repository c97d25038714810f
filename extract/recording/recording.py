"""Record what every unit of some layers does on all probes, in one pass that is written chunk by chunk.

A probe is an image shown to the network: a picture or a rasterised word. Threads decode and cut images beside the
forward pass. No more than one chunk's numbers are in memory, whatever the number of probes. An interrupted pass resumes
at the first chunk that is not written, and gives the same bytes.
"""

import ctypes
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from tqdm import tqdm

from extract.errors import ProbesError
from extract.folder.encoding import Content
from extract.folder.extraction import Extraction
from extract.folder.manifest_folder import run_digest
from extract.folder.schemas import SCHEMAS, TOP_PROBES, per_unit
from extract.network.hooks import LayerActivations, watch_activations, watch_relu_means
from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.parallel import THREADS, ordered_parallel_map
from extract.probes.pictures import unreadable_probe
from extract.probes.probe import Probe, Source
from extract.read_report import LeftOut, Reading
from extract.recording.decoding import DecodedProbe, decode, thumbnail_again
from extract.recording.half_precision import refuse_overflow
from extract.recording.highest_probes import HighestProbes
from extract.recording.probe_hashes import compare, hashes, is_of_earlier_version, unchanged_probes
from extract.units import Layer

_TABLES = ("probes.parquet", "skipped.parquet", "contents.parquet", "activity.parquet", "histograms.parquet")
_FOLDERS = (*_TABLES, "activations")
CHUNK = 256  # probes between two writes: about 57 MB for RN50's sums and branches


@dataclass(frozen=True)
class _Chunk:
    """What the network does on a chunk's probes, batch by batch."""

    embeddings: list[Tensor] = field(default_factory=list)  # (n, E) each
    activations: dict[Layer, list[LayerActivations]] = field(default_factory=dict)
    relu_means: dict[Layer, list[Tensor]] = field(default_factory=dict)  # (n, channels) each

    def see(self, layer: Layer, batch: LayerActivations) -> None:
        self.activations.setdefault(layer, []).append(batch)

    def see_relu(self, layer: Layer, means: Tensor) -> None:
        self.relu_means.setdefault(layer, []).append(means)

    def clear(self) -> None:
        for part in (self.embeddings, self.activations, self.relu_means):
            part.clear()

    def arrays(self, discovery: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the arrays of the chunk's file; `discovery`, bool (n,), says which probes are for discovery."""
        arrays = {"embedding": torch.cat(self.embeddings).numpy()}
        for layer, batches in self.activations.items():
            arrays |= _layer_arrays(layer, LayerActivations.joined(batches), discovery)
        for layer, means in self.relu_means.items():
            arrays[f"{layer} activity"] = _activity(torch.cat(means).numpy())
        return arrays


@torch.inference_mode()
def record(
    network: Network,
    extraction: Extraction,
    source: Source,
    layers: Sequence[Layer],
    progress: bool = True,
    chunk: int = CHUNK,
    threads: int = THREADS,
) -> None:
    """Write the files of every chunk that has none, then the table of activity and what the source left out.

    Files of another source, other layers, another chunk size or an earlier version are deleted first. Raises
    ProbesError if no image can be read, or if one cannot be read and the source forgives none; ExtractionError for a
    probe that changed since it was shown, for numbers that overflow, or for a disk that refuses to be written.
    """
    keep_freed_memory()
    name, earlier = digest(source, layers, chunk), is_of_earlier_version(extraction)
    extraction.drop([file for file in _files(extraction) if earlier or name not in file])
    compare(extraction, source, chunk, progress)
    done = len(extraction.under("probes.parquet"))
    remaining = extraction.remaining(enumerate(source), lambda numbered: _file(name, numbered[0] // chunk))
    decoded = ordered_parallel_map(partial(decode, network), remaining, threads=threads)
    measured, inner = _Chunk(), [layer for layer in extraction.layers if layer.inner and layer not in layers]
    with (
        watch_activations(network.visual, layers, measured.see),
        watch_relu_means(network.visual, inner, measured.see_relu),
        tqdm(desc="probes", unit="image", initial=done * chunk, disable=not progress) as bar,
    ):
        for number, probes in groupby(decoded, key=lambda probe: probe.place // chunk):
            contents = _record_chunk(network, probes, measured, source.forgiving, bar.update)
            extraction.add({file.format(f"{name}-{number:06}"): content for file, content in contents.items()})
            measured.clear()
    if not extraction.under("activations"):
        extraction.drop(_files(extraction))
        raise ProbesError(
            "None of the images can be read. Usually they are damaged or have another format. Replace them."
        )
    if not extraction.has(table := f"activity.parquet/{name}.parquet"):
        beside = [{"id": each.name, "reason": each.reason} for each in source.left_out()]
        skipped = {f"skipped.parquet/{name}-beside.parquet": pa.Table.from_pylist(beside, SCHEMAS["skipped"])}
        extraction.add({table: activity(extraction)} | (skipped if beside else {}))


def reading(extraction: Extraction) -> Reading:
    """Report how many probes were shown, and what was left out."""
    concepts = Counter[str]()
    for part in extraction.parts("probes"):
        concepts.update(map(str, part["concept"].to_pylist()))
    skipped = extraction.table("skipped").to_pylist()
    left_out = tuple(LeftOut(str(row["id"]), str(row["reason"])) for row in skipped)
    single = sum(count == 1 for count in concepts.values())
    note = f"{single:,} of {len(concepts):,} concepts have one probe, on which no unit can be tested"
    return Reading("probes", concepts.total(), left_out, (note,) if 2 * single > len(concepts) else ())


def digest(source: Source, layers: Sequence[Layer], chunk: int = CHUNK) -> str:
    """Compute a short hash of the source, the layers and the chunk size, for the names of the recorded files."""
    return run_digest(source.digest, list(map(str, layers)), chunk, TOP_PROBES)


def activity(extraction: Extraction) -> pa.Table:
    """Compute the table of activity from every chunk's counts and sums; a layer that any chunk lacks is left out."""
    tables, chunks = [SCHEMAS["activity"].empty_table()], extraction.under("activations")
    for layer in extraction.layers:
        sums = [extraction.lines(chunk, f"{layer} activity") for chunk in chunks]
        known = [each for each in sums if each is not None]
        if len(known) == len(chunks):
            count, total = np.sum(known, axis=0)  # (channels,) each
            tables.append(per_unit("activity", layer, {"activity": total / count}))
    return pa.concat_tables(tables)


def _files(extraction: Extraction) -> list[str]:
    return [file for folder in _FOLDERS for file in extraction.under(folder)]


def _file(name: str, number: int) -> str:
    return f"probes.parquet/{name}-{number:06}.parquet"


def _record_chunk(
    network: Network,
    decoded: Iterator[DecodedProbe],
    measured: _Chunk,
    forgiving: bool,
    update: Callable[[int], object],
) -> dict[str, Content]:
    """Show a chunk's probes to the network, and return the files to write, keyed by name.

    In each name, {} stands for the hash of the recording and the number of the chunk.
    """
    probes, skipped = list[Probe](), list[dict[str, str]]()
    hash_rows = list[pa.Table]()
    while batch := list(islice(decoded, BATCH)):
        hash_rows.append(hashes(batch))
        skipped += [_skip(each, forgiving) for each in batch if each.pixels is None]
        probes += [replace(each.probe, load=bytes) for each in batch if each.pixels is not None]
        if images := [each.pixels for each in batch if each.pixels is not None]:
            measured.embeddings.append(network.clip.encode_image(network.normalise(images), normalize=True))
        update(len(batch))
    files: dict[str, Content] = {
        "probes.parquet/{}.parquet": _table(probes),
        "contents.parquet/{}.parquet": pa.concat_tables(hash_rows),
    }
    if skipped:
        files["skipped.parquet/{}.parquet"] = pa.Table.from_pylist(skipped, schema=SCHEMAS["skipped"])
    if probes:
        discovery = np.array([probe.split == "discovery" for probe in probes])
        files["activations/{}.safetensors"] = measured.arrays(discovery)
    return files


def _skip(damaged: DecodedProbe, forgiving: bool) -> dict[str, str]:
    if not forgiving:
        raise unreadable_probe(damaged.probe.id, damaged.reason)
    return {"id": damaged.probe.id, "reason": damaged.reason}


def _table(probes: Sequence[Probe]) -> pa.Table:
    """Make rows of the probes table, without images as yet."""
    schema = SCHEMAS["probes"]
    columns: dict[str, Any] = {name: [getattr(probe, name) for probe in probes] for name in schema.names[:-1]}
    return pa.table(columns | {"image": [None] * len(probes)}, schema=schema)


def _layer_arrays(layer: Layer, activations: LayerActivations, discovery: np.ndarray) -> dict[str, np.ndarray]:
    """Compute a layer's arrays in a chunk's file; n counts the chunk's probes.

    `value` and `at`, (channels, n), are mean activations and the positions of the peaks. `value` is not rounded,
    because probes are ranked by it, and a unit that varies little compared with its mean would vary by steps in half
    precision. `moments`, (3, channels), are the count, sum and sum of squares over the probes. `activity`, (2,
    channels), is the count and the sum of the absolute means over positions. A sum also has the arrays that its shares
    need.
    """
    value, at = activations.value.numpy(), activations.peak.numpy()  # (n, channels) each
    refuse_overflow(layer, value)  # damaged weights are refused at the same size as on words
    exact = value.astype(np.float64)
    arrays = {
        f"{layer} activity": _activity(np.abs(value)),
        f"{layer} moments": np.stack([np.full(exact.shape[1], len(exact)), exact.sum(axis=0), (exact**2).sum(axis=0)]),
        f"{layer} value": np.ascontiguousarray(value.T),
        f"{layer} at": _transposed(at, np.uint8 if at.max() < 256 else np.uint16),
    }
    if activations.terms and discovery.any():
        arrays |= HighestProbes.of(value, activations.terms, discovery).arrays(layer)
    return arrays


def _activity(means: np.ndarray) -> np.ndarray:
    return np.stack([np.full(means.shape[1], len(means)), means.sum(axis=0, dtype=np.float64)])


def _transposed(values: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    return np.ascontiguousarray(values.T.astype(kind))


def add_thumbnails(
    extraction: Extraction, source: Source, pictured: np.ndarray, progress: bool = True, chunk: int = CHUNK
) -> None:
    """Put thumbnails of the `pictured` probes, bool (probes,), into the table of probes, a part at a time.

    Raises ProbesError if the source no longer has one of these probes, or has another picture in its place.
    """
    probes, first = unchanged_probes(extraction, source), 0
    for name in tqdm(extraction.under("probes.parquet"), desc="thumbnails", disable=not progress):
        part = extraction.part(name)
        ids = list(map(str, part["id"].to_pylist()))
        by_id = dict(zip(ids, pictured[first : first + len(ids)], strict=True))
        again = [probe for probe in islice(probes, chunk) if by_id.get(probe.id)]
        small = ordered_parallel_map(thumbnail_again, again)
        thumbnails = dict(zip((probe.id for probe in again), small, strict=True))
        images = pa.array([thumbnails.get(id_) for id_ in ids], pa.binary())
        extraction.add({name: part.set_column(part.num_columns - 1, "image", images)})
        first += len(ids)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's mallopt(3)
_USUAL, _KEEP = 2**17, 2**31 - 1  # bytes


def keep_freed_memory(keep: bool = True) -> bool:
    """Make glibc keep freed memory for this process, or give it back as usual; return whether there is a glibc.

    Keeping memory saves a network's forward pass on a CPU about a fifth of its time, because the system zeroes every
    page that it hands out. The process then stays at its peak size, but the peak is no higher than without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    size = _KEEP if keep else _USUAL
    return mallopt is not None and all(mallopt(option, size) for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
