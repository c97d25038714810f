"""A sum beside its branches paired anew, on planted worlds and on the tiny network."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.paired_anew import paired_anew, strata
from extract.enrichment.pairings import NUMBERS, compare_pairings, measure_pairing, pairings
from extract.errors import CensusError
from extract.folder.census_variants import pairing_comparisons
from extract.folder.extraction import Extraction
from extract.probes.sources import ProbeTable
from extract.probes.table import images
from extract.recording.branch_maps import branch_maps
from extract.units import Layer
from tests.builders.planted_arrays import world

if TYPE_CHECKING:
    from extract.network.network import Network

FINAL, DRAWS = Layer(4, 2, 6), 19


@pytest.mark.parametrize(("kind", "low", "high"), [("apart", 0.0, 0.05), ("alike", 0.95, 1.0)])
def test_branches_planted_apart_are_more_often_enriched_than_by_chance_and_alike_ones_less(
    kind: str, low: float, high: float
) -> None:
    planted = world(11, 64, (kind,))
    measured = pairings(planted.shortcut[:, :, :1], planted.conv[:, :, :1], ProbeConcepts.of(planted.probes), DRAWS)
    assert low <= measured.p("share at need") <= high


def test_every_unit_gets_the_branch_of_one_of_its_stratum_and_each_branch_goes_to_one() -> None:
    rng = np.random.default_rng(0)
    scale = np.repeat([1.0, 10.0], 64)  # so different in deviation that no stratum holds both
    stratum = strata(rng.normal(size=(40, 128, 4)) * scale[:, None], np.arange(40) < 20)
    assert np.bincount(stratum).tolist() == [16] * 8
    assert not set(stratum[:64]) & set(stratum[64:])
    whose = paired_anew(stratum, rng)
    assert (whose != np.arange(128)).mean() > 0.8
    assert sorted(whose) == list(range(128))
    assert (stratum[whose] == stratum).all()


def test_all_units_come_first_and_are_the_mean_of_the_strata(
    tiny: "Network", measured: Extraction, noise: pa.Table
) -> None:
    compared = compare_pairings(tiny, measured, ProbeTable.of(noise), FINAL, draws=3, progress=False)
    maps = branch_maps(tiny, images(noise), FINAL)
    alone = measure_pairing(maps.shortcut, maps.conv, ProbeConcepts.of(noise))
    for first, name in zip(compared, NUMBERS, strict=False):
        parts = [c for c in compared if c.number == name and c.stratum is not None]
        assert (first.number, first.stratum, first.units) == (name, None, 256)
        assert first.as_it_is == pytest.approx(alone[name].mean(), abs=1e-5)
        for field in ("as_it_is", "paired_anew"):
            mean = sum(getattr(part, field) * part.units for part in parts) / 256
            assert getattr(first, field) == pytest.approx(mean)
        assert first.p in (0.25, 0.5, 0.75, 1.0)


def test_the_folder_keeps_the_comparison_of_the_most_draws_and_computes_none_twice(
    tiny: "Network", measured: Extraction, noise: pa.Table
) -> None:
    none = ProbeTable.of(noise.slice(0, 2))
    few = compare_pairings(tiny, measured, ProbeTable.of(noise), FINAL, draws=3, progress=False)
    many = compare_pairings(tiny, measured, ProbeTable.of(noise), FINAL, draws=4, progress=False)
    assert compare_pairings(tiny, measured, none, FINAL, draws=3, progress=False) == few
    assert pairing_comparisons(Extraction.open(measured.path), FINAL) == many
    assert [(c.draws, c.seed) for c in (few[0], many[0])] == [(3, 0), (4, 0)]


def test_maps_that_do_not_fit_are_refused(tiny: "Network", measured: Extraction, noise: pa.Table) -> None:
    with pytest.raises(CensusError, match=r"exceed 100000 bytes\. Allow more"):
        compare_pairings(tiny, measured, ProbeTable.of(noise), FINAL, progress=False, memory=100_000)
