"""The census with one thing changed at a time."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from extract.enrichment.census import DEFAULT, census
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.probe_covariates import covariates
from extract.enrichment.sensitivity import sensitivity
from extract.errors import CensusError
from extract.folder.census_variants import CensusVariant, verdicts_by_change
from extract.folder.census_variants import variants as stored
from extract.folder.extraction import Extraction
from extract.probes.sources import ProbeTable
from extract.probes.table import images
from extract.recording.branch_maps import branch_maps
from extract.units import Layer, Unit
from tests.builders.extractions import without_edges

if TYPE_CHECKING:
    from extract.network.network import Network

FINAL = Layer(4, 2, 6)


@pytest.fixture(scope="module")
def variants(tiny: "Network", measured: Extraction, noise: pa.Table) -> dict[str, CensusVariant]:
    """Every variant of the tiny network's last sum, by what is changed; its maps come in several blocks."""
    found = sensitivity(tiny, measured, ProbeTable.of(noise), FINAL, progress=False, memory=300_000)
    return {variant.change: variant for variant in found}


def counts(table: pa.Table) -> tuple[int, ...]:
    verdicts = Counter(table["verdict"].to_pylist())
    return tuple(verdicts[name] for name in ("enriched", "not enriched", "facets alike", "open"))


def counted(variant: CensusVariant) -> tuple[int, ...]:
    return variant.enriched, variant.not_enriched, variant.facets_alike, variant.open


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ("nothing", DEFAULT),
        ("6 concepts a facet", replace(DEFAULT, sizes=(6,))),
        ("rho 0.1, not 0.25", replace(DEFAULT, rho=0.1)),
        ("delta 0.5, not 0.25", replace(DEFAULT, delta=0.5)),
    ],
)
def test_a_setting_is_changed_as_in_a_census_of_the_whole_maps(
    tiny: "Network", noise: pa.Table, variants: dict[str, CensusVariant], change: str, settings: CensusSettings
) -> None:
    maps = branch_maps(tiny, images(noise), FINAL)
    table = census(maps.shortcut, maps.conv, noise, maps.embeddings, covariates(noise), settings)
    assert counted(variants[change]) == counts(table)


def test_a_modality_of_too_few_concepts_says_why_it_has_no_census(
    tiny: "Network", noise: pa.Table, variants: dict[str, CensusVariant]
) -> None:
    words = noise.filter(pc.field("modality") == "word")
    maps = branch_maps(tiny, images(words), FINAL)
    with pytest.raises(CensusError) as few:  # 11 concepts
        census(maps.shortcut, maps.conv, words, maps.embeddings, covariates(words))
    assert variants["words alone"].unjudged == str(few.value)


def test_the_folder_keeps_the_verdict_of_every_unit_and_asked_again_no_probe_is_shown(
    tiny: "Network", noise: pa.Table, measured: Extraction, variants: dict[str, CensusVariant]
) -> None:
    again = sensitivity(tiny, Extraction.open(measured.path), ProbeTable.of(noise.slice(0, 2)), FINAL, progress=False)
    assert again == list(variants.values())
    maps = branch_maps(tiny, images(noise), FINAL)
    table = census(maps.shortcut, maps.conv, noise, maps.embeddings, covariates(noise))
    for channel, verdict in enumerate(table["verdict"].to_pylist()[:9]):
        by_change = verdicts_by_change(measured, Unit(FINAL, channel))
        assert by_change["nothing"] == verdict
        assert "words alone" not in by_change  # there is no census of them


def test_another_census_has_no_variants_yet(
    variants: dict[str, CensusVariant], measured: Extraction, tmp_path: Path
) -> None:
    assert variants
    other = Extraction.open(shutil.copytree(measured.path, tmp_path / "x"))
    (name,) = other.under("census.parquet")
    other.add({"census.parquet/4-2-6-0123456789abcdef.parquet": other.part(name)})
    other.drop([name])
    assert stored(other, FINAL) == []
    assert verdicts_by_change(other, Unit(FINAL, 0)) == {}


def test_the_band_runs_from_the_enriched_to_what_is_not_excluded(variants: dict[str, CensusVariant]) -> None:
    for variant in variants.values():
        assert variant.not_excluded == variant.enriched + variant.open
        assert variant.stay_enriched <= min(variant.enriched, variants["nothing"].enriched)
    assert variants["nothing"].stay_enriched == variants["nothing"].enriched


def test_what_has_no_census_is_refused(tiny: "Network", measured: Extraction, noise: pa.Table, tmp_path: Path) -> None:
    source = ProbeTable.of(noise)
    with pytest.raises(CensusError, match=r"4/2/5 is not a sum\. Name one such as 4/2/6\."):
        sensitivity(tiny, measured, source, Layer(4, 2, 5), progress=False)
    with pytest.raises(CensusError, match="holds no census"):
        sensitivity(tiny, without_edges(tiny, tmp_path / "x"), source, FINAL, progress=False)
    with pytest.raises(CensusError, match=r"holds no census of 4/1/6\."):  # the last sum alone was measured
        sensitivity(tiny, measured, source, Layer(4, 1, 6), progress=False)
