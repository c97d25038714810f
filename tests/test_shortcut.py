import math

import numpy as np
import pytest
import torch
from torch import Tensor

from extract.activations import Branches, Responses
from extract.shortcut import ratio, shares

PROBES, CHANNELS, SIDE = 12, 5, 3


def maps(seed: int) -> Tensor:
    return torch.randn(PROBES, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def responses(branches: Branches) -> Responses:
    made = Responses.empty(PROBES, CHANNELS)
    made.put(0, branches)
    return made


def branches(shortcut: Tensor, conv: Tensor) -> Branches:
    return Branches(shortcut, conv, shortcut + conv, raw_shortcut=maps(10), raw_conv=maps(11))


@pytest.fixture
def sample() -> Branches:
    return branches(maps(0).relu() + 0.2, maps(1) + 0.3)


@pytest.fixture
def top() -> np.ndarray:
    return np.random.default_rng(0).random((PROBES, CHANNELS)) < 0.4


def test_shares_equal_sums_written_out_position_by_position(sample: Branches, top: np.ndarray) -> None:
    found = shares(responses(sample), top)
    r, b = sample.shortcut.double().numpy(), sample.conv.double().numpy()
    raw_r, raw_b = sample.raw_shortcut.double().numpy(), sample.raw_conv.double().numpy()
    for c in range(CHANNELS):
        published, over, under, over_corrected, under_corrected = [], 0.0, 0.0, 0.0, 0.0
        for n in np.flatnonzero(top[:, c]):
            norm_r, norm_b = (math.sqrt(sum(v * v for v in raw[n, c].ravel())) for raw in (raw_r, raw_b))
            published.append(norm_r / (norm_r + norm_b))
            for at_r, at_b in zip(r[n, c].ravel(), b[n, c].ravel(), strict=True):
                if at_r + at_b > 0:
                    over, under = over + at_r, under + at_r + at_b
                    over_corrected += at_r - r[:, c].mean()
                    under_corrected += at_r + at_b - r[:, c].mean() - b[:, c].mean()
        assert found.published[c] == pytest.approx(np.mean(published), rel=1e-5)
        assert found.exact[c] == pytest.approx(over / under, rel=1e-5)
        assert found.corrected[c] == pytest.approx(over_corrected / under_corrected, rel=1e-4)


def test_the_exact_shares_of_both_branches_add_up_to_one(sample: Branches, top: np.ndarray) -> None:
    over_shortcut = shares(responses(sample), top).exact
    over_conv = shares(responses(branches(sample.conv, sample.shortcut)), top).exact
    np.testing.assert_allclose(over_shortcut + over_conv, 1, atol=1e-5)


def test_a_branch_that_inhibits_drives_the_exact_share_out_of_zero_to_one(top: np.ndarray) -> None:
    strong, weak = torch.full((PROBES, CHANNELS, SIDE, SIDE), 3.0), torch.full((PROBES, CHANNELS, SIDE, SIDE), -1.0)
    np.testing.assert_allclose(shares(responses(branches(strong, weak)), top).exact, 1.5)
    np.testing.assert_allclose(shares(responses(branches(weak, strong)), top).exact, -0.5)


def test_a_constant_offset_is_no_part_of_the_corrected_share(top: np.ndarray) -> None:
    """A shortcut that is the same everywhere tells no image from another, however large it is."""
    offset, telling = torch.full((PROBES, CHANNELS, SIDE, SIDE), 50.0), maps(3)
    telling[torch.from_numpy(top)] += 10
    found = shares(responses(branches(offset, telling)), top)
    np.testing.assert_allclose(found.corrected, 0, atol=1e-5)
    assert (found.exact > 0.8).all()


def test_a_unit_that_does_not_rise_has_no_share() -> None:
    np.testing.assert_equal(ratio(np.array([1.0, 1.0, 1.0]), np.array([2.0, 0.0, -1.0])), [0.5, np.nan, np.nan])


def test_a_unit_without_examples_or_that_never_fires_has_no_share(sample: Branches, top: np.ndarray) -> None:
    silent = branches(torch.zeros(PROBES, CHANNELS, SIDE, SIDE), -sample.conv.abs())
    assert np.isnan(shares(responses(silent), top).exact).all()
    found = shares(responses(sample), np.zeros_like(top))
    assert np.isnan([found.published, found.exact, found.corrected]).all()
