"""Weights in bfloat16, what they differ by from float32, and folders begun in another precision."""

from pathlib import Path

import numpy as np
import pytest
import torch

from extract.errors import ExtractionError, WeightsError
from extract.expansion.atlas import extract
from extract.expansion.plan import plan
from extract.expansion.precision import deviations
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.units import Layer
from tests.builders.tiny_network import tiny_network

TARGETS = ["4/1/5", "4/1/6", "4/0/8"]
PAIR = Layer(1, 0, 8), Layer(4, 1, 5)


@pytest.fixture(scope="module")
def exact(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return extract(tiny, tmp_path_factory.mktemp("precision") / "exact", TARGETS, progress=False)


@pytest.fixture(scope="module")
def lower(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    path = tmp_path_factory.mktemp("precision") / "lower"
    return extract(tiny, path, TARGETS, progress=False, precision="bfloat16")


def test_bfloat16_differs_from_float32_by_as_much_as_the_folder_tells(exact: Extraction, lower: Extraction) -> None:
    one, other = (folder.matrix(*PAIR, "magnitude") for folder in (exact, lower))
    assert one is not None
    assert other is not None
    errors = np.abs(one.astype(np.float64) - other) / one
    deviations = lower.manifest.deviations
    assert deviations is not None
    between = len([total for total in exact.manifest.architecture.sums if PAIR[0] < total < Layer(4, 1, 6)])
    (deviation,) = (row for row in deviations if row.blocks == between)
    assert 0 < np.median(errors) < 0.02
    assert deviation.median == pytest.approx(np.median(errors), rel=0.5)
    assert deviation.median < deviation.percentile_99 <= deviation.largest
    assert [row.blocks for row in deviations] == sorted({row.blocks for row in deviations})


def test_the_folder_names_its_precision_and_float32_as_ever(exact: Extraction, lower: Extraction) -> None:
    assert Extraction.open(lower.path).manifest.settings.precision == "bfloat16"
    assert Extraction.open(exact.path).manifest.settings.precision == "float32"
    text = (exact.path / "manifest.json").read_text()
    assert "rounded" not in text
    assert "deviations" not in text


def test_a_folder_begun_in_another_precision_is_refused(tiny: Network, exact: Extraction) -> None:
    with pytest.raises(ExtractionError, match="other settings"):
        extract(tiny, exact.path, TARGETS, progress=False, precision="bfloat16")


def test_tf32_is_refused_on_a_processor(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="graphics cards"):
        extract(tiny, tmp_path / "x", TARGETS, progress=False, precision="tf32")
    assert not (tmp_path / "x").exists()


def test_weights_that_overflow_are_refused_before_their_deviations_are_measured(tmp_path: Path) -> None:
    network = tiny_network(tmp_path)
    with torch.no_grad():
        network.visual.get_submodule("layer4.1.conv3").weight.fill_(1e38)  # type: ignore[operator]
    with pytest.raises(ExtractionError, match=r"target layer 4/1/5 overflow"):
        extract(network, tmp_path / "x", ["4/1/5"], progress=False, precision="bfloat16")


@pytest.mark.filterwarnings("error")
def test_weights_of_zero_are_left_out_of_the_deviations(tmp_path: Path) -> None:
    network = tiny_network(tmp_path)
    with torch.no_grad():
        network.visual.get_submodule("layer4.1.conv3").weight.zero_()  # type: ignore[operator]
    shards = plan(network.architecture, [Layer(4, 1, 5)], 2**31)
    assert all(row.pairs == 0 for row in deviations(network, shards, "bfloat16"))
