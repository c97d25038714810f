"""The selftest passes on whole networks, and tells each of the faults that are planted here."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.network.network import Network
from extract.selftest import Check, selftest


def failed(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def changed(network: Network, name: str, change: Callable[[Any], None]) -> Network:
    """The network with one module of a copy changed."""
    clip = deepcopy(network.clip)
    visual: nn.Module = clip.visual
    change(visual.get_submodule(name))
    return replace(network, clip=clip)


def flip(convolution: Any) -> None:
    """Convolve with the kernel turned round, whatever the weights say."""

    def forward(maps: Tensor) -> Tensor:
        return F.conv2d(maps, convolution.weight.flip(2, 3), None, convolution.stride, convolution.padding)

    convolution.forward = forward


def bias(norm: Any) -> None:
    """Add to a batch norm's output what its weights do not say."""
    norm.register_forward_hook(lambda module, inputs, output: output + 0.5)


def double_in_place(module: nn.Module) -> None:
    """Change in place what another hook has kept, as a hook of somebody else may."""

    def double(module: nn.Module, inputs: tuple[Tensor]) -> None:
        inputs[0].mul_(2)

    module.register_forward_pre_hook(double)


def break_pool(pool: Any) -> None:
    """Give what the attention pool reads another bias than it has."""
    pool.register_forward_hook(lambda module, inputs, output: output + 1)


def test_a_network_passes_and_its_errors_are_those_of_rounding(tiny: Network) -> None:
    checks = selftest(tiny)
    assert [check.name for check in checks] == ["hooks", "sums", "kernels", "embedding"]
    assert failed(checks) == set()
    assert max(check.error for check in checks) < 1e-5
    assert selftest(tiny, seed=1) != checks


@pytest.mark.parametrize(
    ("module", "change", "broken"),
    [
        ("layer2.0.conv2", flip, {"hooks", "kernels"}),
        ("layer3.0.bn2", bias, {"hooks"}),
        ("layer4.0.act3", double_in_place, {"hooks", "sums"}),
        ("attnpool", break_pool, {"embedding"}),
    ],
    ids=["a flipped kernel", "a wrong bias", "a hook that writes in place", "another embedding"],
)
def test_a_fault_is_told_by_the_checks_that_it_breaks(
    tiny: Network, module: str, change: Callable[[Any], None], broken: set[str]
) -> None:
    checks = [check for seed in range(4) for check in selftest(changed(tiny, module, change), seed)]
    assert failed(checks) >= broken


def test_sums_that_are_none_are_told(tiny: Network) -> None:
    def halve(block: Any) -> None:  # after the branches have been read
        block.act3.register_forward_pre_hook(lambda module, inputs: (inputs[0] / 2,))

    assert "sums" in failed(selftest(changed(tiny, "layer3.0", halve)))


def test_an_error_that_is_no_number_fails(tiny: Network) -> None:
    def damage(norm: Any) -> None:
        norm.weight.data[0] = torch.nan

    assert failed(selftest(changed(tiny, "layer4.0.bn3", damage)))
    assert not Check("hooks", float("nan"), 1e-4, "4/0/5").passed
