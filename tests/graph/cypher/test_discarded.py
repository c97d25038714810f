"""The query `discarded` on a stored table of ablation, of units whose kinds are planted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from catalog.queries import Queries
from extract.enrichment.ablation_of_sums import ablate_units, ablation_rows
from extract.enrichment.attribution import attribution
from extract.enrichment.census import CensusWays, measure
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.facts import ProbeEmbeddings
from extract.enrichment.nearby_concepts import Nearness
from extract.folder.extraction import Extraction
from extract.recording.branch_maps import BranchMaps
from extract.responses.top_probes import RankedProbes, listed
from extract.units import Layer
from graph.store import Store
from tests.builders.planted_arrays import World, world
from tests.builders.planted_catalog import CENSUS, planted_catalog
from tests.builders.servers import server_with

SUM = Layer(4, 2, 6)
DEAD, INCOMPLETE, TWIN = 6, 7, 8  # the sum never changes; conv has no top probe; the same with top probes


@pytest.fixture(scope="module")
def units() -> World:
    """Units whose sum has both branches' facets, or opposes conv's; one of them is dead, two are the same."""
    planted = world(3, units=32, kinds=("clear", "discarded"))
    twin = int(np.flatnonzero(planted.kinds == "discarded")[-1])
    for maps in (planted.shortcut, planted.conv):  # (images, units, positions)
        maps[:, DEAD] = -1 - np.abs(maps[:, DEAD])
        maps[:, INCOMPLETE] = maps[:, TWIN] = maps[:, twin]
    planted.kinds[[INCOMPLETE, TWIN]] = "discarded"
    return planted


def top(maps: np.ndarray, held_out: np.ndarray) -> RankedProbes:
    values = maps.mean(axis=2).T  # (units, images)
    return listed(values, np.zeros(values.shape, int), values.mean(axis=1), values.std(axis=1), held_out)["top"]


@pytest.fixture(scope="module")
def stored(units: World) -> pa.Table:
    """What the extraction stores of them."""
    tops = {name: top(getattr(units, name), units.split == "held-out") for name in ("shortcut", "conv")}
    tops["conv"] = replace(tops["conv"], valid=tops["conv"].valid & (np.arange(32) != INCOMPLETE)[:, None])
    probes = CensusProbes.of(units.probes, units.embeddings)
    nearness = Nearness.of(tops, units.probes, ProbeEmbeddings.of(tops.values(), [units.embeddings]), probes)
    maps = BranchMaps(units.shortcut, units.conv, units.embeddings)
    measured = measure(attribution(maps.shortcut, maps.conv), CensusWays(probes))[0]
    return ablation_rows(SUM, [ablate_units(maps, measured, probes, nearness)])


def test_what_cannot_be_measured_is_null(stored: pa.Table) -> None:
    rows = stored.to_pylist()
    own = [name for name in stored.column_names if name.startswith(("effect_", "rise_")) or name == "q"]
    new = [name for name in stored.column_names if name.startswith(("nearby_effect_", "nearby_rise_"))]
    assert (len(own), len(new)) == (19, 12)
    assert {rows[DEAD][name] for name in (*own, *new, "nearby_q", "state", "nearby_state")} == {None}
    assert rows[DEAD]["unproven"] == "the sum never changes"
    assert {rows[INCOMPLETE][name] for name in (*new, "nearby_q", "nearby_state", "facet_conv")} == {None}
    assert rows[INCOMPLETE]["unproven"] is None
    assert None not in {rows[INCOMPLETE][name] for name in own}
    assert None not in {rows[TWIN][name] for name in (*own, *new)}


def test_discarded_lists_neither_dead_units_nor_those_without_new_concepts(
    request: pytest.FixtureRequest, units: World, stored: pa.Table, tmp_path: Path
) -> None:
    extraction: Extraction = planted_catalog(tmp_path / "x.extraction")
    extraction.drop(["ablation.parquet"])
    extraction.add({"ablation.parquet": stored})
    request.param = "embedded"
    with server_with(request, extraction) as database:
        queries = Queries(Store(database))
        rows = list(queries.run(queries.get("discarded"), {"layer": str(SUM)}, limit=100))
    enriched = {unit for unit, (verdict, *_) in CENSUS.items() if verdict == "enriched"}
    opposed = set(np.flatnonzero(units.kinds == "discarded").tolist()) - enriched - {DEAD, INCOMPLETE}
    found = {int(row["unit"].split("/")[-1]) for row in rows}
    assert found <= opposed
    assert TWIN in found
    assert len(found) >= 0.9 * len(opposed)
