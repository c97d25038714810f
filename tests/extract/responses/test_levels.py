from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from extract.errors import ExtractionError, LevelsError, UnknownUnit
from extract.folder.extraction import Extraction
from extract.responses.levels import at_level, distribution, estimates, of_branch, store, wilson
from extract.units import Layer, Unit

UNIT = Unit(Layer(4, 2, 6), 34)


@pytest.mark.parametrize("branch", ["sum", "shortcut", "conv"])
def test_a_distribution_is_that_of_all_probes(measured: Extraction, branch: str) -> None:
    unit = of_branch(measured, UNIT, branch)
    found = distribution(measured, unit, bins=10)
    stored = measured.activations(unit.layer)
    assert stored is not None
    column = stored[:, 34].astype(float)
    assert found.counts.sum() == len(column) == 88
    np.testing.assert_allclose(
        (found.mean, found.sd), (column.mean(), column.std()), rtol=0.01
    )  # half precision is coarse
    np.testing.assert_allclose(found.z, (column - column.mean()) / column.std(), atol=0.03)
    np.testing.assert_array_equal(found.counts, np.histogram(found.values, 10)[0])


def test_probes_at_a_level_are_those_within_the_tolerance(measured: Extraction, noise: pa.Table) -> None:
    ids = noise["id"].to_pylist()
    z = distribution(measured, UNIT).z
    found = at_level(measured, UNIT, 1.0, tolerance=0.5)
    assert {sighting.probe for sighting in found} == {ids[n] for n in np.flatnonzero(np.abs(z - 1) <= 0.5)}
    at = measured.activations(UNIT.layer, kind="at")
    assert at is not None
    for sighting in found:
        place = ids.index(sighting.probe)
        assert sighting.z == pytest.approx(z[place])
        assert sighting.row * 2 + sighting.column == at[place, 34]
    few = at_level(measured, UNIT, 1.0, tolerance=0.5, limit=2)
    assert few == found[:2]
    assert at_level(measured, UNIT, 1.0, tolerance=0.5, seed=1) != found


def test_a_level_that_no_probe_reaches_is_refused(measured: Extraction) -> None:
    with pytest.raises(LevelsError, match=r"within 0\.25 of 50"):
        at_level(measured, UNIT, 50.0)


def test_a_unit_that_is_not_there_or_was_not_measured_is_refused(measured: Extraction) -> None:
    with pytest.raises(UnknownUnit):
        distribution(measured, Unit(UNIT.layer, 9999))
    with pytest.raises(ExtractionError, match="no activations of 1/0/8"):
        distribution(measured, Unit(Layer(1, 0, 8), 0))
    with pytest.raises(UnknownUnit, match="is not a sum"):
        of_branch(measured, Unit(Layer(4, 2, 5), 0), "conv")


def test_a_unit_that_never_changes_has_no_levels(measured: Extraction) -> None:
    stored = measured.activations(UNIT.layer)
    assert stored is not None
    silent = int(np.flatnonzero(stored.max(axis=0) == stored.min(axis=0))[0])
    with pytest.raises(LevelsError, match="the same activation on every probe"):
        distribution(measured, Unit(UNIT.layer, silent))


@pytest.mark.parametrize(("n", "of"), [(0, 7), (3, 7), (7, 7), (50, 400)])
def test_the_interval_is_wilsons(n: int, of: int) -> None:
    expected = binomtest(n, of).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(n, of), (expected.low, expected.high), atol=1e-6)


def test_every_category_is_estimated_at_every_level() -> None:
    found = estimates({4.0: ["Trump", "Trump", "hat"], 0.0: ["noise", "hat"]})
    assert [(each.level, each.category, each.n, each.of) for each in found] == [
        (0.0, "Trump", 0, 2), (0.0, "hat", 1, 2), (0.0, "noise", 1, 2),
        (4.0, "Trump", 2, 3), (4.0, "hat", 1, 3), (4.0, "noise", 0, 3),
    ]  # fmt: skip
    assert found[3].probability == pytest.approx(2 / 3)


@pytest.mark.parametrize("nothing", [{}, {1.0: []}])
def test_a_level_without_sorted_images_is_refused(nothing: dict[float, list[str]]) -> None:
    with pytest.raises(LevelsError, match="no sorted image"):
        estimates(nothing)


def test_what_was_sorted_is_kept_and_replaced_unit_by_unit(measured: Extraction) -> None:
    store(measured, UNIT, "sum", {0.0: ["a"]})
    store(measured, Unit(UNIT.layer, 35), "sum", {0.0: ["other"]})
    store(measured, UNIT, "conv", {0.0: ["b"]})
    found = store(measured, UNIT, "sum", {1.0: ["c", "c"]}, tolerance=0.5, replace=True)
    rows = Extraction.open(measured.path).table("levels").to_pylist()
    assert {(row["channel"], row["branch"], row["level"], row["category"]) for row in rows} == {
        (35, "sum", 0.0, "other"), (34, "conv", 0.0, "b"), (34, "sum", 1.0, "c"),
    }  # fmt: skip
    kept = next(row for row in rows if row["category"] == "c")
    assert (kept["n"], kept["of"], kept["tolerance"]) == (2, 2, 0.5)
    assert kept["low"] == pytest.approx(found[0].low)


def test_estimates_from_another_sheet_are_not_replaced_unless_that_is_asked_for(measured: Extraction) -> None:
    unit = Unit(UNIT.layer, 36)
    first = store(measured, unit, "sum", {0.0: ["a", "b"]})
    before = measured.table("levels")
    assert store(measured, unit, "sum", {0.0: ["b", "a"]}) == first  # says the same
    with pytest.raises(LevelsError, match=r"from another sheet.*replace=True"):
        store(measured, unit, "sum", {0.0: ["a", "a"]})
    assert measured.table("levels").equals(before)


def test_a_sorting_that_is_refused_changes_nothing(measured: Extraction, tmp_path: Path) -> None:
    before = measured.manifest
    with pytest.raises(LevelsError):
        store(measured, UNIT, "sum", {0.0: []})
    with pytest.raises(UnknownUnit):
        store(measured, Unit(UNIT.layer, 9999), "sum", {0.0: ["a"]})
    assert measured.manifest == before
