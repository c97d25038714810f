"""What a graphics card computes, against float64 on the processor; without a card there is nothing to try."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from extract.expansion.atlas import extract
from extract.expansion.expanded_weights import expanded_weights, sweep_together
from extract.expansion.precision import dtype
from extract.folder.extraction import Extraction
from extract.folder.manifest import CARD, Precision
from extract.network.network import Network
from extract.units import Layer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card is here")

TARGETS = [Layer(4, 1, 5), Layer(4, 1, 6)]
GROUP = [Layer(4, 0, 5), Layer(4, 0, 7), Layer(4, 0, 8)]  # a sum that is added up


@pytest.fixture(scope="module")
def exact(tiny: Network) -> Network:
    """The network in float64."""
    return replace(tiny, clip=deepcopy(tiny.clip).double())


@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-5), ("tf32", 1e-2), ("bfloat16", 5e-2)])
def test_every_sweep_is_near_float64(tiny: Network, exact: Network, precision: Precision, most: float) -> None:
    ((_, expected),) = sweep_together(exact, GROUP, range(4), units=4)
    card = tiny.on("cuda")
    swept = sweep_together(card, GROUP, range(4), dtype=dtype(precision), units=4, tf32=precision == "tf32")
    ((_, weights),) = swept
    errors = []
    for target in GROUP:
        for source, statistics in weights[target].items():
            exactly = expected[target][source]
            scale = exactly.magnitude.norm()
            errors.append(float((statistics.magnitude.cpu() - exactly.magnitude).norm() / scale))
            assert float((statistics.sum.cpu() - exactly.sum).norm() / scale) < 10 * most
    assert 0 < max(errors) < most


def test_kernels_are_near_float64(tiny: Network, exact: Network) -> None:
    for source, target in ((Layer(1, 0, 8), Layer(4, 2, 5)), (Layer(4, 0, 3), Layer(4, 0, 8))):
        expected = expanded_weights(exact, source, target)
        kernels = expanded_weights(tiny.on("cuda"), source, target).double().cpu()
        assert float((kernels - expected).norm() / expected.norm()) < 1e-5


def test_a_folder_names_the_card_and_holds_what_a_processor_computes(tiny: Network, tmp_path: Path) -> None:
    here, there = (
        extract(tiny, tmp_path / device, map(str, TARGETS), progress=False, device=device) for device in ("cpu", "cuda")
    )
    assert Extraction.open(there.path).manifest.tools[CARD] == torch.cuda.get_device_name()
    for target in TARGETS:
        for source in (Layer(1, 0, 3), Layer(3, 0, 8), Layer(4, 0, 8)):
            one, other = (folder.matrix(source, target, "magnitude") for folder in (here, there))
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(other, one, rtol=2e-3)  # stored in float16


def test_tf32_tells_how_far_it_is_from_float32(tiny: Network, tmp_path: Path) -> None:
    folder = extract(tiny, tmp_path / "x", map(str, TARGETS), progress=False, device="cuda", precision="tf32")
    deviations = folder.manifest.deviations
    assert deviations is not None
    assert all(0 < row.median < row.percentile_99 <= row.largest < 0.02 for row in deviations)
