"""The manifest of an extraction folder: what the folder was made from, and its finished files."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from extract.errors import ExtractionError
from extract.units import Architecture

FORMAT: Final = 1


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExtractionSettings(_Strict):
    """Target layers; how many edges are stored a unit, layer pair and direction; whether matrices are."""

    targets: tuple[str, ...]
    strongest: int
    matrices: bool


class File(_Strict):
    """The hash and size in bytes of a finished file."""

    sha256: str
    size: int


FileName = Annotated[str, Field(pattern=r"^(\w[\w.-]*/)?\w[\w.-]*$")]  # never outside the folder


class Manifest(_Strict):
    """What the folder was made from, and its finished files."""

    format: Literal[1] = FORMAT
    model: str
    weights_sha256: str
    blocks: tuple[int, ...]
    width: int
    image_size: int
    settings: ExtractionSettings
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


def part(table: str, target: str) -> str:
    """The file of a layer's part of a table, of its matrices, or of its activations on words."""
    name = target.replace("/", "-")
    return f"{table}/{name}.safetensors" if table in ("matrices", "words") else f"{table}.parquet/{name}.parquet"


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of the folder at `path`; ExtractionError where there is none, or it is of another format."""
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
