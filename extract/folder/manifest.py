"""The manifest of an extraction folder: what the folder was made from, and its finished files."""

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from extract.errors import ExtractionError
from extract.files import is_absent, read_file
from extract.printable import printable
from extract.units import Architecture

FORMAT: Final = 1
# The keys among the manifest's tools that say which hardware computed the weights:
CARD: Final = "card"  # the graphics card, if one did
PROCESSOR: Final = "processor"  # kinds of processors; earlier versions named none
THREADS: Final = "threads"  # of each process


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _printable(text: str) -> str:
    if text != printable(text):
        raise ValueError("holds letters that cannot be printed")
    return text


Text = Annotated[str, Field(max_length=400), AfterValidator(_printable)]
ToolText = Annotated[str, Field(max_length=100_000), AfterValidator(_printable)]  # a cluster has many processors
Blocks = Annotated[int, Field(gt=0, le=1000)]


Precision = Literal["float32", "bfloat16", "tf32"]


class ExtractionSettings(_Strict):
    """The settings of an extraction.

    `targets` are the target layers. `strongest` is how many edges are stored for each unit, layer pair and direction,
    and `matrices` whether dense matrices are stored. `rounded` names the precision if it is lower than float32.
    """

    targets: tuple[Text, ...]
    strongest: Annotated[int, Field(ge=0)]
    matrices: bool
    rounded: Literal["bfloat16", "tf32"] | None = None

    @property
    def precision(self) -> Precision:
        """The precision in which the convolutions of the sweeps were computed."""
        return self.rounded or "float32"


class Deviation(_Strict):
    """The relative deviation of magnitudes from their float32 values, over a sample of pairs `blocks` blocks apart."""

    blocks: Annotated[int, Field(ge=0)]  # from the source's block to the target's
    pairs: Annotated[int, Field(ge=0)]
    median: Annotated[float, Field(ge=0)]
    percentile_99: Annotated[float, Field(ge=0)]
    largest: Annotated[float, Field(ge=0)]  # mostly of a kernel that cancels to nearly nothing


class RecordedPreparation(_Strict):
    """How images were prepared for the network, with the text tower's activation and the network's fingerprint.

    `mean` and `sd` hold one number per colour.
    """

    activation: Text
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    resizing: Text
    fingerprint: tuple[float, ...]  # rounded, so only people compare it


class File(_Strict):
    """The hash and size in bytes of a finished file."""

    sha256: Text
    size: Annotated[int, Field(ge=0)]


FileName = Annotated[Text, Field(pattern=r"^(\w[\w.-]*/)?\w[\w.-]*$")]  # never outside the folder


class Manifest(_Strict):
    """The manifest: what the folder was made from, and its finished files."""

    format: Literal[1] = FORMAT
    model: Annotated[Text, Field(min_length=1)]
    weights_sha256: Text
    blocks: Annotated[tuple[Blocks, ...], Field(min_length=1, max_length=4)]
    width: Annotated[int, Field(gt=0, le=2**16)]
    image_size: Annotated[int, Field(gt=0, le=2**14, multiple_of=32)]
    settings: ExtractionSettings
    tools: dict[Text, ToolText]
    preparation: RecordedPreparation | None = None  # earlier versions wrote none
    deviations: tuple[Deviation, ...] | None = None  # of a precision lower than float32
    files: dict[FileName, File] = {}

    @property
    def architecture(self) -> Architecture:
        """The shape of the network."""
        return Architecture(self.blocks, self.width, self.image_size)

    @property
    def missing(self) -> tuple[str, ...]:
        """The target layers whose edges are not computed yet."""
        return tuple(t for t in self.settings.targets if part("edges", t) not in self.files)


def part(table: str, target: str) -> str:
    """Return the name of the file that holds a layer's part of a table, its matrices, or its activations on words."""
    name = target.replace("/", "-")
    return f"{table}/{name}.safetensors" if table in ("matrices", "words") else f"{table}.parquet/{name}.parquet"


class _StoredManifest(Manifest):
    """A manifest as stored, with a hash of its other fields; earlier versions wrote no hash."""

    checksum: Text | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest without the checksum."""
        return Manifest.model_construct(**{name: getattr(self, name) for name in Manifest.model_fields})


def _hash(manifest: Manifest) -> str:
    return hashlib.sha256(manifest.model_dump_json(exclude_none=True).encode()).hexdigest()


def manifest_bytes(manifest: Manifest) -> bytes:
    """Encode a manifest as JSON, with its checksum."""
    stored = _StoredManifest.model_construct(**dict(manifest), checksum=_hash(manifest))
    return stored.model_dump_json(indent=1, exclude_none=True).encode()


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the folder at `path`. Raises ExtractionError if the manifest is absent or was altered."""
    return _read(path).manifest


def has_checksum(path: Path) -> bool:
    """Check whether the manifest of the folder at `path` has a checksum; manifests of earlier versions have none."""
    return _read(path).checksum is not None


def _read(path: Path) -> _StoredManifest:
    file = path / "manifest.json"
    if is_absent(file):
        raise ExtractionError(
            f"{path} is not an extraction: it holds no manifest.json. Name a folder that `circuits extract` wrote."
        )
    data = read_file(file, ExtractionError, "Change its permissions.")
    try:
        stored = _StoredManifest.model_validate_json(data)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}"[:200] for e in error.errors()[:3])
        raise ExtractionError(
            f"{file} is not a manifest of format {FORMAT} ({printable(what)}). It was altered, or another version made "
            "it. Extract again."
        ) from error
    if stored.checksum not in (None, _hash(stored.manifest)):
        raise ExtractionError(
            f"{file} was altered: its content does not match its checksum. Copy the folder again, or extract again."
        )
    return stored
