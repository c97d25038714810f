"""The extraction folder, the hand-over between torch and graph: a manifest, Parquet tables and dense matrices.

    NAME.extraction/
      manifest.json            model, weights, settings, and every file with its SHA-256
      units.parquet            one row a unit
      edges.parquet/           one part a target layer: the strongest expanded weights
      sweeps.parquet/          one part a target layer: per source layer what was computed and where kept edges end
      distributions.parquet/   one part a target layer: moments of a unit's weights into or out of another layer
      randomised.parquet/      one part a source layer: what a few of its units do through randomised weights
      matrices/                one file a target layer: dense magnitude and mean per source, kernels of direct edges
      probes.parquet/          the probes, a part a chunk of them, with thumbnails of those that are examples
      contents.parquet/        hashes of the probes' bytes as they were shown, by chunk
      activity.parquet/        one row a unit: how active it is on all probes
      histograms.parquet/      one row a unit measured: how its activation is spread over the probes
      skipped.parquet/         what lay among the probes and was not shown, and why
      activations/             one file a chunk of probes: what every unit measured does on each, and where it peaks
      evidence.parquet         one row a sum unit: share over the shortcut, difference of the branches
      census.parquet/          one part a sum: per unit its verdict, effects with bounds, both facets
      ablation.parquet/        one part a sum: per unit what it loses without either branch, on both facets
      census_settings.parquet  by which settings, on which probes
      census_variants.parquet/ one part a sum: per unit its verdict with one thing changed at a time
      pairings.parquet/        one part a sum: means over its units beside those of branches paired anew
      shares.parquet           one row a sum unit: interval of the share, overlap of sum and branches
      top_100_shares.parquet   one row a sum unit: its shares over its top 100 probes; earlier versions wrote none
      examples.parquet/        one part a layer: per unit and branch its top, middle, low and random probes
      calibration.parquet/     one part a layer pair: expanded weights against what ablation measures
      visualisations.parquet   pictures of units, imported
      levels.parquet           how people sorted the probes at levels of a unit's activation
      vocabulary.parquet       the words shown as images, and the letter strings they are compared with
      words/                   one file a layer: what every unit does on every word, and on letter strings by length
      words.parquet            the words that a unit answers to most, the units that a word drives most
      modality.parquet         one row a unit: words against letter strings, pictures against scrambled ones

A file is written under a temporary name and renamed, then recorded in the manifest, so that an interrupted extraction
goes on where it stopped; the same settings give the same bytes. Rows of targets that are not whole yet wait in rows/.
Nothing is pickled. While a process writes, its id is in writing.lock. Every file is compared with its hash before
anything is computed from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors import SafetensorError, safe_open

from extract.errors import ExtractionError
from extract.files import LockedBy, lock, make_folder, remove_empty, replace_file
from extract.folder.encoding import Content, damaged, encoded, read_table
from extract.folder.manifest import (
    CARD,
    PROCESSOR,
    THREADS,
    Deviation,
    File,
    Manifest,
    has_checksum,
    manifest_bytes,
    part,
    read_manifest,
)
from extract.folder.schemas import SCHEMAS
from extract.units import Layer, Unit

Item = TypeVar("Item")
MatrixKind = Literal["magnitude", "mean", "kernel"]
WordKind = Literal["value", "mean", "sd", "length"]
ActivationKind = Literal["value", "at"]
ContributionDirection = Literal["backward", "forward"]


def run_digest(*settings: object) -> str:
    """Hash the settings that decide what a run writes, for the names of its files: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


class Extraction:
    """An extraction folder: `open` reads one, `create` starts one or resumes it."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._writing = False
        self._checked: set[str] = set()  # files whose hash was compared

    @classmethod
    def open(cls, path: Path, whole: bool = True) -> Self:
        """Open a folder and check every table's hash; other files are checked when they are read first.

        Unless `whole`, tables are too, and only their sizes are compared now: large folders take seconds to hash.
        Raises ExtractionError for a folder without a manifest, or with a damaged table.
        """
        extraction = cls(path, read_manifest(path))
        for name in extraction.manifest.files:
            if name.endswith(".parquet"):
                (extraction._check_hash if whole else extraction._check_size)(name)
        return extraction

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> Self:
        """Make a new folder, or open the one there if it was begun with the same manifest; else ExtractionError.

        A folder that an earlier version began keeps its model's name, without the weights' hash.
        """
        if _begun(path):
            _refuse_other(path, read_manifest(path), manifest)
            return cls.open(path)
        extraction = cls(path, manifest)
        with extraction.writing():
            extraction._write_manifest()
        return extraction

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other processes from writing into the folder while the block runs; may be nested.

        What they wrote before is read first. Raises ExtractionError if one is writing, and says which.
        """
        if self._writing:
            yield
            return
        with self._locked():
            if (self.path / "manifest.json").exists():
                stored = read_manifest(self.path)
                _refuse_other(self.path, stored, self.manifest)
                self.manifest = stored
            self._writing = True
            try:
                yield
            finally:
                self._writing = False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.callback(remove_empty, make_folder(self.path))  # where nothing was written
                stack.enter_context(lock(self.path / "writing.lock"))
            except LockedBy as error:
                raise ExtractionError(
                    f"{self.path} is being written by process {error}. Wait until that is done, or name another folder."
                ) from error
            except OSError as error:
                raise ExtractionError(f"{self.path} cannot be written: {error.strerror}. {_PLACE}") from error
            yield

    def has(self, *names: str) -> bool:
        """Whether all these files are finished."""
        return all(name in self.manifest.files for name in names)

    def remaining(self, items: Iterable[Item], name: Callable[[Item], str]) -> Iterator[Item]:
        """Select the items whose file, `name(item)`, is not finished; each is looked up when its turn comes.

        An interrupted run resumes with these. Names hold the `run_digest` of settings that the manifest does not, so
        that a run with other settings reuses nothing.
        """
        return (item for item in items if not self.has(name(item)))

    def add(self, contents: Mapping[str, Content]) -> None:
        """Write files, each a table of its schema or named arrays, then record them all at once in the manifest."""
        with self.writing():
            files = dict(self.manifest.files)
            for name, content in contents.items():
                data = encoded(name, content)
                self._write(name, data)
                files[name] = File(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
                self._checked.discard(name)
            self.manifest = self.manifest.model_copy(update={"files": dict(sorted(files.items()))})
            self._write_manifest()

    def record_deviations(self, deviations: tuple[Deviation, ...]) -> None:
        """Write into the manifest how far the weights are from those in float32."""
        with self.writing():
            self.manifest = self.manifest.model_copy(update={"deviations": deviations})
            self._write_manifest()

    def name_processor(self, processor: Mapping[str, str]) -> None:
        """Name what computed weights of the folder among the manifest's tools, beside what did so before."""
        tools = dict(self.manifest.tools)
        for kind, name in processor.items():
            tools[kind] = " and ".join(sorted({*tools.get(kind, name).split(" and "), name}))
        if tools != self.manifest.tools:
            with self.writing():
                self.manifest = self.manifest.model_copy(update={"tools": tools})
                self._write_manifest()

    def drop(self, names: Iterable[str]) -> None:
        """Remove files from the manifest, then from the disk; names without a file are ignored.

        Raises ExtractionError, and removes nothing, where one lies in a linked subfolder.
        """
        removed = {name: self.path / name for name in names if self.has(name)}
        if not removed:
            return
        for file in removed.values():
            _refuse_link(file.parent, self.path)
        with self.writing():
            files = {name: file for name, file in self.manifest.files.items() if name not in removed}
            self.manifest = self.manifest.model_copy(update={"files": files})
            self._write_manifest()
            for file in removed.values():
                file.unlink(missing_ok=True)

    def table(self, name: str) -> pa.Table:
        """Read a whole table, its parts in the order of their names; empty where there is none."""
        return pa.concat_tables([SCHEMAS[name].empty_table(), *self.parts(name)])

    def parts(self, name: str) -> Iterator[pa.Table]:
        """Read a table part by part, where all of it might not fit into memory."""
        for file in self.manifest.files:
            if file == f"{name}.parquet" or file.startswith(f"{name}.parquet/"):
                yield self.part(file)

    def part(self, name: str) -> pa.Table:
        """Read one part of a table by its file's name; its hash is checked the first time."""
        self._check_hash(name)
        return read_table(self.path / name, name.partition(".parquet")[0])

    def matrix(
        self, source: Layer, target: Layer, kind: MatrixKind, channels: slice = slice(None)
    ) -> np.ndarray | None:
        """Read a layer pair's matrix (target channels, source channels); None where it was not stored.

        Reads these channels of the target alone. Kernels, which direct pairs alone have, are (target channels, source
        channels, h, w).
        """
        return self.array(part("matrices", str(target)), f"{source} {kind}", channels)

    def kernel(self, source: Unit, target: Unit) -> np.ndarray | None:
        """Read the expanded weight of a direct edge by the source's positions: float32 (h, w), cropped to its support.

        Reads the target's kernels alone. None where the kernels of this layer pair were not stored.
        """
        name, key = part("matrices", str(target.layer)), f"{source.layer} kernel"
        if not self.has(name):
            return None
        kernels = self.lines(name, key, slice(target.channel, target.channel + 1))  # (1, source channels, h, w)
        return None if kernels is None else kernels[0, source.channel].astype(np.float32)

    def distributions(
        self,
        layer: Layer,
        other: Layer | None = None,
        direction: ContributionDirection | None = None,
        channel: int | None = None,
    ) -> pa.Table:
        """Read how the weights of a layer's units are distributed over another layer's units: rows of `distributions`.

        For all other layers, both directions and all channels unless one is named.
        """
        columns = {"layer": str(layer), "other": other and str(other), "direction": direction, "channel": channel}
        rows = pc.scalar(True)
        for column, value in columns.items():
            if value is not None:
                rows = rows & (pc.field(column) == value)
        tables = self._distributions_of(layer if direction == "backward" else other, direction)
        return pa.concat_tables([SCHEMAS["distributions"].empty_table(), *(table.filter(rows) for table in tables)])

    def _distributions_of(self, target: Layer | None, direction: ContributionDirection | None) -> Iterator[pa.Table]:
        """Read the part of a target layer, where all rows of one direction stand; all parts where either is open."""
        if target is None or direction is None:
            yield from self.parts("distributions")
        elif (name := part("distributions", str(target))) in self.manifest.files:
            yield self.part(name)

    def randomised(self, source: Layer, target: Layer) -> tuple[np.ndarray, np.ndarray] | None:
        """Read the means of randomised weights: the source's channels, and (target channels, source channels).

        None where they were not swept.
        """
        name = part("randomised", str(source))
        if not self.has(name):
            return None
        rows = self.part(name).filter(pc.field("target") == str(target))
        if not rows.num_rows:
            return None
        return rows["source_channel"].to_numpy(), np.array(rows["means"].to_pylist()).T

    def words(self, layer: Layer, kind: WordKind = "value") -> np.ndarray | None:
        """Read a layer's activations on the vocabulary's words, float16 (words, channels); None where there are none.

        Or those on letter strings: their `length`s, int32 (lengths,), and of each length the `mean` and standard
        deviation `sd`, float32 (lengths, channels).
        """
        return self.array(part("words", str(layer)), kind)

    def array(self, name: str, key: str, rows: slice = slice(None)) -> np.ndarray | None:
        """Read rows of an array of a file, whose hash is checked the first time; None without the file or the key."""
        return self.lines(name, key, rows) if self.has(name) else None

    def activations(
        self, layer: Layer, channels: slice = slice(None), kind: ActivationKind = "value"
    ) -> np.ndarray | None:
        """Read the activations of a layer's channels on every probe, (probes, channels); None where not measured.

        The `value` is the mean over positions, float16, after the ReLU where one follows; `at` is the position where
        the unit is most active, row times columns plus column.
        """
        chunks = [self.lines(name, f"{layer} {kind}", channels) for name in self.under("activations")]
        parts = [chunk for chunk in chunks if chunk is not None]
        return np.concatenate(parts, axis=1).T if parts else None

    def under(self, folder: str) -> list[str]:
        """List the finished files in a subfolder, in the order of their names."""
        return [name for name in self.manifest.files if name.startswith(f"{folder}/")]

    def lines(self, name: str, key: str, rows: slice = slice(None)) -> np.ndarray | None:
        """Read rows of an array of a file, whose hash is checked the first time; None without the key."""
        self._check_hash(name)
        try:
            with safe_open(self.path / name, framework="numpy") as arrays:
                return arrays.get_slice(key)[rows] if key in arrays.keys() else None  # noqa: SIM118, not a dict
        except (SafetensorError, OSError) as error:
            raise damaged(self.path / name) from error

    def embeddings(self) -> Iterator[np.ndarray]:
        """Read the network's embeddings of the probes, of length 1, chunk by chunk: float32 (n, E)."""
        for name in self.under("activations"):
            if (chunk := self.lines(name, "embedding")) is not None:
                yield chunk

    def check(self, model: str, weights_sha256: str) -> None:
        """Raise ExtractionError unless this is an extraction of these weights."""
        if weights_sha256 != self.manifest.weights_sha256:
            raise ExtractionError(f"{self.path} is of other weights than {model}. Open the extraction of this network.")

    @property
    def has_checksum(self) -> bool:
        """Whether the manifest could be checked; those of earlier versions cannot."""
        return has_checksum(self.path)

    @cached_property
    def layers(self) -> dict[Layer, int]:
        """Every layer of the network with its number of channels, in forward order."""
        architecture = self.manifest.architecture
        return {layer: architecture.channels(layer) for layer in architecture.layers}

    def _check_size(self, name: str) -> None:
        file = self.path / name
        if not file.exists() or file.stat().st_size != self.manifest.files[name].size:
            raise damaged(file)

    def _check_hash(self, name: str) -> None:
        if name in self._checked:
            return
        self._check_size(name)
        with (self.path / name).open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != self.manifest.files[name].sha256:
                raise damaged(self.path / name)
        self._checked.add(name)

    def _write_manifest(self) -> None:
        self._write("manifest.json", manifest_bytes(self.manifest))

    def _write(self, name: str, data: bytes) -> None:
        _refuse_link((self.path / name).parent, self.path)
        replace_file(self.path / name, data, ExtractionError, _PLACE, parents=True)


_PLACE = "Choose a folder you may write to, on a disk with room."
_UNFINISHED = {"manifest.json.tmp", "writing.lock"}


def _begun(path: Path) -> bool:
    """Whether the path holds anything but what is there before a first manifest."""
    return path.exists() and (not path.is_dir() or any(file.name not in _UNFINISHED for file in path.iterdir()))


def _refuse_link(subfolder: Path, path: Path) -> None:
    """Raise ExtractionError for a subfolder that is a link, since what it leads to is no part of the extraction."""
    if subfolder != path and subfolder.is_symlink():
        raise ExtractionError(
            f"{subfolder} is a link, and an extraction changes nothing outside its folder. Put a copy of what it leads "
            "to in its place."
        )


def _refuse_other(path: Path, stored: Manifest, manifest: Manifest) -> None:
    """Raise ExtractionError unless both manifests are of the same weights, made by the same settings and tools."""
    differences = [what for what, value in _IDENTITY.items() if value(stored) != value(manifest)]
    before, now = stored.preparation, manifest.preparation
    if before and now and before.model_copy(update={"fingerprint": now.fingerprint}) != now:
        differences.append("another activation or preparation of images")
    if differences:
        raise ExtractionError(
            f"{path} was begun with {' and '.join(differences)}. Choose another folder, or remove this one."
        )


_IDENTITY: dict[str, Callable[[Manifest], object]] = {
    "another model": lambda manifest: manifest.model.partition("@")[0],  # earlier versions wrote no hash behind it
    "other weights": lambda manifest: manifest.weights_sha256,
    "another architecture": lambda manifest: manifest.architecture,
    "other settings": lambda manifest: manifest.settings,
    "another processor": lambda manifest: manifest.tools.get(CARD),
    "other versions of its tools": lambda manifest: {**manifest.tools, CARD: "", PROCESSOR: "", THREADS: ""},
}
