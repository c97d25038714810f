from pathlib import Path

import numpy as np
import pytest

from catalog.article.claims import claims
from catalog.article.figures import figures
from catalog.article.measurements import Measurements
from catalog.article.reproduction import decide
from extract.article.network_measures import NetworkMeasures
from extract.network.network import Network
from extract.units import Layer
from tests.builders.planted_article import (
    CLAIMS,
    EFFECTS,
    NEAR_IDENTITY,
    PEAKS,
    SHAPE,
    TARGET,
    plant_randomised,
    planted_article,
    planted_shape,
)
from tests.builders.planted_matrices import planted_matrices

TABLE = {claim.name: claim for claim in claims()}


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return planted_shape(tmp_path_factory.mktemp("shape"))


@pytest.mark.parametrize(
    "effect",
    [
        "lobes by sign",
        "lobes everywhere",
        "lopsided",
        "slightly lopsided",
        "one direction",
        "versatile",
        "versatile by shape",
        "neighbours alike",
        "uneven sources",
        "discarded",
        *NEAR_IDENTITY,
    ],
)
def test_a_planted_effect_confirms_its_claims_and_no_others(shaped: Network, tmp_path: Path, effect: str) -> None:
    measurements = planted_article(tmp_path / "x", shaped, effect, seed=2)
    passed = {name for name in CLAIMS if decide(TABLE[name], measurements).verdict == "pass"}
    assert passed == set(EFFECTS[effect])


def test_two_peaks_are_decided_beside_randomised_weights_alone(shaped: Network, tmp_path: Path) -> None:
    scales = np.random.default_rng(0).choice([-0.5, 0.5], SHAPE.channels(TARGET))
    extraction = planted_matrices(
        tmp_path / "x", lambda rng, t, s: rng.normal(3, 1, (t, s)), scales, shape=SHAPE, target=TARGET
    )
    measurements = Measurements(NetworkMeasures(shaped), extraction)
    without = decide(TABLE[PEAKS], measurements)
    assert (without.verdict, "`circuits extract`" in without.finding) == ("cannot run", True)

    plant_randomised(extraction, np.random.default_rng(1), lobes=True)
    assert decide(TABLE[PEAKS], Measurements(NetworkMeasures(shaped), extraction)).verdict == "deviation"


def test_what_is_said_of_the_other_conv_branches_needs_all_of_them(shaped: Network, tmp_path: Path) -> None:
    below = {Layer.parse(name): lambda rng, t, s: rng.normal(size=(t, s)) for name in ("2/0/5", "4/0/5", "4/1/5")}
    normal, ones = lambda rng, t, s: rng.normal(size=(t, s)), np.ones(SHAPE.channels(TARGET))
    extraction = planted_matrices(tmp_path / "x", normal, ones, others=below, shape=SHAPE, target=TARGET)
    measurements = Measurements(NetworkMeasures(shaped), extraction)
    sudden = decide(TABLE["two peaks nowhere else"], measurements)
    assert (sudden.verdict, "lacks 1/0/5, 3/0/5" in sudden.finding) == ("cannot run", True)
    assert decide(TABLE["two peaks are gamma3's signs"], measurements).verdict == "deviation"  # its stage is there


def test_the_figures_show_shares_overlaps_and_contributions(shaped: Network, tmp_path: Path) -> None:
    drawn = list(figures(planted_article(tmp_path / "x", shaped, "none", seed=1)))
    captions = [figure.caption for figure in drawn]
    formulas = ("exact, of what is summed", "the authors' formula (norms, raw conv3)")
    shares = [(layer, formula) for layer in ("4/2/6", "4/1/6", "4/0/8") for formula in formulas]
    for caption, (layer, formula) in zip(captions, shares, strict=False):
        assert caption.startswith(f"Shares over the shortcut of {layer} on top probes, {formula}")
    assert captions[6:9] == [
        f"Contributions of 1/0/1/0 to the 256 units of {layer}, raw; their number by size."
        for layer in ("4/0/5", "4/1/5", "4/2/5")
    ]
    assert captions[9].startswith("Top probes that the last sum's units have in common")
    assert all(figure.chart.count("<svg") == 1 for figure in drawn)
