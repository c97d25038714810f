"""The extraction folders at hand: they hold what is too large for the database, such as kernels and distributions."""

import os
from collections.abc import Iterator
from pathlib import Path

from catalog.extraction_view import ExtractionView
from extract.errors import ExtractionError
from graph.records import ModelCard


class ExtractionFolders:
    """The extraction folders that lie directly in these directories, and the one that a model was loaded from.

    A folder is opened at its first use, and again after it changed; its files are checked when they are read. One whose
    manifest or sizes are damaged is left out.
    """

    def __init__(self, *directories: Path) -> None:
        self._directories = directories
        self._views: dict[tuple[Path, int], ExtractionView | None] = {}  # by manifest and its time of change

    def of(self, card: ModelCard) -> tuple[ExtractionView, ...]:
        """Those of a model and its weights: the one it was loaded from, then by directory and name."""
        own = card.id, card.weights_sha256
        views = (self._view(manifest) for manifest in dict.fromkeys(self._manifests(card.folder)))
        return tuple(view for view in views if view and (view.model, view.weights_sha256) == own)

    def _manifests(self, loaded: str | None) -> Iterator[Path]:
        if loaded is not None and is_readable(manifest := Path(loaded) / "manifest.json"):
            yield manifest
        for directory in dict.fromkeys(directory.resolve() for directory in self._directories):
            yield from sorted(directory.glob("*/manifest.json"))

    def _view(self, manifest: Path) -> ExtractionView | None:
        from extract.folder.extraction import Extraction  # pyarrow takes half a second, and few ask for a folder

        key = manifest, manifest.stat().st_mtime_ns
        if key not in self._views:
            try:
                self._views[key] = ExtractionView(Extraction.open(manifest.parent, whole=False))
            except ExtractionError:
                self._views[key] = None
        return self._views[key]


def is_readable(file: Path) -> bool:
    """Whether a file is there and may be read; a path out of a database may be any."""
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):  # no permission for its folder, a name too long, a null character
        return False
