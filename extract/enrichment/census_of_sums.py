"""Take the census of every sum of an extraction and ablate the sum's branches; each table gets one part per sum.

Only the maps of a few channels of some sums are in memory at a time, so the probes are shown several times.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from extract.enrichment.ablation_of_sums import ablate_units, ablation_rows, nearness_of_sum, untested_rows
from extract.enrichment.attribution import attribution
from extract.enrichment.census import DEFAULT, CensusWays, judge_all, measure
from extract.enrichment.census_measures import BRANCHES, Columns
from extract.enrichment.census_passes import MEMORY, CensusPasses
from extract.enrichment.census_probes import check_concepts, sampled
from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.facts import ProbeFacts, recorded_probes
from extract.enrichment.nearby_concepts import Nearness
from extract.enrichment.probe_covariates import covariates_of
from extract.errors import CensusError
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.folder.manifest_folder import run_digest
from extract.folder.schemas import SCHEMAS, per_unit
from extract.folder.statistics import of_table
from extract.network.network import Network
from extract.probes.probe import Source
from extract.recording.branch_maps import SIDE, BranchMaps
from extract.units import Layer

_TABLES = ("census", "ablation")


def add_census(
    network: Network,
    extraction: Extraction,
    source: Source,
    probes: pa.Table,
    layers: Sequence[Layer],
    progress: bool = True,
    memory: int = MEMORY,
) -> None:
    """Judge every unit of sums, ablate both branches of the sums, and store the results with the settings.

    `probes` is the table of probes without images. At most `memory` bytes of maps are held at a time, or one channel's
    if these are more. A sum that was judged before on the same probes is not judged again. At most PROBES probes of a
    concept are shown in either split, and at most CONCEPTS concepts. Raises the errors of loading a probe.
    """
    shown = probes.filter(pa.array(sampled(probes)))
    digest = run_digest(source.digest, shown["id"].to_pylist(), shown["split"].to_pylist(), DEFAULT.hash, SIDE)
    files = {layer: [part(name, f"{layer}-{digest}") for name in _TABLES] for layer in layers}
    for place, name in enumerate(_TABLES):
        extraction.drop(set(extraction.under(f"{name}.parquet")) - {names[place] for names in files.values()})
    left = [layer for layer in layers if not extraction.has(*files[layer])]
    show = CensusPasses(network, extraction, source, shown)
    plan = list(show.plan(left, memory))
    try:
        for layer, *tables in _tables(show, plan, progress):
            extraction.add(dict(zip(files[layer], tables, strict=True)))
    except CensusError as error:
        for layer in left:
            extraction.add(dict(zip(files[layer], _unjudged(network, layer, error), strict=True)))
    extraction.add({"census_settings.parquet": _settings(shown)})


def _tables(
    show: CensusPasses, plan: Sequence[dict[Layer, range]], progress: bool
) -> Iterator[tuple[Layer, pa.Table, pa.Table]]:
    """Yield every sum with its two tables, judged and ablated in passes over the probes."""
    if not plan:
        return
    network, probes = show.network, show.probes
    check_concepts(ProbeConcepts.of(probes))
    known, ways = covariates_of(probes, show.pixels()), None
    recorded = recorded_probes(show.extraction)
    facts = ProbeFacts.of(recorded)
    sums = dict[Layer, _Sum]()
    for channels in plan:
        maps_of_pass = show.maps(channels, progress)
        for layer, maps in maps_of_pass.items():
            ways = ways or CensusWays.of(probes, maps.embeddings, known)
            if layer not in sums:
                nearness = nearness_of_sum(show.extraction, layer, recorded, facts, ways.own)
                sums[layer] = _Sum(layer, ways, nearness)
            sums[layer].add(maps, channels[layer])
            if channels[layer].stop == network.architecture.channels(layer):
                yield layer, *sums.pop(layer).tables
        del maps, maps_of_pass  # before those of the next pass are read


class _Sum:
    """Gathers what is measured of a sum's units, block by block."""

    def __init__(self, layer: Layer, ways: CensusWays, nearness: Nearness) -> None:
        self._layer, self._ways, self._nearness = layer, ways, nearness
        self._measured, self._ablated = list[list[Columns]](), list[Columns]()

    def add(self, maps: BranchMaps, channels: range) -> None:
        """Measure the next block of units."""
        nearness = self._nearness.only(np.array(channels))
        self._measured.append(measure(attribution(maps.shortcut, maps.conv), self._ways))
        self._ablated.append(ablate_units(maps, self._measured[-1][0], self._ways.own, nearness))

    @property
    def tables(self) -> tuple[pa.Table, pa.Table]:
        """The rows of the census, and the rows of ablation."""
        judged = _table(self._layer, judge_all(self._measured, self._ways))
        return judged, ablation_rows(self._layer, self._ablated)


def _table(layer: Layer, judged: pa.Table) -> pa.Table:
    """Make a sum's rows of the stored census table."""
    rows = judged.to_pandas()
    columns = {row.stored: rows[row.stored].to_numpy() for row in of_table("census") if row.stored in rows}
    for branch in BRANCHES:  # a branch on whose concepts the sum does not rise has no facet to name
        names = rows[f"concepts_{branch}"].map("; ".join)
        columns[f"concepts_{branch}"] = names.where(rows[f"rise_{branch}"] > 0).to_numpy()
    columns |= {"low_level": _low_level(judged), "unjudged": np.full(len(rows), None, object)}
    return per_unit("census", layer, columns)


def _low_level(judged: pa.Table) -> np.ndarray:
    """Name the covariates that explain a facet of every unit, as text, (units,); None if none does."""
    explained = [
        "; ".join(f"{row[f'covariate_{branch}']} ({branch})" for branch in BRANCHES if row[f"low_level_{branch}"])
        for row in judged.to_pylist()
    ]
    return np.array([text or None for text in explained], object)


def _unjudged(network: Network, layer: Layer, error: CensusError) -> tuple[pa.Table, pa.Table]:
    """Make both tables' rows of a sum that has no census, with the reason."""
    channels, reason = network.architecture.channels(layer), str(error)
    rows = {row.stored: np.full(channels, None if row.kind == "text" else np.nan) for row in of_table("census")}
    judged = per_unit("census", layer, rows | {"unjudged": np.full(channels, reason, object)})
    return judged, untested_rows(layer, channels, reason)


def _settings(probes: pa.Table) -> pa.Table:
    concepts = ProbeConcepts.of(probes)
    words = int(concepts.words.sum())
    row = {
        "settings": DEFAULT.json, "hash": DEFAULT.hash, "images": probes.num_rows,
        "pictures": len(concepts.words) - words, "words": words,
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMAS["census_settings"])
