from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from extract.article.network_measures import NetworkMeasures
from extract.expansion.expanded_weights import expanded_weights
from extract.network.network import Network
from extract.recording.difference import difference
from extract.units import Layer, Unit


def scale(norm: Any) -> np.ndarray:
    return np.asarray((norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double().numpy())


@pytest.mark.parametrize("name", ["4/2/5/7", "4/0/5/16", "1/1/5/3"])
def test_raw_kernels_are_expanded_weights_without_the_batch_norms_of_both_ends(tiny: Network, name: str) -> None:
    unit = Unit.parse(name)
    source = Layer(unit.layer.stage, unit.layer.block, 3)
    block: Any = tiny.visual.get_submodule(f"layer{unit.layer.stage}.{unit.layer.block}")
    ours = expanded_weights(tiny, source, unit).double().numpy()  # (sources, h, w), from bn2 to bn3

    raw = NetworkMeasures(tiny).raw_kernels(unit)
    source_scale, target_scale = scale(block.bn2), scale(block.bn3)[unit.channel]
    np.testing.assert_allclose(raw, ours * source_scale[:, None, None] / target_scale, rtol=1e-4, atol=1e-8)
    assert raw.shape[1:] == ((2, 2) if unit.layer == Layer(4, 0, 5) else (1, 1))


def test_kernels_have_the_sign_of_their_batch_norm(tiny: Network) -> None:
    network = replace(tiny, clip=deepcopy(tiny.clip))
    block: Any = network.visual.get_submodule("layer2.0")
    with torch.no_grad():
        block.bn2.weight[3] = -0.5
        block.bn2.weight[5] = 0.5
    found = NetworkMeasures(network).signed_kernels(Layer(2, 0, 3), [3, 5])
    kernels = block.conv2.weight.detach().double().numpy()
    np.testing.assert_array_equal(found, np.stack([-kernels[3], kernels[5]]))


def test_an_offset_is_the_running_mean_in_standard_deviations(tiny: Network) -> None:
    network = replace(tiny, clip=deepcopy(tiny.clip))
    norm: Any = network.visual.get_submodule("layer4.2.bn3")
    with torch.no_grad():
        norm.running_mean[1], norm.running_var[1] = -6.0, 4.0 - norm.eps
    assert NetworkMeasures(network).conv_offsets(Layer(4, 2, 5))[1] == pytest.approx(-3)


def test_means_on_words_are_those_of_the_channel_difference(tiny: Network) -> None:
    layers = [Layer(3, 0, 8), Layer(4, 2, 6)]
    means = NetworkMeasures(tiny).word_means(["cat", "eeeeee"], layers)
    for layer in layers:
        rise = means[layer][0] - means[layer][1]
        np.testing.assert_allclose(rise, difference(tiny, "cat", layer=layer).values, atol=2e-5)


def test_strengths_are_those_of_the_kernels(tiny: Network) -> None:
    target, source = Layer(4, 2, 5), Layer(4, 1, 6)
    magnitude, total = NetworkMeasures(tiny).strengths(target, source, range(3))
    kernels = expanded_weights(tiny, source, Unit(target, 2)).double().numpy()
    np.testing.assert_allclose(magnitude[2], np.sqrt(np.square(kernels).sum((1, 2))), rtol=1e-3)
    np.testing.assert_allclose(total[2], np.abs(kernels.sum((1, 2))), rtol=1e-3, atol=1e-4 * magnitude.max())
    assert magnitude.shape == (3, 256)
