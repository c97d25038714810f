"""The claims about OpenAI's RN50 on random weights of its shape, and on weights that are made to give them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from catalog.article.checks.weights import published_kernels
from catalog.article.claims import Claim, claims
from catalog.article.measurements import Measurements
from catalog.article.reproduction import decide
from extract.article.network_measures import NetworkMeasures
from extract.network.network import Network
from extract.network.weights import load_network

CLAIMS = {claim.name: claim for claim in claims()}
GOLDEN = [claim for claim in claims() if claim.needs == ("RN50",)]
PLANTED = ["G1, order", "G1, means", "G2, order", "G2, means", "G10", "inputs of the cap's conv branch"]


@pytest.fixture(scope="module")
def rn50() -> Network:
    """RN50 at random weights; no test changes it."""
    return load_network("RN50", seed=0)


@pytest.fixture(scope="module")
def planted(rn50: Network) -> Network:
    """The same with the weights that G1, G2 and G10 ask for."""
    network = replace(rn50, clip=deepcopy(rn50.clip))
    _plant_means(network, "layer4.2", 2, CLAIMS["G1, means"].numbers["means"], pool=1, rest=0.003)
    _plant_means(network, "layer4.0", 16, _second_means(), pool=2, rest=0.02)
    kernels = torch.tensor(published_kernels()["high-low"]["contrastive_rn50"])  # (inputs, outputs, 3, 3)
    block: Any = network.visual.get_submodule("layer2.1")
    with torch.no_grad():
        for output, kernel in zip((28, 83, 105, 4), kernels.transpose(0, 1), strict=True):
            sign = block.bn2.weight[output].sign()
            block.conv2.weight[output, [7, 90]] = sign * 0.1 * kernel
    return network


@pytest.fixture
def golden(planted: Network) -> Iterator[Network]:
    """The same, whose planted blocks a test may change."""
    blocks = [planted.visual.get_submodule(name) for name in ("layer4.2", "layer4.0", "layer2.1")]
    states = [deepcopy(block.state_dict()) for block in blocks]
    yield planted
    for block, state in zip(blocks, states, strict=True):
        block.load_state_dict(state)


def _second_means() -> dict[str, float]:
    """Those published, and for units whose mean is not known one that fits their place."""
    between = {"345": 0.0305, "269": 0.0300, "182": 0.0295, "498": 0.0290, "245": 0.0285, "433": -0.0307}
    published: dict[str, float] = CLAIMS["G2, means"].numbers["means"]
    return published | between


@torch.no_grad()
def _plant_means(network: Network, name: str, unit: int, means: dict[str, float], pool: int, rest: float) -> None:
    """Set conv3's weights so that the authors' means into a unit are these, and all others within `rest` of zero."""
    block: Any = network.visual.get_submodule(name)
    scale = block.bn2.weight / (block.bn2.running_var + block.bn2.eps).sqrt()
    weights = rest * torch.from_numpy(np.random.default_rng(1).uniform(-0.9, 0.9, len(scale))).float()
    for channel, mean in means.items():
        weights[int(channel)] = mean
    block.conv3.weight[unit, :, 0, 0] = weights * pool**2 / scale


def verdict(network: Network, claim: Claim) -> str:
    return decide(claim, Measurements(NetworkMeasures(network))).verdict


@pytest.mark.parametrize("claim", GOLDEN, ids=lambda claim: claim.name)
def test_random_weights_pass_no_golden_number(rn50: Network, claim: Claim) -> None:
    assert verdict(rn50, claim) == "deviation"


@pytest.mark.parametrize("name", PLANTED)
def test_weights_that_are_made_to_give_a_golden_number_pass(golden: Network, name: str) -> None:
    assert verdict(golden, CLAIMS[name]) == "pass"


@pytest.mark.parametrize(("block", "one", "other", "deviating"), [
    ("layer4.2", 325, 46, ["G1, order", "G1, means"]),
    ("layer4.2", 3, 100, ["G1, order", "G1, means", "inputs of the cap's conv branch"]),
    ("layer4.0", 22, 300, ["G2, order", "G2, means"]),
    ("layer4.0", 440, 184, ["G2, order", "G2, means"]),
])  # fmt: skip
def test_two_channels_that_change_places_are_noticed(
    golden: Network, block: str, one: int, other: int, deviating: list[str]
) -> None:
    module: Any = golden.visual.get_submodule(block)
    scale = module.bn2.weight / (module.bn2.running_var + module.bn2.eps).sqrt()
    with torch.no_grad():
        own = module.conv3.weight[:, [other, one]] * (scale[[other, one]] / scale[[one, other]])[:, None, None]
        module.conv3.weight[:, [one, other]] = own
    assert [verdict(golden, CLAIMS[name]) for name in deviating] == ["deviation"] * len(deviating)


@pytest.mark.parametrize("output", [28, 83, 105, 4])
@pytest.mark.parametrize("change", ["flip", "transpose", "sign"])
def test_one_kernel_that_is_flipped_transposed_or_of_the_other_sign_is_noticed(
    golden: Network, output: int, change: str
) -> None:
    block: Any = golden.visual.get_submodule("layer2.1")
    with torch.no_grad():
        kernel = block.conv2.weight[output, 7].clone()
        changed = {"flip": kernel.flip(0, 1), "transpose": kernel.T, "sign": -kernel}[change]
        block.conv2.weight[output, 7] = changed
    assert verdict(golden, CLAIMS["G10"]) == "deviation"


def test_two_outputs_that_change_places_are_noticed(golden: Network) -> None:
    block: Any = golden.visual.get_submodule("layer2.1")
    with torch.no_grad():
        block.conv2.weight[[28, 83]] = block.conv2.weight[[83, 28]].clone()
    assert verdict(golden, CLAIMS["G10"]) == "deviation"


def test_the_units_of_rn50_are_not_looked_for_in_a_network_of_another_shape(tiny: Network) -> None:
    outcome = decide(CLAIMS["G10"], Measurements(NetworkMeasures(tiny)))
    assert outcome.verdict == "cannot run"
    assert "RN50's shape" in outcome.finding
