"""The extraction folder, which hands results from torch to the graph: a manifest, Parquet tables and dense matrices.

    NAME.extraction/
      manifest.json            model, weights, settings, and every file with its SHA-256
      units.parquet            one row per unit
      edges.parquet/           one part per target layer: the strongest expanded weights
      sweeps.parquet/          one part per target layer: for each source layer, what was computed and the cutoffs
      distributions.parquet/   one part per target layer: moments of a unit's weights into or out of another layer
      randomised.parquet/      one part per source layer: weights of a few of its units through randomised layers
      matrices/                one file per target layer: dense magnitude and mean per source, kernels of direct edges
      probes.parquet/          one part per chunk of probes, with thumbnails of the probes that are examples
      contents.parquet/        one part per chunk: hashes of the probes' bytes as they were shown
      activity.parquet/        one row per unit: how active the unit is on all probes
      histograms.parquet/      one row per measured unit: how its activation is spread over the probes
      skipped.parquet/         files among the probes that were not shown, and why
      activations/             one file per chunk of probes: every measured unit's activation and peak on each probe
      evidence.parquet         one row per unit of a sum: share over the shortcut, difference of the branches
      census.parquet/          one part per sum: for each unit its verdict, effects with bounds, both facets
      ablation.parquet/        one part per sum: what each unit loses on both facets without either branch
      census_settings.parquet  the settings and the probes of the census
      census_variants.parquet/ one part per sum: each unit's verdict with one thing changed at a time
      pairings.parquet/        one part per sum: means over its units, also with branches paired at random
      shares.parquet           one row per unit of a sum: interval of the share, overlap of sum and branches
      top_100_shares.parquet   one row per unit of a sum: shares over its top 100 probes; absent in earlier versions
      examples.parquet/        one part per layer: top, middle, low and random probes of each unit and branch
      calibration.parquet/     one part per layer pair: expanded weights compared with what ablation measures
      visualisations.parquet   imported pictures of units
      levels.parquet           how people sorted the probes at levels of a unit's activation
      vocabulary.parquet       the words shown as images, and the letter strings that the words are compared with
      words/                   one file per layer: every unit's activation on every word, and on letter strings
      words.parquet            the words that drive a unit most, and the units that a word drives most
      modality.parquet         one row per unit: words against letter strings and anagrams, pictures against scrambled

A census is the statistical test of which units of a sum are enriched; a sweep is one backward pass that computes all
expanded weights into some targets. The same settings give the same bytes. Rows of unfinished targets wait in rows/.
Nothing is pickled. `manifest_folder` describes how the files are written and checked.
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
    """An extraction folder, with methods to read its tables and arrays.

    `open` opens an existing folder, and `create` starts a new one or resumes an interrupted one.

    Every method raises ExtractionError for a damaged file.
    """

    def table(self, name: str) -> pa.Table:
        """Read a whole table, its parts in the order of their names; an absent table is empty."""
        return pa.concat_tables([SCHEMAS[name].empty_table(), *self.parts(name)])

    def parts(self, name: str) -> Iterator[pa.Table]:
        """Read a table part by part, because a whole table may not fit into memory."""
        for file in self.manifest.files:
            if file == f"{name}.parquet" or file.startswith(f"{name}.parquet/"):
                yield self.part(file)

    def part(self, name: str) -> pa.Table:
        """Read one part of a table by its file's name; the file's hash is checked the first time."""
        self._check_hash(name)
        return read_table(self.path / name, name.partition(".parquet")[0])

    def matrix(
        self, source: Layer, target: Layer, kind: MatrixKind, channels: slice = slice(None)
    ) -> np.ndarray | None:
        """Read a layer pair's matrix of shape (target channels, source channels); None if it was not stored.

        Only the target's `channels` are read. Kernels, which only direct pairs have, are of shape (target channels,
        source channels, h, w).
        """
        return self.array(part("matrices", str(target)), f"{source} {kind}", channels)

    def kernel(self, source: Unit, target: Unit) -> np.ndarray | None:
        """Read the expanded weight of a direct edge; None if the kernels of this layer pair were not stored.

        Returns float32 of shape (h, w) over the source's positions, cropped to the support. Only the target's kernels
        are read.
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
        """Read rows of `distributions`: moments of the weights between a unit and all units of another layer.

        An argument that is None selects all other layers, both directions, or all channels.
        """
        columns = {"layer": str(layer), "other": other and str(other), "direction": direction, "channel": channel}
        rows = pc.scalar(True)
        for column, value in columns.items():
            if value is not None:
                rows = rows & (pc.field(column) == value)
        tables = self._distributions_of(layer if direction == "backward" else other, direction)
        return pa.concat_tables([SCHEMAS["distributions"].empty_table(), *(table.filter(rows) for table in tables)])

    def _distributions_of(self, target: Layer | None, direction: ContributionDirection | None) -> Iterator[pa.Table]:
        """Read the part of the target layer, or all parts if the target layer or the direction is None.

        With both known, the target's part holds all rows that are wanted.
        """
        if target is None or direction is None:
            yield from self.parts("distributions")
        elif (name := part("distributions", str(target))) in self.manifest.files:
            yield self.part(name)

    def randomised(self, source: Layer, target: Layer) -> tuple[np.ndarray, np.ndarray] | None:
        """Read the mean expanded weights through randomised weights; None if they were not swept.

        Returns the swept channels of the source, and the means of shape (target channels, source channels).
        """
        name = part("randomised", str(source))
        if not self.has(name):
            return None
        rows = self.part(name).filter(pc.field("target") == str(target))
        if not rows.num_rows:
            return None
        return rows["source_channel"].to_numpy(), np.array(rows["means"].to_pylist()).T

    def words(self, layer: Layer, kind: WordKind = "value") -> np.ndarray | None:
        """Read a layer's activations on the vocabulary's words, or their statistics on letter strings.

        Kind `value` is the activations on words, float16 (words, channels). On letter strings, `length` is the lengths
        of the strings, int32 (lengths,), and `mean` and `sd` are the mean and standard deviation for each length,
        float32 (lengths, channels). Returns None if the layer was not measured.
        """
        return self.array(part("words", str(layer)), kind)

    def array(self, name: str, key: str, rows: slice = slice(None)) -> np.ndarray | None:
        """Read rows of an array in a file as `lines` does; None if the file or the key is absent."""
        return self.lines(name, key, rows) if self.has(name) else None

    def activations(
        self, layer: Layer, channels: slice = slice(None), kind: ActivationKind = "value"
    ) -> np.ndarray | None:
        """Read the activations of a layer's channels on every probe, of shape (probes, channels); None if not measured.

        Kind `value` is the mean over positions, after the ReLU if one follows, in float32 (float16 in folders of an
        earlier version). Kind `at` is the position where the unit is most active: row times columns plus column.
        """
        chunks = [self.lines(name, f"{layer} {kind}", channels) for name in self.under("activations")]
        parts = [chunk for chunk in chunks if chunk is not None]
        return np.concatenate(parts, axis=1).T if parts else None

    def lines(self, name: str, key: str, rows: slice = slice(None)) -> np.ndarray | None:
        """Read rows of an array in a file, whose hash is checked the first time; None if the key is absent."""
        self._check_hash(name)
        try:
            with safe_open(self.path / name, framework="numpy") as arrays:
                return arrays.get_slice(key)[rows] if key in arrays.keys() else None  # noqa: SIM118, not a dict
        except (SafetensorError, OSError) as error:
            check_open_files(error)
            raise damaged(self.path / name) from error

    def embeddings(self) -> Iterator[np.ndarray]:
        """Read the network's embeddings of the probes chunk by chunk, normalised to length 1: float32 (n, E)."""
        for name in self.under("activations"):
            if (chunk := self.lines(name, "embedding")) is not None:
                yield chunk
