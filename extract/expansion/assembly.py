"""Assemble the rows of shards into the files of whole target layers.

A row holds the weights into one target channel from every unit below. The rows of a run of channels wait in the folder,
in float32, until the rows of all other channels of their target are there. Then the target's files are written, and the
target's rows are removed. Shards may come in any order. An interrupted extraction resumes from the rows.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from extract.expansion.layer_tables import files
from extract.expansion.plan import Shard
from extract.expansion.rows import Dense
from extract.folder.encoding import damaged
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import part
from extract.network.network import Network
from extract.units import Layer

_FOLDER = "rows"


class Assembly:
    """Collects the rows of a plan's target layers, and writes the targets' files into an extraction folder."""

    def __init__(
        self, network: Network, extraction: Extraction, shards: Sequence[Shard], pairs_at_once: int = 1
    ) -> None:
        """Prepare to write the targets of these shards, and to make the tables of `pairs_at_once` pairs in parallel."""
        self._network, self.extraction, self.shards = network, extraction, shards
        self._pairs_at_once = pairs_at_once

    def missing(self) -> tuple[Shard, ...]:
        """Return the shards that have yet to be swept."""
        return tuple(shard for shard in self.shards if not all(self._has(t, shard.channels) for t in shard.targets))

    def add(self, shard: Shard, rows: dict[Layer, Dense]) -> None:
        """Move a shard's rows from `rows` to the folder, and write the tables of every target that is now complete."""
        for target in shard.targets:
            self._take(target, shard.channels, rows.pop(target))  # so that no others are held beside a whole target's
        self._finish_whole(shard.targets)

    def _take(self, target: Layer, channels: range, dense: Dense) -> None:
        if len(channels) == self._network.architecture.channels(target):
            self._finish(target, dense)
        elif not self._has(target, channels):
            self.extraction.add({_file(target, channels): _arrays(dense)})

    def finish(self) -> None:
        """Write the files of targets whose rows an interrupted run left, and remove all rows."""
        targets = tuple(dict.fromkeys(target for shard in self.shards for target in shard.targets))
        self._finish_whole(targets)
        for target in targets:
            self._drop_rows(target)
        folder = self.extraction.path / _FOLDER
        if not folder.is_symlink():
            with suppress(OSError):  # no such folder, or it holds other files
                folder.rmdir()

    def _has(self, target: Layer, channels: range) -> bool:
        return self._is_finished(target) or self.extraction.has(_file(target, channels))

    def _is_finished(self, target: Layer) -> bool:
        return self.extraction.has(part("edges", str(target)))

    def _finish_whole(self, targets: Sequence[Layer]) -> None:
        for target in targets:
            runs = [shard.channels for shard in self.shards if target in shard.targets]
            if not self._is_finished(target) and all(self._has(target, channels) for channels in runs):
                self._finish(target, self._read(target, runs))

    def _finish(self, target: Layer, dense: Dense) -> None:
        if not self._is_finished(target):
            settings = self.extraction.manifest.settings
            self.extraction.add(files(self._network, target, dense, settings, self._pairs_at_once))
        self._drop_rows(target)

    def _drop_rows(self, target: Layer) -> None:
        """Remove a target's rows, of whatever runs of channels, and files that a killed process left half written."""
        ours = re.compile(re.escape(_name(target)) + r"\d+-\d+\.safetensors")
        self.extraction.drop([name for name in self.extraction.under(_FOLDER) if ours.fullmatch(name)])
        folder = self.extraction.path / _FOLDER
        for file in [] if folder.is_symlink() else list(folder.glob("*.tmp")):
            if ours.fullmatch(f"{_FOLDER}/{file.stem}"):
                file.unlink()

    def _read(self, target: Layer, runs: Sequence[range]) -> Dense:
        return {
            source: (self._matrix(target, runs, source, "magnitude"), self._matrix(target, runs, source, "mean"))
            for source in sources(self._network.architecture, target)
        }

    def _matrix(self, target: Layer, runs: Sequence[range], source: Layer, kind: str) -> np.ndarray:
        parts = [self._run(target, channels, source, kind) for channels in runs]
        return np.concatenate(parts)  # (target channels, source channels)

    def _run(self, target: Layer, channels: range, source: Layer, kind: str) -> np.ndarray:
        """Read the rows of a run of channels from the folder.

        Raises ExtractionError unless the rows are float32 of shape (run, source channels).
        """
        name, shape = _file(target, channels), (len(channels), self._network.architecture.channels(source))
        matrix = self.extraction.array(name, f"{source} {kind}")
        if matrix is None or matrix.dtype != np.float32 or matrix.shape != shape:
            raise damaged(self.extraction.path / name)
        return matrix


def _name(target: Layer) -> str:
    return f"{_FOLDER}/{str(target).replace('/', '-')}."


def _file(target: Layer, channels: range) -> str:
    return f"{_name(target)}{channels.start}-{channels.stop}.safetensors"


def _arrays(dense: Dense) -> dict[str, np.ndarray]:
    return {
        f"{source} {kind}": matrix
        for source, pair in dense.items()
        for kind, matrix in zip(("magnitude", "mean"), pair, strict=True)
    }
