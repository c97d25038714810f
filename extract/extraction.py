"""The extraction folder, the hand-over between torch and graph: a manifest, Parquet tables and dense matrices.

    NAME.extraction/
      manifest.json            model, weights, settings, and every file with its SHA-256
      units.parquet            one row a unit
      edges.parquet/           one part a target layer: the strongest expanded weights
      sweeps.parquet/          one part a target layer: per source layer what was computed and where kept edges end
      distributions.parquet/   one part a target layer: moments of a unit's weights into or out of another layer
      matrices/                one file a target layer: dense magnitude and mean per source, kernels of direct edges
      probes.parquet           the images shown, as WebP or PNG bytes
      evidence.parquet         one row a sum unit: share over the shortcut, difference of the branches, reach
      examples.parquet         per unit and branch the probes it answers to most
      vocabulary.parquet       the words shown as images, and the letter strings they are compared with
      words/                   one file a layer: what every unit does on every word, and on letter strings by length
      words.parquet            the words that a unit answers to most, the units that a word drives most
      modality.parquet         one row a unit: words against letter strings, pictures against scrambled ones

A file is written under a temporary name and renamed, then recorded in the manifest, so that an interrupted extraction
goes on where it stopped; the same settings give the same bytes. Nothing is pickled.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from extract.errors import ExtractionError
from extract.units import Architecture, Layer

FORMAT: Final = 1


def _schema(columns: str, **meanings: str) -> pa.Schema:
    """Columns written as name:type; what needs saying about them goes into the table's metadata."""
    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "i32": pa.int32(),
        "i64": pa.int64(),
        "f32": pa.float32(),
        "bool": pa.bool_(),
        "bytes": pa.binary(),
    }
    named = (column.split(":") for column in columns.split())
    return pa.schema([(name, types[kind]) for name, kind in named]).with_metadata(meanings)


SCHEMAS = {
    "units": _schema(
        "layer:text channel:i32 scale:f32",
        scale="batch norm's gamma over its standard deviation; null for a sum",
    ),
    "edges": _schema(
        "source:text source_channel:i32 target:text target_channel:i32 "
        "magnitude:f32 mean:f32 sum:f32 span:i32 direct:bool rank_in:i32 rank_out:i32",
        magnitude="Frobenius norm of the expanded weight",
        mean="sum over span",
        span="positions of the source's map that can be non-zero",
        direct="one convolution and no other layer between source and target",
        rank_in="place by magnitude among the target's sources in this layer, from 1",
        rank_out="place by magnitude among the source's targets in this layer, from 1",
    ),
    "sweeps": _schema(
        "source:text target:text n:i64 kept:i64 cutoff_magnitude:f32 cutoff_mean:f32 span:i32 direct:bool cut:bool",
        n="unit pairs computed",
        kept="edges kept, the union of the strongest by magnitude and by absolute mean, both directions",
        cutoff_magnitude="no weight of a larger magnitude was left out; 0 where none was",
        cutoff_mean="no weight of a larger absolute mean was left out; 0 where none was",
        cut="the kernel is wider than the map, so the border cuts it, as in the real network",
    ),
    "distributions": _schema(
        "layer:text channel:i32 other:text direction:text n:i32 "
        "mean:f32 sd:f32 skewness:f32 kurtosis:f32 bimodality:f32 density_at_zero:f32",
        direction="backward: over the other layer's units as sources; forward: as targets",
        sd="of a sample, as are skewness and kurtosis; null, like all that follows from it, where all means are equal",
        kurtosis="excess",
        bimodality="Sarle's coefficient for samples",
        density_at_zero="share of means within a tenth of their standard deviation of zero",
    ),
    "probes": _schema(
        "id:text modality:text concept:text source:text split:text sensitive:bool image:bytes",
        modality="picture or word",
        split="discovery or held-out",
        image="WebP or PNG",
    ),
    "evidence": _schema(
        "layer:text channel:i32 share_published:f32 share_exact:f32 share_corrected:f32 overlap:f32 "
        "concept_difference:f32 modality_difference:f32 words_shortcut:f32 words_conv:f32 "
        "reach_shortcut:f32 reach_conv:f32",
        share_published="norm share of the raw shortcut over its sum with raw conv3's, mean over the top examples",
        share_exact="ratio of sums over positions where the sum is positive, on the sum's top examples",
        share_corrected="the same with each branch's mean over all probes taken off",
        overlap="probes among both branches' top examples, over the length of the longer list",
        concept_difference="1 - cosine of the mean embeddings of the branches' top examples",
        modality_difference="absolute difference of the branches' shares of words among their top examples",
        words_shortcut="share of words among the shortcut's top examples",
        words_conv="the same for the conv branch",
        reach_shortcut="mean percentile, among all held-out probes, of the sum after its ReLU on those with the "
        "concepts and modality of the shortcut's top examples",
        reach_conv="the same for the conv branch",
    ),
    "examples": _schema(
        "layer:text channel:i32 branch:text rank:i32 probe:text value:f32 z:f32",
        branch="sum, shortcut or conv",
        rank="place among the discovery probes, from 1; only probes above the mean over all are listed",
        value="mean over positions; a sum after its ReLU",
        z="standard deviations above the mean over all probes",
    ),
    "vocabulary": _schema(
        "text:text kind:text length:i32 lettering:text",
        text="each of a kind stands once; the words in the order of the rows in words/",
        kind="word or letters",
        length="characters",
        lettering="how it was set: font, size, colours",
    ),
    "words": _schema(
        "word:text layer:text channel:i32 value:f32 z:f32 word_rank:i32 unit_rank:i32",
        value="mean over positions; a sum after its ReLU",
        z="value minus the mean over random letter strings of the word's length, over their standard deviation; null "
        "where the unit does not tell them apart",
        word_rank="place of the word among all words by the unit's value, from 1; null beyond the last one kept",
        unit_rank="place of the unit among its layer's units by the word's z, from 1; null beyond the last one kept",
    ),
    "modality": _schema(
        "layer:text channel:i32 words:f32 pictures:f32 n_words:i32 n_pictures:i32",
        words="2 AUROC - 1 of words against random letter strings of their lengths: 1 where every word drives the unit "
        "more than every string, 0 where neither does, -1 for the reverse",
        pictures="the same for pictures against the same pictures scrambled",
        n_words="words shown",
        n_pictures="pictures shown",
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(_Strict):
    """What was asked for: target layers, strongest edges kept a unit, layer pair and direction, matrices or not."""

    targets: tuple[str, ...]
    strongest: int
    matrices: bool


class File(_Strict):
    """What a file must hold to be taken for whole."""

    sha256: str
    size: int


FileName = Annotated[str, Field(pattern=r"^(\w[\w.-]*/)?\w[\w.-]*$")]  # never outside the folder


class Manifest(_Strict):
    """Says what the folder was made from, and lists its finished files."""

    format: Literal[1] = FORMAT
    model: str
    weights_sha256: str
    blocks: tuple[int, ...]
    width: int
    image_size: int
    settings: Settings
    tools: dict[str, str]
    files: dict[FileName, File] = {}

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return Architecture(self.blocks, self.width, self.image_size)

    @property
    def missing(self) -> tuple[str, ...]:
        """Target layers whose edges are not computed yet."""
        return tuple(t for t in self.settings.targets if part("edges", t) not in self.files)


Kind = Literal["magnitude", "mean", "kernel"]
WordKind = Literal["value", "mean", "sd", "length"]
Content = pa.Table | Mapping[str, np.ndarray]


def part(table: str, target: str) -> str:
    """Where a target layer's part of a table, or its matrices, or a layer's activations on words lie in the folder."""
    name = target.replace("/", "-")
    return f"{table}/{name}.safetensors" if table in ("matrices", "words") else f"{table}.parquet/{name}.parquet"


class Extraction:
    """An extraction folder; `open` reads one, `create` starts or goes on with one."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest

    @classmethod
    def open(cls, path: Path) -> Self:
        """A folder whose every table is whole; else ExtractionError. Matrices are checked when they are read."""
        extraction = cls(path, _read_manifest(path))
        for name in extraction.manifest.files:
            if name.endswith(".parquet"):
                extraction._whole(name)
        return extraction

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> Self:
        """A new folder, or the one already there if it was begun with the same manifest; else ExtractionError."""
        if _begun(path):
            begun = _read_manifest(path)
            if begun.model_copy(update={"files": {}}) != manifest:
                raise ExtractionError(
                    f"{path} was begun with another model, other settings or other versions of its tools. "
                    "Choose another folder, or remove this one."
                )
            return cls.open(path)
        extraction = cls(path, manifest)
        extraction._write_manifest()
        return extraction

    def has(self, *names: str) -> bool:
        """Whether all these files are finished."""
        return all(name in self.manifest.files for name in names)

    def add(self, contents: Mapping[str, Content]) -> None:
        """Write files, each a table (checked against its schema) or named arrays, then record them all at once."""
        files = dict(self.manifest.files)
        for name, content in contents.items():
            data = _parquet(name, content) if isinstance(content, pa.Table) else save(dict(content))
            _write(self.path / name, data)
            files[name] = File(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        self.manifest = self.manifest.model_copy(update={"files": dict(sorted(files.items()))})
        self._write_manifest()

    def drop(self, names: Iterable[str]) -> None:
        """Take files out of the manifest, then off the disk; those it does not have are no matter."""
        gone = {name: self.path / name for name in names if self.has(name)}
        if not gone:
            return
        files = {name: file for name, file in self.manifest.files.items() if name not in gone}
        self.manifest = self.manifest.model_copy(update={"files": files})
        self._write_manifest()
        for file in gone.values():
            file.unlink(missing_ok=True)

    def table(self, name: str) -> pa.Table:
        """A whole table, its parts one after the other in the order of their names; empty where there is none."""
        return pa.concat_tables([SCHEMAS[name].empty_table(), *self.parts(name)])

    def parts(self, name: str) -> Iterator[pa.Table]:
        """A table part by part, for those that do not fit into memory at once."""
        for file in self.manifest.files:
            if file == f"{name}.parquet" or file.startswith(f"{name}.parquet/"):
                yield _read_table(self.path / file, SCHEMAS[name])

    def matrix(self, source: Layer, target: Layer, kind: Kind) -> np.ndarray | None:
        """A dense (target channels, source channels) matrix, a direct edge's kernels with (h, w) behind, or None."""
        return self.array(part("matrices", str(target)), f"{source} {kind}")

    def words(self, layer: Layer, kind: WordKind = "value") -> np.ndarray | None:
        """What a layer's units do on the vocabulary's words, float16 (words, channels); or None.

        Or float32 (lengths, channels) the `mean` and the standard deviation `sd` over letter strings of each of the
        `length`s, int32 (lengths,).
        """
        return self.array(part("words", str(layer)), kind)

    def array(self, name: str, key: str) -> np.ndarray | None:
        """An array of a file, which is checked when it is first read; None without the file or the key."""
        if not self.has(name):
            return None
        if name not in self._checked:
            self._whole(name)
            self._checked.add(name)
        try:
            with safe_open(self.path / name, framework="numpy") as file:
                return file.get_tensor(key) if key in file.keys() else None  # noqa: SIM118, not a dict
        except SafetensorError as error:
            raise _damaged(self.path / name) from error

    def check(self, model: str, weights_sha256: str) -> None:
        """ExtractionError unless it is an extraction of these weights."""
        if weights_sha256 != self.manifest.weights_sha256:
            raise ExtractionError(f"{self.path} is of other weights than {model}. Open the extraction of this network.")

    @cached_property
    def _checked(self) -> set[str]:
        return set()

    @cached_property
    def layers(self) -> dict[Layer, int]:
        """Every layer of the network with its number of channels, in forward order."""
        architecture = self.manifest.architecture
        return {layer: architecture.channels(layer) for layer in architecture.layers}

    def _whole(self, name: str) -> None:
        record, file = self.manifest.files[name], self.path / name
        if not file.exists() or file.stat().st_size != record.size:
            raise _damaged(file)
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != record.sha256:
                raise _damaged(file)

    def _write_manifest(self) -> None:
        _write(self.path / "manifest.json", self.manifest.model_dump_json(indent=1).encode())


def _begun(path: Path) -> bool:
    """Whether anything lies there but the first draft of a manifest."""
    return path.exists() and (not path.is_dir() or any(file.name != "manifest.json.tmp" for file in path.iterdir()))


def _read_manifest(path: Path) -> Manifest:
    file = path / "manifest.json"
    if not file.is_file():
        raise ExtractionError(f"{path} is no extraction: it holds no manifest.json. `circuits extract` makes one.")
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise ExtractionError(
            f"{file} is no manifest of format {FORMAT} ({what}). "
            "It was altered, or made by another version: extract again."
        ) from error


def _read_table(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file) from error
    if not table.schema.equals(schema):
        raise _damaged(file)
    return table


def _parquet(name: str, table: pa.Table) -> bytes:
    schema = SCHEMAS[name.partition(".parquet")[0]]
    plain = table.select(schema.names).cast(schema).replace_schema_metadata(schema.metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(plain, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _write(file: Path, data: bytes) -> None:
    """All of the data under its name, or nothing; ExtractionError where the disk refuses."""
    temporary = file.with_name(file.name + ".tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.rename(file)
    except OSError as error:
        raise ExtractionError(
            f"{file} cannot be written: {error.strerror}. Choose a folder you may write to, on a disk with room."
        ) from error


def _damaged(file: Path) -> ExtractionError:
    return ExtractionError(
        f"{file} is missing, cut short or altered. Copy the folder again, or remove it and extract once more."
    )
