"""Write the files of a folder under a lock, record them in its manifest, and check them before they are read.

A file is written under a temporary name and renamed, then recorded in the manifest with its SHA-256, so that an
interrupted extraction resumes where it stopped. While a process writes, its id is in writing.lock. Every file is
compared with its hash before anything is computed from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

from extract.errors import ExtractionError
from extract.files import LockedBy, lock, make_folder, reason_of, remove_empty, replace_file
from extract.folder.encoding import Content, damaged, encoded
from extract.folder.manifest import (
    CARD,
    PROCESSOR,
    THREADS,
    Deviation,
    File,
    Manifest,
    has_checksum,
    manifest_bytes,
    read_manifest,
)
from extract.printable import is_encodable, printable
from extract.units import Layer

Item = TypeVar("Item")


def run_digest(*settings: object) -> str:
    """Hash the settings that decide what a run writes; the 16 hexadecimal digits go into the names of its files."""
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


class ManifestFolder:
    """A folder with a manifest of its finished files; `open` opens a folder, `create` starts or resumes one."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        if not is_encodable(str(path.absolute())):
            raise ExtractionError(f"The name of {path} is not UTF-8, which tables in Parquet need. Rename the folder.")
        self.path, self.manifest = path, manifest
        self._writing = False
        self._checked: set[str] = set()  # files whose hash was compared

    @classmethod
    def open(cls, path: Path, whole: bool = True) -> Self:
        """Open a folder and check every table's hash; any other file is checked when it is first read.

        If not `whole`, tables are also checked when first read, and only their sizes are compared now, because hashing
        a large folder takes seconds. Raises ExtractionError for a folder without a manifest, or with a damaged table.
        """
        extraction = cls(path, read_manifest(path))
        for name in extraction.manifest.files:
            if name.endswith(".parquet"):
                (extraction._check_hash if whole else extraction._check_size)(name)
        return extraction

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> Self:
        """Make a new folder, or open an existing one that was begun with the same manifest.

        Raises ExtractionError if the existing folder differs in its model, weights, settings, tools or preparation of
        images. A folder that an earlier version began keeps its model's name, which lacks the weights' hash.
        """
        with _on_disk(path):
            begun = _begun(path)
        if begun:
            _refuse_other(path, read_manifest(path), manifest)
            return cls.open(path)
        extraction = cls(path, manifest)
        with extraction.writing():
            extraction._write_manifest()
        return extraction

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other processes from writing into the folder while the block runs; blocks may be nested.

        The manifest is read again first, with all that other processes wrote before. Raises ExtractionError, which
        names the process, if another process is writing.
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
                with _on_disk(self.path):
                    stack.callback(remove_empty, make_folder(self.path))  # if nothing is written
                    stack.enter_context(lock(self.path / "writing.lock"))
            except LockedBy as error:
                raise ExtractionError(
                    f"{self.path} is being written by process {error}. Wait until that has finished, or name another "
                    "folder."
                ) from error
            yield

    def has(self, *names: str) -> bool:
        """Check whether all these files are finished."""
        return all(name in self.manifest.files for name in names)

    def remaining(self, items: Iterable[Item], name: Callable[[Item], str]) -> Iterator[Item]:
        """Yield the items whose file, `name(item)`, is not finished; each file is looked up when its item's turn comes.

        An interrupted run resumes with these items. Names contain the `run_digest` of the settings that the manifest
        lacks, so that a run with other settings reuses no file.
        """
        return (item for item in items if not self.has(name(item)))

    def under(self, folder: str) -> list[str]:
        """List the finished files in a subfolder, in the order of their names."""
        return [name for name in self.manifest.files if name.startswith(f"{folder}/")]

    def add(self, contents: Mapping[str, Content]) -> None:
        """Write files, then record all of them in the manifest in one step.

        A file's content is a table of its schema, or named arrays.
        """
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
        """Write into the manifest how far the magnitudes deviate from their float32 values."""
        with self.writing():
            self.manifest = self.manifest.model_copy(update={"deviations": deviations})
            self._write_manifest()

    def name_processor(self, processor: Mapping[str, str]) -> None:
        """Add the hardware that computes weights to the manifest's tools; hardware named before stays."""
        tools = dict(self.manifest.tools)
        for kind, name in processor.items():
            tools[kind] = " and ".join(sorted({*tools.get(kind, name).split(" and "), name}))
        if tools != self.manifest.tools:
            with self.writing():
                self.manifest = self.manifest.model_copy(update={"tools": tools})
                self._write_manifest()

    def drop(self, names: Iterable[str]) -> None:
        """Remove files from the manifest, then from the disk; names without a file are ignored.

        If a file lies in a subfolder that is a link, raises ExtractionError and removes nothing.
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

    def check(self, model: str, weights_sha256: str) -> None:
        """Raise ExtractionError unless this is an extraction of these weights."""
        if weights_sha256 != self.manifest.weights_sha256:
            raise ExtractionError(
                f"{self.path} was extracted from other weights than those of {model}. Open the extraction of this "
                "network."
            )

    @property
    def has_checksum(self) -> bool:
        """Whether the manifest has a checksum; manifests of earlier versions have none."""
        return has_checksum(self.path)

    @cached_property
    def layers(self) -> dict[Layer, int]:
        """The number of channels of every layer of the network, keyed by layer, in forward order."""
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


_PLACE = "Name a folder that you may write to, on a disk with room."
_UNFINISHED = {"manifest.json.tmp", "writing.lock"}


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """Turn an error of the disk, or of a name that no folder can have, into ExtractionError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ExtractionError(f"{printable(str(path))} cannot be written: {reason_of(error)}. {_PLACE}") from error


def _begun(path: Path) -> bool:
    """Check whether a path is a file, or a folder with more than the files that precede its first manifest."""
    return path.exists() and (not path.is_dir() or any(file.name not in _UNFINISHED for file in path.iterdir()))


def _refuse_link(subfolder: Path, path: Path) -> None:
    """Raise ExtractionError for a subfolder that is a link, because its target lies outside the extraction."""
    if subfolder != path and subfolder.is_symlink():
        raise ExtractionError(
            f"{subfolder} is a link, and an extraction changes nothing outside its own folder. Replace the link by a "
            "copy of its target."
        )


def _refuse_other(path: Path, stored: Manifest, manifest: Manifest) -> None:
    """Raise ExtractionError unless both manifests have the same model, weights, settings and tools."""
    differences = [what for what, value in _IDENTITY.items() if value(stored) != value(manifest)]
    before, now = stored.preparation, manifest.preparation
    if before and now and before.model_copy(update={"fingerprint": now.fingerprint}) != now:
        differences.append("another activation or preparation of images")
    if differences:
        raise ExtractionError(
            f"{path} was begun with {' and '.join(differences)}. Name another folder, or remove this one."
        )


_IDENTITY: dict[str, Callable[[Manifest], object]] = {
    "another model": lambda manifest: manifest.model.partition("@")[0],  # earlier versions wrote no hash after the `@`
    "other weights": lambda manifest: manifest.weights_sha256,
    "another architecture": lambda manifest: manifest.architecture,
    "other settings": lambda manifest: manifest.settings,
    "another processor": lambda manifest: manifest.tools.get(CARD),
    "other versions of its tools": lambda manifest: {**manifest.tools, CARD: "", PROCESSOR: "", THREADS: ""},
}
