"""What a few units do through randomised weights, against the kernels of a network whose weights were permuted."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from extract.expansion.atlas import extract
from extract.expansion.expanded_weights import expanded_weights
from extract.expansion.randomised_weights import permute, sweep_randomised
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.network.network import Network
from extract.units import Layer

TARGETS = [Layer(1, 0, 3), Layer(2, 0, 5), Layer(4, 0, 1), Layer(4, 2, 5)]


@pytest.fixture(scope="module")
def folder(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    place = tmp_path_factory.mktemp("randomised") / "x"
    return extract(tiny, place, map(str, [*TARGETS, Layer(4, 2, 6)]), strongest=1, progress=False)


@torch.no_grad()
def permuted(network: Network) -> Network:
    copy = replace(network, clip=deepcopy(network.clip))
    generator = torch.Generator().manual_seed(1904)
    for total in network.architecture.sums:
        name = f"layer{total.stage}.{total.block}"
        block = permute(network.visual.get_submodule(name), generator)
        copy.visual.get_submodule(name).load_state_dict(block.state_dict())
    return copy


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_means_are_those_of_the_kernels_of_permuted_weights(folder: Extraction, tiny: Network, target: Layer) -> None:
    network = permuted(tiny)
    for source in sources(tiny.architecture, target):
        swept = folder.randomised(source, target)
        assert swept is not None
        channels, means = swept
        assert len(channels) == min(24, tiny.architecture.channels(source))
        kernels = expanded_weights(network, source, target).numpy()  # (target channels, source channels, h, w)
        expected = kernels.mean((2, 3))[:, channels]
        np.testing.assert_allclose(means, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@torch.no_grad()
def test_permuted_weights_are_the_same_numbers_in_another_order(tiny: Network) -> None:
    block = tiny.visual.get_submodule("layer4.0")
    before = {name: tensor.clone() for name, tensor in block.state_dict().items()}
    after = permute(block, torch.Generator().manual_seed(0)).state_dict()
    for name, tensor in before.items():
        assert torch.equal(block.state_dict()[name], tensor)
        assert torch.equal(after[name].flatten().sort().values, tensor.flatten().sort().values)
        assert torch.equal(after[name], tensor) == ("conv" not in name and not name.endswith("downsample.0.weight"))


def test_sums_have_none_and_neither_has_a_folder_without_matrices(
    folder: Extraction, tiny: Network, tmp_path: Path
) -> None:
    assert folder.randomised(Layer(4, 1, 6), Layer(4, 2, 6)) is None
    lean = extract(tiny, tmp_path / "x", ["4/2/5"], strongest=1, matrices=False, progress=False)
    assert lean.randomised(Layer(4, 2, 3), Layer(4, 2, 5)) is None


def test_a_folder_of_an_earlier_version_gets_them_and_nothing_else_is_computed_again(
    tiny: Network, tmp_path: Path
) -> None:
    folder = extract(tiny, tmp_path / "x", ["4/2/5"], strongest=1, progress=False)
    parts = {name: (folder.path / name).read_bytes() for name in folder.under("randomised.parquet")}
    others = {file: file.stat().st_mtime_ns for file in folder.path.glob("*/4-2-5.*")}
    folder.drop(parts)
    again = extract(tiny, folder.path, ["4/2/5"], strongest=1, progress=False)
    assert {name: (again.path / name).read_bytes() for name in again.under("randomised.parquet")} == parts
    assert {file: file.stat().st_mtime_ns for file in folder.path.glob("*/4-2-5.*")} == others
    assert len(others) == 4  # edges, sweeps, distributions and matrices


class LargestConvolution(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the bytes of the largest map that a convolution makes."""

    size = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        if "conv" in str(operation):
            self.size = max(self.size, result.numel() * result.element_size())
        return result


@pytest.mark.parametrize("units", [0.1, 1, 3])
def test_units_are_swept_in_batches_that_the_memory_holds(
    folder: Extraction, tiny: Network, tmp_path: Path, units: float
) -> None:
    """Memory for so many units, but never for less than one."""
    target, grid = Layer(2, 0, 5), tiny.architecture.grid(Layer(1, 0, 1))
    copy = extract(tiny, tmp_path / "x", [str(target)], strongest=1, progress=False)
    copy.drop(copy.under("randomised.parquet"))
    one = 4 * tiny.architecture.channels(Layer(1, 0, 5)) * grid**2  # bytes of a unit's largest map
    with LargestConvolution() as largest:  # type: ignore[no-untyped-call]
        sweep_randomised(tiny, copy, [target], memory=int(5 * units * one), progress=False)
    assert largest.size == max(1, units) * one
    for source in sources(tiny.architecture, target):
        swept, at_once = copy.randomised(source, target), folder.randomised(source, target)
        assert swept is not None
        assert at_once is not None
        np.testing.assert_array_equal(swept[0], at_once[0])
        np.testing.assert_allclose(swept[1], at_once[1], rtol=1e-4, atol=1e-6 * np.abs(at_once[1]).max())
