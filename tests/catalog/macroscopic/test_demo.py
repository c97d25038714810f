"""The demo's own contributions, beside the controls of its extraction: the scale of gamma makes the difference."""

from pathlib import Path

import pytest

from catalog import open_extraction, open_network
from catalog.macroscopic.comparisons import Comparison

TARGET = "2/0/5"


@pytest.fixture(scope="module")
def headlines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Comparison]:
    path: Path = tmp_path_factory.mktemp("demo") / "x"
    open_network("demo").extract(path, [TARGET], 1, progress=False)
    claims = open_extraction(path).macroscopic()
    assert not claims.lacks_randomised
    (summary,) = claims.summaries()
    return summary.headlines


def test_raw_forward_contributions_are_near_a_normal_and_scaled_ones_near_a_laplace(
    headlines: dict[str, Comparison],
) -> None:
    raw, scaled = headlines["forward"].observed, headlines["scaled"].observed
    assert 2 < raw.low < raw.high < 2.4
    assert 0.8 < scaled.low < scaled.high < 1


def test_no_unit_has_two_peaks_and_neither_has_one_of_randomised_weights(headlines: dict[str, Comparison]) -> None:
    peaks = headlines["peaks"]
    assert peaks.randomised is not None
    assert (peaks.observed.value, peaks.randomised.value) == (0, 0)
    assert peaks.observed.units == peaks.randomised.units == 160


def test_contributions_are_nearer_to_one_outer_product_than_those_of_randomised_weights(
    headlines: dict[str, Comparison],
) -> None:
    rank_one = headlines["rank 1"]
    assert rank_one.randomised is not None
    assert rank_one.observed.value > 1.3 * rank_one.randomised.value
