"""The census of an extraction's sums: planned passes, the stored table, and too few concepts."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extract.enrichment.census import DEFAULT, census
from extract.enrichment.census_of_sums import add_census
from extract.enrichment.census_passes import passes
from extract.enrichment.census_probes import PROBES, sampled
from extract.enrichment.pipeline import measure
from extract.enrichment.probe_covariates import covariates
from extract.folder.extraction import Extraction
from extract.probes.sources import ProbeTable
from extract.probes.table import images
from extract.recording.branch_maps import branch_maps
from extract.units import Layer
from tests.builders.extractions import without_edges

if TYPE_CHECKING:
    from extract.network.network import Network

SUMS = [Layer(4, 1, 6), Layer(4, 2, 6)]


def test_every_channel_is_read_once_and_a_pass_fits_into_memory() -> None:
    sizes = {Layer(1, 0, 8): (10, 3), Layer(1, 1, 6): (4, 30), Layer(2, 0, 8): (3, 200)}
    read: dict[Layer, list[int]] = {layer: [] for layer in sizes}
    for channels in passes(sizes, memory=100):
        taken = {layer: len(own) * sizes[layer][1] for layer, own in channels.items()}
        assert sum(taken.values()) <= 100 or [len(own) for own in channels.values()] == [1]
        for layer, own in channels.items():
            read[layer] += own
    assert read == {layer: list(range(count)) for layer, (count, _) in sizes.items()}


def test_the_stored_table_is_the_census_of_the_whole_maps(tiny: "Network", noise: pa.Table, tmp_path: Path) -> None:
    extraction = without_edges(tiny, tmp_path / "x")
    measure(tiny, extraction, noise, SUMS, progress=False)
    stored = extraction.table("census").to_pandas().set_index(["layer", "channel"])
    for layer in SUMS:
        maps = branch_maps(tiny, images(noise), layer)
        judged = census(maps.shortcut, maps.conv, noise, maps.embeddings, covariates(noise))
        table = judged.to_pandas()
        rows = stored.loc[str(layer)]
        assert rows["verdict"].tolist() == table["verdict"].tolist()
        np.testing.assert_allclose(rows["rise_conv"], table["rise_conv"], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(rows["specificity_shortcut_low"], table["specificity_shortcut_low"], atol=1e-3)
        expected = ["; ".join(row["concepts_conv"]) if row["rise_conv"] > 0 else None for row in judged.to_pylist()]
        assert [name if isinstance(name, str) else None for name in rows["concepts_conv"]] == expected
    (settings,) = extraction.table("census_settings").to_pylist()
    assert (settings["hash"], settings["images"]) == (DEFAULT.hash, noise.num_rows)


def judge(network: "Network", extraction: Extraction, noise: pa.Table, probes: pa.Table, memory: int) -> None:
    add_census(network, extraction, ProbeTable.of(noise), probes.drop(["image"]), SUMS, progress=False, memory=memory)


def test_less_memory_gives_the_same_table_and_a_sum_that_was_judged_is_not_judged_again(
    tiny: "Network", noise: pa.Table, tmp_path: Path
) -> None:
    extraction = without_edges(tiny, tmp_path / "x")
    measure(tiny, extraction, noise, SUMS, progress=False)
    first, last = extraction.under("census.parquet")
    whole, written = dict(extraction.manifest.files), (tmp_path / "x" / first).stat().st_mtime_ns
    extraction.drop([last])
    judge(tiny, extraction, noise, noise, memory=10_000)
    assert extraction.manifest.files == whole
    assert (tmp_path / "x" / first).stat().st_mtime_ns == written
    judge(tiny, extraction, noise, noise.slice(4), memory=2**30)  # of other probes
    assert (extraction.under("census.parquet") != [first, last], len(extraction.under("census.parquet"))) == (True, 2)


def test_too_few_concepts_are_no_error_and_the_units_say_so(tiny: "Network", noise: pa.Table, tmp_path: Path) -> None:
    concepts = list(map(str, noise["concept"].to_pylist()))
    few = noise.filter(pa.array([name in sorted(set(concepts))[:3] for name in concepts]))
    extraction = without_edges(tiny, tmp_path / "x")
    measure(tiny, extraction, few, SUMS[1:], progress=False)
    rows = Extraction.open(tmp_path / "x").table("census").to_pylist()
    assert {row["verdict"] for row in rows} == {None}
    assert {row["unjudged"] for row in rows} == {
        "Only 6 concepts (each in one modality) have probes in both splits. Give at least 12, or 48 for facets of 24."
    }
    assert len(rows) == tiny.architecture.channels(SUMS[1])


def test_of_many_probes_a_few_of_each_concept_are_shown() -> None:
    rows = [
        {"modality": modality, "concept": f"c{concept}", "split": split}
        for concept in range(30)
        for modality in ("picture", "word")
        for split in ("discovery", "held-out")
        for _ in range(concept % 7)
    ]
    table = pa.Table.from_pylist(rows)
    shown = sampled(table)
    counts = table.filter(pa.array(shown)).group_by(["modality", "concept", "split"]).aggregate([([], "count_all")])
    assert pc.max(counts["count_all"]).as_py() == PROBES
    expected = sum(min(concept % 7, PROBES) * 4 for concept in range(30))
    assert shown.sum() == expected
