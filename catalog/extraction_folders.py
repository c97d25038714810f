"""The extraction folders at hand: they hold what is too large for the database, such as kernels and distributions."""

from collections.abc import Iterator
from pathlib import Path

from catalog.extraction_view import ExtractionView
from extract.errors import ExtractionError
from graph.records import ModelCard


class ExtractionFolders:
    """The extraction folders that lie directly in these directories, and the one that a model was loaded from.

    A folder is opened and checked at its first use, and again after it changed. A damaged one is left out.
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
        if loaded is not None and (manifest := Path(loaded) / "manifest.json").is_file():
            yield manifest
        for directory in dict.fromkeys(directory.resolve() for directory in self._directories):
            yield from sorted(directory.glob("*/manifest.json"))

    def _view(self, manifest: Path) -> ExtractionView | None:
        from extract.folder.extraction import Extraction  # pyarrow takes half a second, and few ask for a folder

        key = manifest, manifest.stat().st_mtime_ns
        if key not in self._views:
            try:
                self._views[key] = ExtractionView(Extraction.open(manifest.parent))
            except ExtractionError:
                self._views[key] = None
        return self._views[key]
