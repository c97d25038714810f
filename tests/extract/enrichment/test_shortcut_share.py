from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, t

from extract.enrichment.shortcut_share import ShareTerms, interval, ratio, share_terms, shares
from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest
from extract.responses.top_probes import RankedProbes
from extract.units import Layer

UNITS, PROBES, POSITIONS, LENGTH = 5, 12, 9, 4


def maps(seed: int) -> np.ndarray:
    """What units do at every position of every probe: (units, probes, positions)."""
    return np.random.default_rng(seed).normal(size=(UNITS, PROBES, POSITIONS)).astype(np.float32)


def given_terms(shortcut: np.ndarray, conv: np.ndarray, top: np.ndarray) -> ShareTerms:
    """The terms of units with these maps whose top examples are `top` (units, length)."""
    total = shortcut + conv
    passed = np.where(total > 0, shortcut, 0)
    output, passed, positive, published = (
        np.take_along_axis(each.mean(axis=2), top, axis=1)
        for each in (np.maximum(total, 0), passed, total > 0, np.abs(maps(9)) / 10)
    )
    means = shortcut.mean(axis=(1, 2)), conv.mean(axis=(1, 2))
    return ShareTerms(output, passed, positive, published, np.ones(top.shape, bool), *means)


@pytest.fixture
def top() -> np.ndarray:
    return np.stack([np.random.default_rng(unit).permutation(PROBES)[:LENGTH] for unit in range(UNITS)])


def test_shares_equal_sums_written_out_position_by_position(top: np.ndarray) -> None:
    r, b = np.maximum(maps(0), 0) + 0.2, maps(1) + 0.3
    given = given_terms(r, b, top)
    given.valid[1, 2:] = False
    found = shares(given)
    for unit in range(UNITS):
        over, under, over_corrected, under_corrected = 0.0, 0.0, 0.0, 0.0
        listed = top[unit][given.valid[unit]]
        for probe in listed:
            for at_r, at_b in zip(r[unit, probe].astype(float), b[unit, probe].astype(float), strict=True):
                if at_r + at_b > 0:
                    over, under = over + at_r, under + at_r + at_b
                    over_corrected += at_r - r[unit].mean()
                    under_corrected += at_r + at_b - r[unit].mean() - b[unit].mean()
        assert found.published[unit] == pytest.approx(given.published_share[unit][given.valid[unit]].mean(), rel=1e-5)
        assert found.exact[unit] == pytest.approx(over / under, rel=1e-5)
        assert found.corrected[unit] == pytest.approx(over_corrected / under_corrected, rel=1e-4)


def test_the_exact_shares_of_both_branches_add_up_to_one(top: np.ndarray) -> None:
    r, b = np.maximum(maps(0), 0) + 0.2, maps(1) + 0.3
    np.testing.assert_allclose(
        shares(given_terms(r, b, top)).exact + shares(given_terms(b, r, top)).exact, 1, atol=1e-5
    )


def test_a_branch_that_inhibits_drives_the_exact_share_out_of_zero_to_one(top: np.ndarray) -> None:
    strong, weak = np.full_like(maps(0), 3), np.full_like(maps(0), -1)
    np.testing.assert_allclose(shares(given_terms(strong, weak, top)).exact, 1.5)
    np.testing.assert_allclose(shares(given_terms(weak, strong, top)).exact, -0.5)


def test_a_constant_offset_is_no_part_of_the_corrected_share(top: np.ndarray) -> None:
    """A shortcut that is the same everywhere tells no image from another, however large it is."""
    offset, telling = np.full_like(maps(0), 50), maps(3)
    for unit in range(UNITS):
        telling[unit, top[unit]] += 10
    found = shares(given_terms(offset, telling, top))
    np.testing.assert_allclose(found.corrected, 0, atol=1e-5)
    np.testing.assert_allclose([found.corrected_low, found.corrected_high], 0, atol=1e-5)
    assert (found.exact > 0.8).all()


def test_a_unit_that_does_not_rise_has_no_share() -> None:
    np.testing.assert_equal(ratio(np.array([1.0, 1.0, 1.0]), np.array([2.0, 0.0, -1.0])), [0.5, np.nan, np.nan])


def test_a_unit_without_examples_or_that_never_fires_has_no_share(top: np.ndarray) -> None:
    silent = shares(given_terms(np.zeros_like(maps(0)), -np.abs(maps(1)), top))
    assert np.isnan(silent.exact).all()
    given = given_terms(np.abs(maps(0)), maps(1), top)
    found = shares(replace(given, valid=np.zeros_like(given.valid)))
    assert np.isnan([found.published, found.exact, found.corrected, found.corrected_low, found.corrected_high]).all()


def test_the_interval_is_that_of_ratios_of_resampled_sums() -> None:
    rng = np.random.default_rng(3)
    whole = rng.uniform(1, 2, (1, 16))
    part = whole * rng.uniform(0.2, 0.8, (1, 16))
    low, high = interval(part, whole, np.ones((1, 16), bool))
    draws = rng.integers(16, size=(20_000, 16))
    level = norm.cdf(-np.sqrt(16 / 15) * t(15).ppf(0.975))  # wider than a percentile interval of so few
    expected = np.quantile(part[0][draws].sum(axis=1) / whole[0][draws].sum(axis=1), [level, 1 - level])
    np.testing.assert_allclose([low[0], high[0]], expected, atol=0.01)


def test_one_example_has_no_interval_and_equal_ones_have_none_to_spare() -> None:
    whole, part = np.ones((2, 3)), np.full((2, 3), 0.25)
    low, high = interval(part, whole, np.array([[True, False, False], [True, True, True]]))
    np.testing.assert_allclose([low, high], [[np.nan, 0.25], [np.nan, 0.25]])


def test_intervals_hold_the_true_share_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    whole = rng.uniform(1, 3, (2000, 16))
    part = whole * rng.uniform(0, 1, (2000, 16))
    low, high = interval(part, whole, np.ones(whole.shape, bool))
    assert 0.93 < np.mean((low <= 0.5) & (high >= 0.5)) < 0.97


def test_two_examples_of_a_concept_count_as_one() -> None:
    """Eight concepts of two examples, which the shortcut brings alike: sixteen of their own would be too sure."""
    rng = np.random.default_rng(1)
    concepts, units = np.tile(np.repeat(np.arange(8), 2), (1000, 1)), 1000
    whole = np.ones((units, 16)) + 0.1 * rng.random((units, 16))
    part = whole * (0.5 + 0.15 * np.repeat(rng.normal(size=(units, 8)), 2, axis=1))
    valid, still = np.ones((units, 16), bool), np.zeros(units)
    terms = ShareTerms(whole, part, np.ones((units, 16)), part, valid, still, still)
    covered = [
        float(np.mean((found.corrected_low <= 0.5) & (found.corrected_high >= 0.5)))
        for found in (shares(terms, concepts), shares(terms))
    ]
    assert 0.92 < covered[0] < 0.97
    assert covered[1] < 0.88


def test_terms_are_found_beyond_the_first_hundred_thousand_probes(tmp_path: Path) -> None:
    """One unit with one example, in a second chunk that stands behind a very long first."""
    manifest = Manifest(
        model="by hand", weights_sha256="0" * 64, blocks=(1, 1, 1, 3), width=1, image_size=64,
        settings=ExtractionSettings(targets=(), strongest=1, matrices=False), tools={},
    )  # fmt: skip
    folder, names = Extraction.create(tmp_path / "x", manifest), ("value", "passed", "open", "published")
    for chunk, count in enumerate((100_000, 3)):
        moments = {f"{layer} moments": np.full((3, 1), count, float) for layer in ("4/2/6", "4/1/6", "4/2/5")}
        best = {f"4/2/6 best {name}": np.array([[10.0 * chunk + n]], np.float32) for n, name in enumerate(names)}
        arrays = {**moments, **best, "4/2/6 best": np.array([[2]], np.uint16)}
        folder.add({f"activations/x-{chunk}.safetensors": arrays})
    nothing = np.zeros((1, 1))
    top = RankedProbes(np.array([[100_002]]), nothing, nothing, nothing, np.ones((1, 1), bool))
    found = share_terms(folder, Layer(4, 2, 6), top)
    numbers = (found.output, found.gated_shortcut, found.active_fraction, found.published_share)
    assert [float(each[0, 0]) for each in numbers] == [10, 11, 12, 13]
    assert (found.shortcut[0], found.conv[0]) == (1, 1)
