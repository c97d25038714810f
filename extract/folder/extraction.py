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
      modality.parquet         one row a unit: words against letter strings and anagrams, pictures scrambled

The same settings give the same bytes. Rows of targets that are not whole yet wait in rows/. Nothing is pickled.
`manifest_folder` tells how the files are written and checked.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from safetensors import SafetensorError, safe_open

from extract.files import check_open_files
from extract.folder.encoding import damaged, read_table
from extract.folder.manifest import part
from extract.folder.manifest_folder import ManifestFolder
from extract.folder.schemas import SCHEMAS
from extract.units import Layer, Unit

MatrixKind = Literal["magnitude", "mean", "kernel"]
WordKind = Literal["value", "mean", "sd", "length"]
ActivationKind = Literal["value", "at"]
ContributionDirection = Literal["backward", "forward"]


class Extraction(ManifestFolder):
    """An extraction folder: `open` reads one, `create` starts one or resumes it; here are its tables and arrays."""

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

        The `value` is the mean over positions, float32 (float16 of an earlier version), after the ReLU where one
        follows; `at` is the position where the unit is most active, row times columns plus column.
        """
        chunks = [self.lines(name, f"{layer} {kind}", channels) for name in self.under("activations")]
        parts = [chunk for chunk in chunks if chunk is not None]
        return np.concatenate(parts, axis=1).T if parts else None

    def lines(self, name: str, key: str, rows: slice = slice(None)) -> np.ndarray | None:
        """Read rows of an array of a file, whose hash is checked the first time; None without the key."""
        self._check_hash(name)
        try:
            with safe_open(self.path / name, framework="numpy") as arrays:
                return arrays.get_slice(key)[rows] if key in arrays.keys() else None  # noqa: SIM118, not a dict
        except (SafetensorError, OSError) as error:
            check_open_files(error)
            raise damaged(self.path / name) from error

    def embeddings(self) -> Iterator[np.ndarray]:
        """Read the network's embeddings of the probes, of length 1, chunk by chunk: float32 (n, E)."""
        for name in self.under("activations"):
            if (chunk := self.lines(name, "embedding")) is not None:
                yield chunk
