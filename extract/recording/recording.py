"""All probes shown to a network, once: what every unit of the layers does on each, written chunk by chunk.

Images are decoded and cut by threads beside the forward pass, and no more than a chunk's numbers are held, so memory
does not grow with the probes. An interrupted pass goes on at the first chunk that is not written, to the same bytes.
"""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from tqdm import tqdm

from extract.errors import ExtractionError, ProbesError
from extract.folder.extraction import Content, Extraction, run_digest
from extract.folder.schemas import SCHEMAS, TOP_PROBES, per_unit
from extract.network.hooks import firing, watched
from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.probes.pictures import UNREADABLE, opaque, thumbnail
from extract.probes.sources import Probe, Source
from extract.ranking import top
from extract.units import Layer

_FOLDERS = ("probes.parquet", "skipped.parquet", "activity.parquet", "histograms.parquet", "activations")
CHUNK = 256  # probes between two writes: about 40 MB for RN50's sums and branches
THREADS = min(4, os.cpu_count() or 1)
_SHARES = ("passed", "open", "published")  # of a sum, kept for a chunk's highest probes alone

T = TypeVar("T")
R = TypeVar("R")


def beside(work: Callable[[T], R], items: Iterable[T], ahead: int = 2 * BATCH) -> Iterator[R]:
    """Results of the work in the order of the items; threads do up to `ahead` of them while the caller is busy."""
    waiting = deque[Future[R]]()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Cut:
    """A probe, its place in the source, and its image as the network's `cut` makes it, or why it has none."""

    place: int
    probe: Probe
    pixels: np.ndarray | None
    reason: str = ""


@torch.inference_mode()
def show(
    network: Network, extraction: Extraction, source: Source, layers: Sequence[Layer], progress: bool = True
) -> None:
    """Write the files of every chunk that has none, then the table of activity; another source's unfinished pass goes.

    Raises ProbesError if no image can be read, or one of a source that forgives none; ExtractionError for numbers that
    overflow or a disk that refuses.
    """
    keep_freed_memory()
    name = digest(source, layers)
    extraction.drop([file for file in _files(extraction) if name not in file])
    seen: dict[str, list[Tensor]] = {}

    def see(key: str, values: Tensor) -> None:
        seen.setdefault(key, []).append(values)

    done = len(extraction.under("probes.parquet"))
    places = extraction.remaining(
        enumerate(source), lambda placed: f"probes.parquet/{name}-{placed[0] // CHUNK:06}.parquet"
    )
    cut = beside(partial(_cut, network), places)
    with (
        watched(network.visual, layers, see),
        firing(network.visual, [layer for layer in extraction.layers if layer.inner and layer not in layers], see),
        tqdm(desc="probes", unit="image", initial=done * CHUNK, disable=not progress) as bar,
    ):
        for number, group in groupby(cut, key=lambda each: each.place // CHUNK):
            contents = _chunk(network, group, seen, source.forgiving, bar.update)
            extraction.add({file.format(f"{name}-{number:06}"): content for file, content in contents.items()})
            seen.clear()
    if not extraction.under("activations"):
        extraction.drop(_files(extraction))
        raise ProbesError("None of the images can be read. Usually they are damaged or of another format: see to them.")
    if not extraction.has(table := f"activity.parquet/{name}.parquet"):
        extraction.add({table: activity(extraction)})


def digest(source: Source, layers: Sequence[Layer]) -> str:
    """A short hash of what is shown and measured; it is in the names of the files made from it."""
    return run_digest(source.digest, list(map(str, layers)), CHUNK, TOP_PROBES)


def activity(extraction: Extraction) -> pa.Table:
    """The table of activity, from every chunk's counts and sums; layers that a chunk lacks are left out."""
    parts, chunks = [SCHEMAS["activity"].empty_table()], extraction.under("activations")
    for layer in extraction.layers:
        found = [extraction.lines(chunk, f"{layer} activity") for chunk in chunks]
        known = [each for each in found if each is not None]
        if len(known) == len(chunks):
            count, total = np.sum(known, axis=0)  # (channels,) each
            parts.append(per_unit("activity", layer, {"activity": total / count}))
    return pa.concat_tables(parts)


def _files(extraction: Extraction) -> list[str]:
    return [file for folder in _FOLDERS for file in extraction.under(folder)]


def _cut(network: Network, placed: tuple[int, Probe]) -> _Cut:
    place, probe = placed
    try:
        return _Cut(place, probe, network.cut(opaque(probe.load())))
    except UNREADABLE as error:
        return _Cut(place, probe, None, str(error))


def _chunk(
    network: Network,
    group: Iterator[_Cut],
    seen: dict[str, list[Tensor]],
    forgiving: bool,
    shown: Callable[[int], object],
) -> dict[str, Content]:
    """Show a chunk; what is to be written of it."""
    kept, skipped, embeddings = list[Probe](), list[dict[str, str]](), list[Tensor]()
    while some := list(islice(group, BATCH)):
        readable = [each for each in some if each.pixels is not None]
        skipped += [_skip(each, forgiving) for each in some if each.pixels is None]
        kept += [replace(each.probe, load=bytes) for each in readable]
        if readable:
            pixels = network.normalise([each.pixels for each in readable if each.pixels is not None])
            embeddings.append(network.clip.encode_image(pixels, normalize=True))  # (n, E)
        shown(len(some))
    files: dict[str, Content] = {"probes.parquet/{}.parquet": _table(kept)}
    if skipped:
        files["skipped.parquet/{}.parquet"] = pa.Table.from_pylist(skipped, schema=SCHEMAS["skipped"])
    if kept:
        discovery = np.array([probe.split == "discovery" for probe in kept])
        files["activations/{}.safetensors"] = {"embedding": torch.cat(embeddings).numpy()} | _arrays(seen, discovery)
    return files


def _skip(damaged: _Cut, forgiving: bool) -> dict[str, str]:
    if not forgiving:
        raise ProbesError(
            f"The image of probe {damaged.probe.id} cannot be read ({damaged.reason}). "
            "Remove the probe, or write it anew."
        )
    return {"id": damaged.probe.id, "reason": damaged.reason}


def _table(probes: Sequence[Probe]) -> pa.Table:
    """Rows of the probes table, without images as yet."""
    schema = SCHEMAS["probes"]
    columns: dict[str, Any] = {field: [getattr(probe, field) for probe in probes] for field in schema.names[:-1]}
    return pa.table(columns | {"image": [None] * len(probes)}, schema=schema)


def _arrays(seen: dict[str, list[Tensor]], discovery: np.ndarray) -> dict[str, np.ndarray]:
    """Of every layer `value` and `at` (channels, n) and `moments`; of sums what the shares need; `activity`.

    The moments are the count, sum and sum of squares over the probes: (3, channels); the activity is the count and the
    sum, (2, channels), of a unit's means over positions, after its ReLU or else without their sign.
    """
    whole = {key: torch.cat(parts).numpy() for key, parts in seen.items()}  # (n, channels) each
    arrays = _activities(whole)
    for key in [key for key in whole if key.endswith(" value")]:
        layer = key.removesuffix(" value")
        exact = whole[key].astype(np.float64)
        arrays[f"{layer} moments"] = np.stack(
            [np.full(exact.shape[1], len(exact)), exact.sum(axis=0), (exact**2).sum(axis=0)]
        )
        arrays[key] = _transposed(whole[key], np.float16)
        at = whole[f"{layer} at"]
        arrays[f"{layer} at"] = _transposed(at, np.uint8 if at.max() < 256 else np.uint16)
        if not np.isfinite(arrays[key]).all():
            raise ExtractionError(
                f"Activations of layer {layer} overflow. Usually the weights are damaged: fetch them again."
            )
        if f"{layer} passed" in whole and discovery.any():
            best = _best(arrays[key], discovery)  # (LENGTH, channels)
            numbers = {name: np.take_along_axis(whole[f"{layer} {name}"], best, axis=0) for name in ("value", *_SHARES)}
            arrays |= {f"{layer} best {name}": values for name, values in numbers.items()}
            arrays[f"{layer} best"] = best.astype(np.uint16)
    return arrays


def _activities(whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Count and sum by layer; bn1 and bn2 layers that are not watched tell what they pass on alone."""
    means = {key.removesuffix(" value"): np.abs(values) for key, values in whole.items() if key.endswith(" value")}
    means |= {key.removesuffix(" fired"): values for key, values in whole.items() if key.endswith(" fired")}
    return {
        f"{layer} activity": np.stack([np.full(values.shape[1], len(values)), values.sum(axis=0, dtype=np.float64)])
        for layer, values in means.items()
    }


def _transposed(values: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    return np.ascontiguousarray(values.T.astype(kind))


def _best(values: np.ndarray, discovery: np.ndarray) -> np.ndarray:
    """Places of a sum's highest discovery probes, from its values (channels, n): (at most TOP_PROBES, channels)."""
    places = np.flatnonzero(discovery)
    return np.ascontiguousarray(places[top(values[:, places], TOP_PROBES)].T)


def add_thumbnails(extraction: Extraction, source: Source, wanted: np.ndarray, progress: bool = True) -> None:
    """Put small pictures of the `wanted` probes, bool (probes,), into the table of probes, a part at a time.

    Raises ProbesError where the source no longer has them.
    """
    probes, first = iter(source), 0
    for name in tqdm(extraction.under("probes.parquet"), desc="thumbnails", disable=not progress):
        part = extraction.part(name)
        ids = list(map(str, part["id"].to_pylist()))
        asked = dict(zip(ids, wanted[first : first + len(ids)], strict=True))
        chosen = [probe for probe in islice(probes, CHUNK) if asked.get(probe.id)]
        small = dict(zip((probe.id for probe in chosen), beside(_small, chosen), strict=True))
        images = pa.array([small.get(each) for each in ids], pa.binary())
        extraction.add({name: part.set_column(part.num_columns - 1, "image", images)})
        first += len(ids)


def cut_again(network: Network, probe: Probe) -> np.ndarray:
    """The image of a probe that was shown before, as the network's `cut` makes it; ProbesError where it is gone."""
    with _shown_before(probe):
        return network.cut(opaque(probe.load()))


def _small(probe: Probe) -> bytes:
    with _shown_before(probe):
        return thumbnail(probe.load())


@contextmanager
def _shown_before(probe: Probe) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise ProbesError(
            f"Probe {probe.id} was shown, but is gone since ({error}). Put it back, and go on."
        ) from error


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's mallopt(3)
_USUAL, _KEEP = 2**17, 2**31 - 1  # bytes


def keep_freed_memory(keep: bool = True) -> bool:
    """Have glibc keep freed memory for this process, or give it back as usual; whether there is a glibc to ask.

    A network's forward pass on a CPU takes about a fifth less time, since the system zeroes every page that it hands
    out. The process then stays as large as it was at its largest, which is no larger than without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    size = _KEEP if keep else _USUAL
    return mallopt is not None and all(mallopt(what, size) for what in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
