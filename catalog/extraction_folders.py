"""Find a model's extraction folders, which hold what is too large for the database, such as kernels."""

import os
from collections.abc import Iterator
from pathlib import Path

from catalog.extraction_view import ExtractionView
from extract.errors import ExtractionError
from graph.records import ModelCard


class ExtractionFolders:
    """The extraction folders that lie directly in these directories, and the one that a model was loaded from.

    A folder is opened at its first use, and again after its manifest changed; its files are checked when they are read.
    A folder with a damaged manifest or wrong file sizes is left out.
    """

    def __init__(self, *directories: Path) -> None:
        self._directories = directories
        self._views: dict[tuple[Path, int], ExtractionView | None] = {}  # by manifest and its time of change

    def of(self, card: ModelCard) -> tuple[ExtractionView, ...]:
        """Return the folders of a model and its weights: first the one it was loaded from, then by directory, name."""
        own = card.id, card.weights_sha256
        views = (self._view(manifest) for manifest in dict.fromkeys(self._manifests(card.folder)))
        return tuple(view for view in views if view and (view.model, view.weights_sha256) == own)

    def _manifests(self, loaded: str | None) -> Iterator[Path]:
        if loaded is not None and is_readable(manifest := Path(loaded) / "manifest.json"):
            yield manifest
        for directory in dict.fromkeys(directory.resolve() for directory in self._directories):
            yield from sorted(directory.glob("*/manifest.json"))

    def _view(self, manifest: Path) -> ExtractionView | None:
        from extract.folder.extraction import Extraction  # imports pyarrow in half a second; few uses need a folder

        key = manifest, manifest.stat().st_mtime_ns
        if key not in self._views:
            try:
                self._views[key] = ExtractionView(Extraction.open(manifest.parent, whole=False))
            except ExtractionError:
                self._views[key] = None
        return self._views[key]


def is_readable(file: Path) -> bool:
    """Check whether a file exists and may be read; a path from a database may be anything."""
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):  # no permission for its folder, a name too long, a null character
        return False
