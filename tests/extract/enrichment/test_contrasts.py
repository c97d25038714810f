import numpy as np
import pytest
from scipy.stats import linregress, ttest_1samp, ttest_ind

from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.contrasts import EFFECTS, Values, contrasts, effects, estimates

SETTINGS = CensusSettings()


def tables(units: int = 4, k: int = 10, seed: int = 0) -> Values:
    """What shortcut and conv bring on the concepts of either facet."""
    rng = np.random.default_rng(seed)
    return rng.normal((2, 0), 1, (units, k, 2)), rng.normal((0, 1), 1, (units, k, 2))


def test_effects_are_welch_t_tests_over_concepts() -> None:
    on_shortcut, on_conv = tables()
    measured = effects((on_shortcut, on_conv))
    (_, b_a), (r_f, b_f) = (facet.transpose(2, 0, 1) for facet in (on_shortcut, on_conv))
    welch = ttest_ind(b_f, b_a, axis=1, equal_var=False, alternative="greater")
    place = EFFECTS.index("specificity_conv")
    np.testing.assert_allclose(measured.value[:, place], b_f.mean(axis=1) - b_a.mean(axis=1))
    np.testing.assert_allclose(measured.p_positive[:, place], welch.pvalue, rtol=1e-9)
    np.testing.assert_allclose(measured.p_negative[:, place], 1 - welch.pvalue, rtol=1e-9)
    paired = ttest_1samp(b_f - r_f, 0, axis=1, alternative="greater")
    np.testing.assert_allclose(measured.p_positive[:, EFFECTS.index("majority_conv")], paired.pvalue, rtol=1e-9)


def test_one_sided_bounds_are_those_of_scipy() -> None:
    on_shortcut, on_conv = tables()
    low, high = effects((on_shortcut, on_conv)).bounds(0.05)
    rise = ttest_1samp(on_conv.sum(axis=2), 0, axis=1).confidence_interval(0.9)  # two tails of 5 %
    np.testing.assert_allclose(low[:, 1], rise.low, rtol=1e-9)
    np.testing.assert_allclose(high[:, 1], rise.high, rtol=1e-9)


def test_a_relative_size_is_a_contrast_of_all_that_it_rests_on() -> None:
    """b_F - b_A - rho (r_A + b_A): the rise is no known threshold, its noise counts."""
    on_shortcut, on_conv = tables()
    rows = contrasts(SETTINGS)
    place = next(n for n, row in enumerate(rows) if row.weights == (-0.25, -1.25, 0, 1))
    shortcut_part = -0.25 * on_shortcut[..., 0] - 1.25 * on_shortcut[..., 1]
    expected = ttest_ind(on_conv[..., 1], -shortcut_part, axis=1, equal_var=False, alternative="greater")
    np.testing.assert_allclose(estimates((on_shortcut, on_conv), rows).p_positive[:, place], expected.pvalue, rtol=1e-9)
    assert len(rows) == 12  # four sizes over delta and over either rise but their own, and two majorities


def test_what_discovery_probes_forecast_is_no_error_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    concept = rng.normal(size=(1, 30, 2))
    before, after = (concept + 0.3 * rng.normal(size=concept.shape) for _ in range(2))
    flat = np.zeros((1, 30, 2))
    measured = effects((flat, after), (flat, before))
    line = linregress(before[0].sum(axis=1), after[0].sum(axis=1))
    left = after[0].sum(axis=1) - line.intercept - line.slope * before[0].sum(axis=1)
    assert measured.error[0, 1] == pytest.approx(np.sqrt((left**2).sum() / 28 / 30))
    assert measured.error[0, 1] < 0.6 * effects((flat, after)).error[0, 1]
    np.testing.assert_allclose(measured.value, effects((flat, after)).value)


def test_bounds_cover_the_mean_over_these_concepts() -> None:
    rng = np.random.default_rng(4)
    concept = 2 * rng.normal(size=(4000, 12, 2))
    before, after = (concept + rng.normal(size=concept.shape) for _ in range(2))
    flat = np.zeros_like(concept)
    low, high = effects((flat, after), (flat, before)).bounds(0.05)
    true = concept.sum(axis=2).mean(axis=1)
    assert 0.945 < np.mean(low[:, 1] <= true) < 0.99
    assert 0.945 < np.mean(high[:, 1] >= true) < 0.99


def test_equal_values_have_a_p() -> None:
    flat = np.zeros((1, 12, 2))
    tested = estimates((flat, flat), contrasts(SETTINGS), (flat, flat))
    assert np.isfinite(tested.p_positive).all()
    assert tested.p_positive.max() > 0.99  # not above delta
    assert tested.p_negative.min() < 1e-6
