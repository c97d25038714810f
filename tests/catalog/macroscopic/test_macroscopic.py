"""Macroscopic claims on folders in which it is known what holds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom, spearmanr

from catalog.errors import MacroscopicError
from catalog.macroscopic.comparisons import Comparison
from catalog.macroscopic.macroscopic import Macroscopic
from catalog.macroscopic.shape import exponent
from catalog.macroscopic.sizes import Size, median, share
from extract.folder.kernel_support import sources
from extract.folder.manifest import part
from extract.folder.randomised import evenly
from extract.folder.schemas import SCHEMAS
from extract.units import Layer, Unit
from tests.builders.planted_matrices import SHAPE, TARGET, Plant, planted_matrices

UNITS = SHAPE.channels(TARGET)
SIGNS = np.where(np.arange(UNITS) % 3 == 0, -0.5, 0.5)  # a third of the gammas is negative
Ask = Callable[..., Comparison]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[Plant], Ask]:
    """Plants matrices; what is asked for is a statistic by its name, variant and direction."""

    def planted(plant: Plant) -> Ask:
        asked = Macroscopic(planted_matrices(tmp_path / "x", plant, SIGNS)).comparisons(TARGET)
        return lambda statistic, variant="raw", direction="forward": next(
            c for c in asked if (c.statistic, c.variant, c.direction) == (statistic, variant, direction)
        )

    return planted


def test_an_offset_under_arbitrary_signs_makes_two_lobes_that_folding_takes_away(
    ask: Callable[[Plant], Ask],
) -> None:
    """Scaled weights of one lobe at 3 deviations, so raw ones have a lobe for either sign of gamma."""
    of = ask(lambda rng, targets, sources: rng.normal(3, 1, (targets, sources)))
    assert of("two_peaks", "raw").observed.value == 1
    assert of("two_peaks", "folded").observed.value < 0.1
    assert of("offset", "folded").observed.value == pytest.approx(3, abs=0.1)
    assert of("offset", "raw").observed.value < 0.5
    assert of("imbalance", "folded").observed.value > 0.45
    assert of("rank_one", "folded").observed.value == pytest.approx(0.9, abs=0.02)  # 9 of 10 parts of the square


def test_two_lobes_that_are_the_conv_branchs_own_stay_when_folded(ask: Callable[[Plant], Ask]) -> None:
    """Each lower unit has a lobe of either sign at random targets, whatever their gammas."""
    of = ask(lambda rng, t, s: rng.normal(rng.choice([-3, 3], (t, s)), 1))
    assert of("two_peaks", "raw").observed.value == of("two_peaks", "folded").observed.value == 1
    assert of("offset", "folded").observed.high < 0.3
    assert of("rank_one").observed.value < 0.15


def test_normal_weights_have_one_peak_and_no_effect_over_their_shuffled_entries(ask: Callable[[Plant], Ask]) -> None:
    of = ask(lambda rng, targets, sources: rng.normal(size=(targets, sources)))
    assert of("two_peaks").observed.high < 0.05
    for statistic in ("exponent", "imbalance", "density_at_zero", "offset"):
        over = of(statistic).over_shuffled
        assert over is not None
        assert over.low < 0 < over.high
    assert of("exponent").observed.value == pytest.approx(2, abs=0.1)
    assert of("density_at_zero").observed.value == pytest.approx(0.08, abs=0.005)


def test_shapes_are_told_by_direction(ask: Callable[[Plant], Ask]) -> None:
    """Lower units of very uneven strength: backward heavy tails, forward normal; shuffled alike in both."""

    def plant(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        return rng.normal(size=(targets, sources)) * rng.exponential(size=sources) ** 0.5

    of = ask(plant)
    forward, backward = of("exponent"), of("exponent", direction="backward")
    assert forward.observed.value == pytest.approx(2, abs=0.1)
    assert backward.observed.high < 1.7
    for one in (forward, backward):
        assert one.shuffled is not None
        assert one.shuffled.value < 1.7


def test_numbers_say_units_values_and_their_interval(ask: Callable[[Plant], Ask]) -> None:
    of = ask(lambda rng, targets, sources: rng.laplace(size=(targets, sources)))
    forward, backward = of("exponent"), of("exponent", direction="backward")
    assert (forward.n_low, forward.n_high) == (UNITS, UNITS)
    assert (backward.n_low, backward.n_high) == (8, 256)
    assert forward.observed.units >= 8 * 14
    assert forward.observed.low < forward.observed.value < forward.observed.high
    assert forward.randomised is None
    assert forward.over_randomised is None


def test_what_batch_norm_scales_to_nothing_is_left_out_of_the_raw_contributions(tmp_path: Path) -> None:
    scales = SIGNS.copy()
    scales[:100] = 0
    folder = planted_matrices(
        tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)) * (scales != 0)[:, None], scales
    )
    macroscopic = Macroscopic(folder)
    assert len(macroscopic.contributions("4/1/3/0", TARGET, "forward", "raw")) == UNITS - 100
    assert len(macroscopic.contributions("4/1/3/0", TARGET, "forward", "scaled")) == UNITS


def test_variants_are_the_stored_means_over_the_targets_scale(tmp_path: Path) -> None:
    folder = planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS)
    macroscopic, stored = Macroscopic(folder), folder.matrix(SHAPE.layer("4/1/3"), TARGET, "mean")
    assert stored is not None
    scaled, raw, folded = (
        macroscopic.contributions("4/1/3/7", TARGET, "forward", variant) for variant in ("scaled", "raw", "folded")
    )
    np.testing.assert_allclose(scaled, stored[:, 7])
    np.testing.assert_allclose(raw, stored[:, 7] / SIGNS, rtol=1e-6)
    np.testing.assert_allclose(folded, np.abs(raw) * np.sign(scaled), rtol=1e-6)
    back = macroscopic.contributions(f"{TARGET}/5", "4/1/3", "backward", "raw")
    np.testing.assert_allclose(back, stored[5] / SIGNS[5], rtol=1e-6)


def test_a_unit_reads_the_same_in_blocks_as_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    macroscopic = Macroscopic(planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS))
    below = Unit(Layer(4, 0, 8), 7)

    def read() -> tuple[object, ...]:
        edges = macroscopic.stored.edges(below, TARGET, "forward")
        return edges, macroscopic.contributions(below, TARGET, "forward", "raw")

    at_once = read()
    monkeypatch.setattr("catalog.macroscopic.contributions._BLOCK", 1000)  # three of 256 rows, the last block one
    np.testing.assert_equal(read(), at_once)


def test_a_units_versatility_sums_up_all_its_edges(tmp_path: Path) -> None:
    folder = planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS)
    means = folder.matrix(SHAPE.layer("4/1/3"), TARGET, "mean")
    assert means is not None
    [up] = Macroscopic(folder).versatility("4/1/3/7")
    weights = means[:, 7].astype(float)
    assert (up.other, up.direction, up.n) == (TARGET, "forward", UNITS)
    assert up.mean == pytest.approx(sum(weights) / UNITS)
    assert up.mean_size == pytest.approx(sum(map(abs, weights)) / UNITS)
    assert up.positive_mean == pytest.approx(np.mean([w for w in weights if w > 0]))
    assert up.negative_mean == pytest.approx(np.mean([-w for w in weights if w < 0]))
    assert up.mean_magnitude == pytest.approx(2 * up.mean_size)
    assert up.norm_of_means == pytest.approx(np.linalg.norm(weights))
    assert up.norm_of_magnitudes == pytest.approx(2 * up.norm_of_means)
    below = Macroscopic(folder).versatility(f"{TARGET}/5")
    assert [(row.direction, row.other) for row in below][-1] == ("backward", SHAPE.layer("4/1/3"))
    assert below[-1].norm_of_means == pytest.approx(np.linalg.norm(means[5]))
    line = folder.matrix(SHAPE.layer("4/1/3"), TARGET, "mean", slice(5, 6))
    assert line is not None
    np.testing.assert_array_equal(line, means[5:6])


def test_a_conv_branch_contributes_to_higher_layers_what_its_sum_does(tmp_path: Path) -> None:
    macroscopic = Macroscopic(planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS))
    [conv], [total] = (macroscopic.small_multiples.vary_upper(f"4/0/{index}/3").panels for index in (5, 8))
    assert conv.counts == total.counts
    assert macroscopic.versatility("4/0/5/3")[0].mean == macroscopic.versatility("4/0/8/3")[0].mean


def test_a_panel_counts_every_value_in_standard_deviations(tmp_path: Path) -> None:
    macroscopic = Macroscopic(planted_matrices(tmp_path / "x", lambda rng, t, s: rng.standard_t(2, size=(t, s)), SIGNS))
    multiples = macroscopic.small_multiples.vary_lower(TARGET, most=5)
    assert [str(panel.unit.layer) for panel in multiples.panels][:1] == ["1/0/1"]
    assert len(multiples.panels) == 5
    for panel in multiples.panels:
        values = macroscopic.contributions(panel.unit, TARGET, "forward", "raw")
        within = np.abs(values / values.std()) < 1
        assert sum(panel.counts) == panel.n == UNITS
        assert sum(panel.counts[18:30]) == pytest.approx(within.sum(), abs=1)  # a quarter of the axis


def test_broader_contributions_from_further_below_are_a_trend(tmp_path: Path) -> None:
    place = iter(range(100))

    def plant(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        exponent = next(place)  # the nearer, the more of the sum in few weights
        return np.sign(rng.normal(size=(targets, sources))) * rng.exponential(size=(targets, sources)) ** (
            2 - exponent / 14
        )

    trends = Macroscopic(planted_matrices(tmp_path / "x", plant, SIGNS)).trends(TARGET)
    breadth, density = (
        next(t for t in trends if (t.variant, t.statistic) == ("raw", name)) for name in ("breadth", "density_at_zero")
    )
    assert breadth.observed.value > 0.9
    assert 0.8 < breadth.observed.low < breadth.observed.high < 1
    assert density.observed.value < -0.9
    assert max(breadth.observed.p, density.observed.p) < 0.01
    assert breadth.layers == 14


def test_a_folder_without_matrices_says_how_to_make_them(tmp_path: Path) -> None:
    macroscopic = Macroscopic(planted_matrices(tmp_path / "x", lambda *_: np.empty(0), SIGNS, matrices=False))
    assert macroscopic.conv_layers == ()
    with pytest.raises(MacroscopicError, match=r"no dense matrices into 4/1/5.*matrices=True"):
        macroscopic.comparisons(TARGET)


def test_a_folder_with_a_sums_matrices_alone_has_the_scaled_variant_of_it_and_no_conv_branch(tmp_path: Path) -> None:
    total = SHAPE.layer("4/1/6")
    folder = planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS, target=total)
    macroscopic = Macroscopic(folder)
    assert {c.variant for c in macroscopic.comparisons(total, "4/1/3")} == {"scaled"}
    for asked in (macroscopic.summaries, macroscopic.small_multiples.figure):
        with pytest.raises(MacroscopicError, match="no dense matrices into 4/1/5"):
            asked()


def test_intervals_hold_the_median_and_the_share_as_often_as_they_say() -> None:
    rng, trials = np.random.default_rng(1), 400
    medians = [median(rng.exponential(size=31)) for _ in range(trials)]
    assert np.mean([size.low < np.log(2) < size.high for size in medians]) > 0.93
    differences = [median(rng.normal(1, 1, 40)).over(median(rng.normal(0, 2, 30))) for _ in range(trials)]
    assert np.mean([size.low < 1 < size.high for size in differences]) > 0.93
    assert share(np.array([1, 0, 1, np.nan])).units == 3
    assert np.isnan(median(np.arange(5.0)).low)


@pytest.mark.parametrize(("units", "ranks"), [(6, (1, 6)), (24, (7, 18)), (100, (40, 61))])
def test_the_interval_of_a_median_is_the_narrowest_that_the_binomial_gives_95_percent(
    units: int, ranks: tuple[int, int]
) -> None:
    size = median(np.arange(1.0, units + 1))
    assert (size.low, size.high) == ranks
    held = [binom.cdf(units - rank, units, 0.5) - binom.cdf(rank - 1, units, 0.5) for rank in (ranks[0], ranks[0] + 1)]
    assert held[0] >= 0.95 > held[1]


def test_all_variants_and_samples_rest_on_the_same_target_units(tmp_path: Path) -> None:
    """Some rows are faint but in the few source channels that are measured: as wholes they are too faint."""

    def plant(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        values = rng.normal(size=(targets, sources))
        values[::2] = 0
        values[:100:2, evenly(sources)] = 2.0**-18
        return values

    measured = Macroscopic(planted_matrices(tmp_path / "x", plant, SIGNS)).comparisons(TARGET, "4/1/3")
    lengths = {(c.n_low, c.n_high) for c in measured if c.direction == "forward" and c.variant == "raw"}
    assert lengths == {(UNITS // 2, UNITS // 2)}


def test_units_that_batch_norm_all_scales_to_nothing_have_nan_and_a_panel_that_says_so(tmp_path: Path) -> None:
    folder = planted_matrices(tmp_path / "x", lambda _, t, s: np.zeros((t, s)), np.zeros(UNITS))
    macroscopic = Macroscopic(folder)
    raw = [c for c in macroscopic.comparisons(TARGET) if c.variant == "raw"]
    assert {c.n_high for c in raw if c.direction == "forward"} == {0}
    assert all(np.isnan(c.observed.value) for c in raw)
    assert all(np.isnan(trend.observed.value) and trend.layers == 0 for trend in macroscopic.trends(TARGET))
    [panel] = macroscopic.small_multiples.vary_upper("4/1/3/0").panels
    assert panel.n == sum(panel.counts) == 0
    assert np.isnan(panel.dip)
    assert "no unit with a batch norm&#x27;s scale" in macroscopic.small_multiples.figure("4/1/3/0")


def test_layers_without_a_statistic_have_no_place_in_its_trend(tmp_path: Path) -> None:
    """The nearest layers contribute nothing, and of those below the furthest are the broadest."""
    place = iter(range(100))

    def plant(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        distance = next(place)
        sizes = rng.exponential(size=(targets, sources)) ** (2 - distance / 14)
        return np.sign(rng.normal(size=(targets, sources))) * sizes * (distance >= 3)

    trends = Macroscopic(planted_matrices(tmp_path / "x", plant, SIGNS)).trends(TARGET)
    [breadth] = [trend for trend in trends if (trend.variant, trend.statistic) == ("scaled", "breadth")]
    assert breadth.layers == 11
    assert breadth.observed.value > 0.9


def test_a_control_that_some_layers_lack_is_lacking(tmp_path: Path) -> None:
    """An extraction that ended before it had swept randomised weights from every layer."""
    folder = planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS)
    (*below, last), rng = sources(SHAPE, TARGET), np.random.default_rng(0)
    folder.add({part("randomised", str(source)): randomised(source, rng) for source in below})
    macroscopic = Macroscopic(folder)
    assert macroscopic.lacks_randomised
    assert {c.randomised for c in macroscopic.comparisons(TARGET)} == {None}
    assert {trend.randomised for trend in macroscopic.trends(TARGET)} == {None}
    folder.add({part("randomised", str(last)): randomised(last, rng)})
    macroscopic = Macroscopic(folder)
    assert not macroscopic.lacks_randomised
    assert all(c.randomised for c in macroscopic.comparisons(TARGET))
    nearest_first = macroscopic.by_source(TARGET)
    for trend in macroscopic.trends(TARGET):
        both = [
            (c.observed.value, c.randomised.value)
            for c in nearest_first
            if (c.direction, c.variant, c.statistic) == ("forward", trend.variant, trend.statistic) and c.randomised
        ]
        own, control = np.array(both).T
        assert trend.randomised is not None
        assert trend.over_randomised is not None
        assert trend.randomised.value == pytest.approx(spearmanr(range(len(control)), control).statistic)
        assert trend.randomised.low < trend.randomised.value < trend.randomised.high
        assert trend.over_randomised.value == pytest.approx(spearmanr(range(len(own)), own - control).statistic)


def test_backward_contributions_of_randomised_weights_stand_beside_those_of_the_same_few_units(tmp_path: Path) -> None:
    """Lower units of uneven strength, of which 24 a layer are swept; with normal weights they have the same normal."""
    rng = np.random.default_rng(0)
    folder = planted_matrices(
        tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)) * rng.exponential(size=s) ** 0.5, SIGNS
    )
    for source in sources(SHAPE, TARGET):
        folder.add({part("randomised", str(source)): randomised(source, rng)})
    macroscopic = Macroscopic(folder)
    asked = (*macroscopic.by_source(TARGET), *macroscopic.comparisons(TARGET))
    of = {(c.source, c.direction, c.variant): c for c in asked if c.statistic == "exponent"}
    below = Layer(4, 0, 8)  # of 256 units
    backward = of[below, "backward", "raw"]
    stored = folder.matrix(below, TARGET, "mean")
    swept = folder.randomised(below, TARGET)
    assert stored is not None
    assert swept is not None
    channels, means = swept
    rows = evenly(UNITS)
    for size, weights in ((backward.swept, stored[:, channels]), (backward.randomised, means)):
        assert size is not None
        own = weights[rows].astype(float) / SIGNS[rows, None]
        assert size.value == pytest.approx(float(np.median(exponent(own))))
    assert backward.n == "256"
    assert of[below, "forward", "raw"].swept is None
    over = of[None, "backward", "raw"].over_randomised
    assert over is not None
    assert over.high < 0  # heavier tails than randomised weights have


def randomised(source: Layer, rng: np.random.Generator) -> pa.Table:
    """Means of randomised weights from a layer into the target."""
    rows = [
        {"source": str(source), "source_channel": channel, "target": str(TARGET), "means": rng.normal(size=UNITS)}
        for channel in evenly(SHAPE.channels(source)).tolist()
    ]
    return pa.Table.from_pylist(rows, SCHEMAS["randomised"])


def test_the_contributions_into_a_sum_are_scaled_unless_another_variant_is_named(tmp_path: Path) -> None:
    total = SHAPE.layer("4/1/6")
    folder = planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS, target=total)
    macroscopic = Macroscopic(folder)
    into, below = macroscopic.small_multiples.of_unit(f"{total}/3")
    assert into.panels == ()
    assert {panel.variant for panel in below.panels} == {"scaled"}
    assert "(scaled)" in macroscopic.small_multiples.figure(f"{total}/3")
    assert {panel.variant for panel in macroscopic.small_multiples.vary_lower(total).panels} == {"scaled"}
    scaled = macroscopic.contributions(f"{total}/3", "4/1/3", "backward", "scaled")
    np.testing.assert_array_equal(macroscopic.contributions(f"{total}/3", "4/1/3", "backward"), scaled)
    with pytest.raises(MacroscopicError, match="only the scaled variant exists"):
        macroscopic.small_multiples.figure(f"{total}/3", variant="raw")
    assert Size(1, 0, 2, 9).over(Size(1, 1, 1, 4)) == Size(0, -1, 1, 4)
