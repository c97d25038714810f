"""Units near identity beside branches paired anew, where it is known whether the two are related."""

import numpy as np
import pytest

from catalog.macroscopic.paired_shares import PairedShares, compare, paired_shares
from extract.folder.extraction import Extraction
from extract.units import Layer

FINAL, UNITS, PROBES = Layer(4, 2, 6), 64, 300


def planted(seed: int, avoids: float) -> list[PairedShares]:
    """Shortcuts fire on a tenth of the probes; conv branches everywhere, less where their own shortcut does."""
    rng = np.random.default_rng(seed)
    shortcut = rng.exponential(4, (UNITS, PROBES)) * (rng.random((UNITS, PROBES)) < 0.1)
    conv = np.abs(rng.normal(0, 1, (UNITS, PROBES))) * np.where(shortcut > 0, 1 - avoids, 1)
    words = np.arange(PROBES) < 150
    return list(compare(FINAL, shortcut.astype(np.float32), conv.astype(np.float32), words, 39))


def test_branches_that_avoid_each_other_are_more_often_near_identity_than_paired_anew() -> None:
    whole, *strata = planted(0, 0.9)
    assert (whole.stratum, whole.units, whole.p) == (None, UNITS, 1 / 40)
    assert whole.as_it_is > whole.paired_anew + 0.3
    assert sum(part.units for part in strata) == UNITS
    assert whole.as_it_is == pytest.approx(sum(part.as_it_is * part.units for part in strata) / UNITS)


def test_branches_that_have_nothing_to_do_with_each_other_are_as_often_near_identity_as_paired_anew() -> None:
    p = np.array([planted(seed, 0)[0].p for seed in range(20)])
    assert (p < 0.05).sum() <= 2
    assert 0.2 < p.mean() < 0.8


def test_the_share_is_of_what_both_branches_bring_to_the_highest_discovery_probes_of_their_sum(
    measured: Extraction,
) -> None:
    [compared] = [part for part in paired_shares(measured, draws=3) if part.stratum is None]
    assert str(compared.layer) == "4/2/6"  # the other sums were not measured
    discovery = np.array(measured.table("probes")["split"].to_pylist()) == "discovery"
    shortcut, conv = (measured.activations(Layer.parse(name)) for name in ("4/1/6", "4/2/5"))
    assert shortcut is not None
    assert conv is not None
    near = []
    for brought, added in zip(*(means[discovery].T.astype(float) for means in (shortcut, conv)), strict=True):
        total = brought + added
        top = [place for place in np.argsort(-total)[:16] if total[place] > 0]
        near.append(brought[top].sum() > 0.9 * total[top].sum())
    assert compared.as_it_is == pytest.approx(np.mean(near))
