"""Show a network the probes of a census in several passes; each pass holds the maps of a few channels in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from torch import Tensor

from extract.enrichment.census_probes import sampled
from extract.enrichment.facts import recorded_probes
from extract.errors import CensusError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.parallel import ordered_parallel_map
from extract.probes.probe import Probe, Source
from extract.recording.branch_maps import BranchMaps, maps_of_sums, positions
from extract.recording.decoding import batches_again, cut_again
from extract.recording.probe_hashes import unchanged_probes
from extract.units import Layer

MEMORY = 3 * 2**29  # bytes of maps at once


@dataclass(frozen=True)
class CensusPasses:
    """Shows a network the same probes in every pass."""

    network: Network
    extraction: Extraction
    source: Source
    probes: pa.Table

    def pixels(self) -> Iterator[np.ndarray]:
        """Yield the probes' pixels as the network's `cut` makes them, uint8 (side, side, 3)."""
        return ordered_parallel_map(partial(cut_again, self.network), self._again())

    def batches(self, progress: bool) -> Iterator[Tensor]:
        """Yield the same probes as batches for the network."""
        return batches_again(self.network, self._again(), self.probes.num_rows, "census", progress)

    def _again(self) -> Iterator[Probe]:
        ids = set(self.probes["id"].to_pylist())
        return (probe for probe in unchanged_probes(self.extraction, self.source) if probe.id in ids)

    def plan(self, layers: Sequence[Layer], memory: int) -> Iterator[dict[Layer, range]]:
        """Plan which channels of which sums to read in each pass, so that their maps fit into `memory` bytes."""
        return passes(_sizes(self.network, layers, self.probes.num_rows), memory)

    def maps(self, channels: Mapping[Layer, range], progress: bool) -> dict[Layer, BranchMaps]:
        """Read both branches' maps of these channels, in one pass."""
        return maps_of_sums(self.network, self.batches(progress), self.probes.num_rows, channels)


def census_passes(network: Network, extraction: Extraction, source: Source, layer: Layer) -> CensusPasses:
    """Return the passes over the probes of an extraction's own census.

    Raises CensusError if the extraction has no census, or if the layer is not a sum.
    """
    check_has_census(network, extraction, layer)
    recorded = recorded_probes(extraction)
    return CensusPasses(network, extraction, source, recorded.filter(pa.array(sampled(recorded))))


def check_has_census(network: Network, extraction: Extraction, layer: Layer) -> None:
    """Raise CensusError unless the layer is a sum, and the extraction has a census."""
    if layer.role != "sum":
        raise CensusError(f"{layer} is not a sum. Name one such as {network.architecture.final}.")
    if not extraction.has("census_settings.parquet"):
        raise CensusError(f"{extraction.path} holds no census. Show the network probes first.")


def _sizes(network: Network, layers: Sequence[Layer], images: int) -> dict[Layer, tuple[int, int]]:
    """Return the number of channels and the bytes of one channel's maps for every sum."""
    return {
        layer: (network.architecture.channels(layer), max(1, images) * positions(network, layer) * 2 * 4)
        for layer in layers
    }


def passes(sizes: Mapping[Layer, tuple[int, int]], memory: int) -> Iterator[dict[Layer, range]]:
    """Plan which channels of which sums to read in each pass, so that their maps fit into `memory` bytes.

    `sizes` holds the number of channels and the bytes of one channel's maps for every sum. A pass reads at least one
    channel.
    """
    channels, room = dict[Layer, range](), memory
    for layer, (count, size) in sizes.items():
        first = 0
        while first < count:
            if channels and room < size:
                yield channels
                channels, room = {}, memory
            own = range(first, min(count, first + max(1, room // size)))
            channels[layer], first, room = own, own.stop, room - len(own) * size
    if channels:
        yield channels
