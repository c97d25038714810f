"""Measure how far a sum's census depends on its settings and probes, by changing one thing at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from extract.enrichment.attribution import Attribution, attribution
from extract.enrichment.census import DEFAULT, CensusWays, judge_all, measure
from extract.enrichment.census_measures import Columns
from extract.enrichment.census_passes import MEMORY, CensusPasses
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.computed_once import store_once
from extract.enrichment.held_out_sources import held_out_splits
from extract.enrichment.probe_covariates import covariates_of
from extract.errors import CensusError
from extract.folder.census_variants import VARIANTS, CensusVariant, variants
from extract.folder.extraction import Extraction
from extract.folder.manifest_folder import run_digest
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.probes.probe import Source
from extract.recording.branch_maps import BranchMaps
from extract.units import Layer

SIZES, RHOS, DELTAS = (6, 12, 24), (0.1, 0.5), (0.1, 0.5)


def sensitivity(
    network: Network,
    extraction: Extraction,
    source: Source,
    layer: Layer,
    progress: bool = True,
    memory: int = MEMORY,
) -> list[CensusVariant]:
    """Take the census of a sum as it is, and again with one thing changed at a time; store the verdicts.

    What changes is the number of concepts of a facet, rho, delta, which images are lenders in the attribution, the
    modality of the probes, or the vendor and font held out (judged in that one split only). The probes are those of the
    extraction's own census. If the folder has their verdicts already, nothing is computed.

    Raises CensusError for a layer that is not a sum, for too few concepts or an extraction without a census; the errors
    of loading a probe; and ExtractionError if another process writes into the folder, or this one may not.
    """

    def compute(show: CensusPasses) -> pa.Table:
        return _table(layer, _judged(show, layer, progress, memory))

    digest = run_digest(SIZES, RHOS, DELTAS, DEFAULT.hash)
    store_once(network, extraction, source, layer, VARIANTS, digest, compute)
    return variants(extraction, layer)


def _judged(show: CensusPasses, layer: Layer, progress: bool, memory: int) -> "list[_Variant]":
    covariates = covariates_of(show.probes, show.pixels())
    changed = list[_Variant]()
    for channels in show.plan([layer], memory):
        maps = show.maps(channels, progress)[layer]
        changed = changed or list(_variants(show.probes, maps.embeddings, covariates))
        attributed = {images: images.attribution(maps) for images in {variant.images for variant in changed}}
        for variant in changed:
            variant.add(attributed[variant.images])
    return changed


def _table(layer: Layer, changed: "list[_Variant]") -> pa.Table:
    """Make the table of all units' verdicts with every change; null where there is no census, with the reason."""
    units = len(changed[0].verdicts)
    return pa.concat_tables(
        pa.table(
            {
                "layer": [str(layer)] * units,
                "channel": range(units),
                "change": [variant.change] * units,
                "verdict": variant.verdicts.tolist() or [None] * units,
                "unjudged": [variant.unjudged] * units,
            },
            SCHEMAS[VARIANTS],
        )
        for variant in changed
    )


@dataclass(frozen=True, eq=False)  # equal only to itself, so that each is attributed once
class _Images:
    """The images of a census and the lenders of its attribution, bool (images,) each; None means all."""

    own: np.ndarray | None = None
    lenders: np.ndarray | None = None

    def attribution(self, maps: BranchMaps) -> Attribution:
        own = slice(None) if self.own is None else self.own
        return attribution(maps.shortcut[own], maps.conv[own], self.lenders)


class _Variant:
    """Gathers what is measured of a sum's units under one change, block by block.

    If no census can be taken under the change, `ways` is the error that says why.
    """

    def __init__(
        self, change: str, ways: CensusWays | CensusError, images: _Images, settings: CensusSettings = DEFAULT
    ) -> None:
        self.change, self.ways, self.images, self._settings = change, ways, images, settings
        self._blocks = list[list[Columns]]()

    def add(self, attributed: Attribution) -> None:
        """Measure the next block of units."""
        if not isinstance(self.ways, CensusError):
            self._blocks.append(measure(attributed, self.ways, self._settings))

    @cached_property
    def verdicts(self) -> np.ndarray:
        """The verdict of every unit, (units,); empty if there is no census."""
        if isinstance(self.ways, CensusError):
            return np.empty(0, object)
        return np.array(judge_all(self._blocks, self.ways, self._settings)["verdict"].to_pylist(), object)

    @property
    def unjudged(self) -> str | None:
        """The reason why there is no census, or None."""
        return str(self.ways) if isinstance(self.ways, CensusError) else None


def _variants(probes: pa.Table, embeddings: np.ndarray, covariates: pa.Table) -> Iterator[_Variant]:
    every, ways = _Images(), CensusWays.of(probes, embeddings, covariates)
    yield _Variant("nothing", ways, every)
    for size in SIZES:
        yield _Variant(f"{size} concepts a facet", ways, every, replace(DEFAULT, sizes=(size,)))
    for rho in RHOS:
        yield _Variant(f"rho {rho}, not {DEFAULT.rho}", ways, every, replace(DEFAULT, rho=rho))
    for delta in DELTAS:
        yield _Variant(f"delta {delta}, not {DEFAULT.delta}", ways, every, replace(DEFAULT, delta=delta))
    yield _Variant("half the images lend", ways, _Images(lenders=np.arange(probes.num_rows) % 2 == 0))
    for modality in ("picture", "word"):
        own = np.array(probes["modality"].to_pylist()) == modality
        alone = probes.filter(pa.array(own)), embeddings[own], covariates.filter(pa.array(own))
        yield _Variant(f"{modality}s alone", _attempted(CensusWays.of, *alone), _Images(own))
    for name, turned in held_out_splits(probes):
        yield _Variant(f"held out: {name}", _attempted(_one_way, turned, embeddings, covariates), every)


def _one_way(probes: pa.Table, embeddings: np.ndarray, covariates: pa.Table) -> CensusWays:
    return CensusWays(CensusProbes.of(probes, embeddings, covariates))


def _attempted(
    make: Callable[[pa.Table, np.ndarray, pa.Table], CensusWays], *probes: *tuple[pa.Table, np.ndarray, pa.Table]
) -> CensusWays | CensusError:
    """Make the ways of a census, or return the error that says why there are none, such as too few concepts."""
    try:
        return make(*probes)
    except CensusError as error:
        return error
