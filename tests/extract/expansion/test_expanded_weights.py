"""Expanded weights against plain autograd on open_clip's own module, its ReLUs replaced by the identity."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from extract.errors import NoPath, UnknownUnit
from extract.expansion.expanded_weights import expanded_weights, sweep, sweep_together
from extract.expansion.plan import plan
from extract.folder.kernel_support import Support, sources, support
from extract.network.network import Network
from extract.network.parts import scale
from extract.network.weights import load_network
from extract.units import Architecture, Layer, Unit

SHAPES = {  # blocks, width, image size
    "demo": ([2, 2, 2, 3], 16, 96),  # grids 24, 12, 6, 3
    "odd": ([1, 2, 1, 2], 8, 288),  # RN50x4's grids 72, 36, 18, 9
    "point": ([2, 1, 2, 2], 8, 32),  # grids 8, 4, 2, 1
    "RN50": ([3, 4, 6, 3], 64, 224),
}
TEXT = {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Network]:
    """Networks of those shapes with random weights and uneven batch norms, in float64; each is built once."""
    folder, built = tmp_path_factory.mktemp("networks"), dict[str, Network]()

    def build(name: str) -> Network:
        if name not in built:
            blocks, width, image_size = SHAPES[name]
            vision = {"layers": blocks, "width": width, "image_size": image_size}
            path: Path = folder / f"{name}.json"
            path.write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT}))
            single = load_network(str(path), seed=1)
            built[name] = replace(single, clip=single.clip.double())
        return built[name]

    return build


class Autograd:
    """One forward pass, of which every layer's tensor is kept."""

    def __init__(self, network: Network) -> None:
        visual = deepcopy(network.visual)
        for module in list(visual.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.Identity())
        self.maps: dict[Layer, Tensor] = {}
        for layer in network.architecture.layers:
            module = visual.get_submodule(layer.module)
            if layer.role == "sum":
                module.register_forward_pre_hook(self._keep_input(layer))
            else:
                module.register_forward_hook(self._keep_output(layer))
        side = network.architecture.image_size
        visual(torch.zeros(1, 3, side, side, dtype=torch.float64, requires_grad=True))

    def _keep_input(self, layer: Layer) -> Callable[[nn.Module, tuple[Tensor]], None]:
        return lambda _, inputs: self.maps.update({layer: inputs[0]})

    def _keep_output(self, layer: Layer) -> Callable[[nn.Module, tuple[Tensor], Tensor], Tensor]:
        def keep(_: nn.Module, __: tuple[Tensor], output: Tensor) -> Tensor:
            self.maps[layer] = output
            return output.clone()  # what follows overwrites in place

        return keep

    def kernels(self, target: Unit, below: Sequence[Layer]) -> list[Tensor]:
        """For each source layer the whole maps (channels, grid, grid), zeros included."""
        image = self.maps[target.layer]
        centre = (image.shape[-1] - 1) // 2
        unit = image[0, target.channel, centre, centre]
        tensors = [self.maps[layer] for layer in below]
        return [kernel[0] for kernel in torch.autograd.grad(unit, tensors, retain_graph=True)]


@pytest.fixture(scope="module")
def autograd(network: Callable[[str], Network]) -> Callable[[str], Autograd]:
    built = dict[str, Autograd]()

    def build(name: str) -> Autograd:
        if name not in built:
            built[name] = Autograd(network(name))
        return built[name]

    return build


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


def _cropped(kernel: Tensor, where: Support) -> Tensor:
    return kernel[..., where.rows, where.columns]


def _targets(architecture: Architecture) -> list[Layer]:
    return [layer for layer in architecture.layers if sources(architecture, layer)]


def _random_pair(random: np.random.Generator, architecture: Architecture) -> tuple[Unit, Unit]:
    targets = _targets(architecture)
    target = targets[random.integers(len(targets))]
    below = sources(architecture, target)
    source = below[random.integers(len(below))]
    first, second = (Unit(end, int(random.integers(architecture.channels(end)))) for end in (target, source))
    return first, second


@pytest.mark.parametrize("name", ["demo", "odd", "point"])
def test_every_layer_pair_has_autograds_magnitude_sum_and_support(
    name: str, network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, reference, random = network(name), autograd(name), np.random.default_rng(0)
    for target in _targets(net.architecture):
        channel = int(random.integers(net.architecture.channels(target)))
        below = sources(net.architecture, target)
        ((batch, weights),) = sweep(net, target, range(channel, channel + 1))
        assert batch == range(channel, channel + 1)
        assert tuple(weights) == below
        for source, kernel in zip(below, reference.kernels(Unit(target, channel), below), strict=True):
            assert _error(weights[source].magnitude[0], kernel.flatten(1).norm(dim=1)) < 1e-9, (source, target)
            assert (weights[source].sum[0] - kernel.sum((1, 2))).norm() < 1e-9 * kernel.norm(), (source, target)
            where = support(net.architecture, source, target)
            non_zero = (kernel != 0).all(0)
            assert _cropped(non_zero, where).all(), (source, target)
            assert int((kernel != 0).any(0).sum()) == where.span, (source, target)


@pytest.mark.parametrize("name", ["demo", "odd", "point"])
def test_sums_that_are_added_up_from_their_branches_have_autograds_magnitude_and_sum(
    name: str, network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, reference, random = network(name), autograd(name), np.random.default_rng(1)
    architecture, every = net.architecture, _targets(net.architecture)
    partly = [layer for layer in every if str(layer) not in ("4/0/7", "2/0/5")]  # 4/0/8 is swept, its successor not
    for group in {shard.targets for targets in (every, partly) for shard in plan(architecture, targets, 2**40)}:
        channel = int(random.integers(architecture.channels(group[0])))
        ((_, weights),) = sweep_together(net, group, range(channel, channel + 1), units=3, memory=2**14)
        assert tuple(weights) == group
        for target in group:
            below = sources(architecture, target)
            assert tuple(weights[target]) == below
            for source, kernel in zip(below, reference.kernels(Unit(target, channel), below), strict=True):
                assert _error(weights[target][source].magnitude[0], kernel.flatten(1).norm(dim=1)) < 1e-9
                assert (weights[target][source].sum[0] - kernel.sum((1, 2))).norm() < 1e-9 * kernel.norm()


def test_in_float32_every_pair_of_every_layer_is_within_a_hundred_thousandth_of_usual_kernels(
    network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, reference = network("point"), autograd("point")
    architecture, single = net.architecture, replace(net, clip=deepcopy(net.clip).float())
    for shard in plan(architecture, _targets(architecture), 2**40):
        (few,) = {architecture.channels(target) for target in shard.targets}
        batches = sweep_together(single, shard.targets, range(0, few, few // 4))
        for channels, weights in batches:
            for target in shard.targets:
                below = sources(architecture, target)
                for n, channel in enumerate(channels):
                    for source, kernel in zip(below, reference.kernels(Unit(target, channel), below), strict=True):
                        magnitude = kernel.flatten(1).norm(dim=1)  # (source channels,)
                        error = (weights[target][source].magnitude[n] - magnitude).abs()
                        usual = magnitude.square().mean().sqrt()  # one number may cancel to nearly nothing
                        assert error.max() < 1e-5 * usual, (source, target, channel)


def test_every_source_below_and_no_other_is_listed(
    network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    architecture, reference = network("demo").architecture, autograd("demo")
    kept = [layer for layer in architecture.layers if layer.role in ("bn1", "bn2", "sum")]
    for target in architecture.layers:
        unit = reference.maps[target][0, 0, 0, 0]
        grads = torch.autograd.grad(unit, [reference.maps[k] for k in kept], retain_graph=True, allow_unused=True)
        reached = {layer for layer, grad in zip(kept, grads, strict=True) if grad is not None} - {target}
        found = sources(architecture, target)
        assert set(found) == reached
        assert list(found) == sorted(found, key=architecture.layers.index, reverse=True)


def test_random_unit_pairs_agree_with_autograd(
    network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, reference, random = network("demo"), autograd("demo"), np.random.default_rng(2)
    single = replace(net, clip=deepcopy(net.clip).float())
    for pair in range(200):
        target, source = _random_pair(random, net.architecture)
        lower, upper = source.layer, target.layer
        expected = reference.kernels(target, [lower])[0][source.channel]
        expected = _cropped(expected, support(net.architecture, lower, upper))
        assert _error(expanded_weights(net, source, target), expected) < 1e-9, (source, target)
        if pair % 5 == 0:
            assert _error(expanded_weights(single, source, target), expected) < 1e-4, (source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("4/2/1", "4/2/3"), ("4/2/3", "4/2/5"), ("4/1/6", "4/2/1"), ("3/1/6", "4/0/7"), ("3/0/7", "3/1/5"),
        ("3/1/3", "4/0/3"), ("4/0/3", "4/0/8"), ("3/0/1", "4/1/6"), ("1/0/8", "2/0/3"), ("4/2/5", "4/2/6"),
    ],
)  # fmt: skip
def test_layer_pairs_agree_with_autograd(
    source: str, target: str, network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, lower, upper = network("demo"), Layer.parse(source), Layer.parse(target)
    kernels = expanded_weights(net, lower, upper)
    where = support(net.architecture, lower, upper)
    channels = net.architecture.channels(upper), net.architecture.channels(lower)
    assert kernels.shape == (*channels, where.rows.stop - where.rows.start, where.columns.stop - where.columns.start)
    for channel in range(0, len(kernels), 37):
        expected = autograd("demo").kernels(Unit(upper, channel), [lower])[0]
        assert _error(kernels[channel], _cropped(expected, where)) < 1e-9
        alone = expanded_weights(net, lower, Unit(upper, channel))
        assert _error(alone, kernels[channel]) < 1e-12  # a batch may be added up in another order


def test_rn50s_final_conv_branch_agrees_with_autograd(
    network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, target = network("RN50"), Unit.parse("4/2/5/34")
    below = sources(net.architecture, target.layer)
    assert len(below) == 47
    single = replace(net, clip=deepcopy(net.clip).float())
    ((_, exact),) = sweep(net, target.layer, range(34, 35))
    ((_, rounded),) = sweep(single, target.layer, range(34, 35))
    for source, kernel in zip(below, autograd("RN50").kernels(target, below), strict=True):
        magnitude, total = kernel.flatten(1).norm(dim=1), kernel.sum((1, 2))
        assert _error(exact[source].magnitude[0], magnitude) < 1e-9
        assert (exact[source].sum[0] - total).norm() < 1e-9 * kernel.norm()
        assert _error(rounded[source].magnitude[0], magnitude) < 1e-4
        assert rounded[source].magnitude.dtype == torch.float32
        assert int((kernel != 0).any(0).sum()) == support(net.architecture, source, target.layer).span


def test_neighbours_have_their_closed_forms(network: Callable[[str], Network]) -> None:
    net = network("demo")
    for path in ("layer4.2", "layer1.0", "layer3.0"):
        block, layer = net.visual.get_submodule(path), f"{path[5]}/{path[7]}"
        w1, w2, w3 = (block.get_parameter(f"conv{i}.weight") for i in (1, 2, 3))
        s1, s2, s3 = (scale(block.get_submodule(f"bn{i}")) for i in (1, 2, 3))
        pooled = 2 if path == "layer3.0" else 1
        one, two, conv = (Layer.parse(f"{layer}/{index}") for index in (1, 3, 5))
        spread = (s3[:, None] * w3[:, :, 0, 0] / pooled**2)[:, :, None, None].expand(-1, -1, pooled, pooled)
        torch.testing.assert_close(expanded_weights(net, two, conv), spread, rtol=1e-12, atol=0)
        torch.testing.assert_close(expanded_weights(net, one, two), w2 * s2[:, None, None, None], rtol=1e-12, atol=0)
        below = net.architecture.block_input(one)
        if below is not None:
            first = w1 * s1[:, None, None, None]
            torch.testing.assert_close(expanded_weights(net, below, one), first, rtol=1e-12, atol=0)
        if pooled == 1:
            branch = torch.einsum("u,uk,k,kcij->ucij", s3, w3[:, :, 0, 0], s2, w2)
            torch.testing.assert_close(expanded_weights(net, one, conv), branch, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("total", "shortcut"), [("4/2/6", "4/1/6"), ("4/0/8", "4/0/7"), ("2/1/6", "2/0/8")])
def test_conv_branch_and_shortcut_add_up_to_the_sum(
    total: str, shortcut: str, network: Callable[[str], Network]
) -> None:
    net, target = network("demo"), Layer.parse(total)
    conv = Layer(target.stage, target.block, 5)
    for source in (Layer(1, 1, 3), Layer(target.stage - 1, 0, 8)):
        grid = net.architecture.grid(source)
        parts = []
        for upper in (target, conv, Layer.parse(shortcut)):
            where = support(net.architecture, source, upper)
            image = torch.zeros(3, net.architecture.channels(source), grid, grid, dtype=torch.float64)
            image[..., where.rows, where.columns] = torch.stack(
                [expanded_weights(net, source, Unit(upper, channel)) for channel in range(3)]
            )
            parts.append(image)
        torch.testing.assert_close(parts[1] + parts[2], parts[0], rtol=1e-9, atol=1e-12)


def test_a_conv_branch_as_source_equals_its_blocks_output(
    network: Callable[[str], Network], autograd: Callable[[str], Autograd]
) -> None:
    net, target = network("demo"), Unit.parse("4/2/5/3")
    for conv, output in (("3/1/5", "3/1/6"), ("3/0/5", "3/0/8"), ("3/0/7", "3/0/8")):
        kernel = expanded_weights(net, Layer.parse(conv), target)
        assert torch.equal(kernel, expanded_weights(net, Layer.parse(output), target))
        where = support(net.architecture, Layer.parse(conv), target.layer)
        assert _error(kernel, _cropped(autograd("demo").kernels(target, [Layer.parse(conv)])[0], where)) < 1e-9
    chosen = [Layer.parse("3/1/5"), Layer.parse("3/1/6")]
    ((_, weights),) = sweep(net, target.layer, range(3, 4), chosen)
    assert torch.equal(weights[chosen[0]].magnitude, weights[chosen[1]].magnitude)


def test_branches_enter_their_own_sum_with_weight_one(network: Callable[[str], Network]) -> None:
    net = network("demo")
    for branch, total in (("4/2/5", "4/2/6"), ("4/0/7", "4/0/8")):
        kernels = expanded_weights(net, Layer.parse(branch), Layer.parse(total))  # (units, units, 1, 1)
        assert torch.equal(kernels[:, :, 0, 0], torch.eye(len(kernels), dtype=torch.float64))


def test_the_border_cuts_what_a_larger_map_would_hold() -> None:
    small, large = (Architecture((2, 2, 2, 3), 16, size) for size in (96, 96 * 16))
    seen = set()
    for target in _targets(small):
        for source in sources(small, target):
            here, there = support(small, source, target), support(large, source, target)
            assert not there.cut
            assert here.cut == (here.span < there.span)
            seen.add(here.cut)
    assert seen == {True, False}


def test_a_sweep_goes_through_the_channels_in_batches(network: Callable[[str], Network]) -> None:
    net, target = network("demo"), Layer.parse("4/1/5")
    chosen = [Layer.parse("4/0/8"), Layer.parse("1/1/3")]
    ((_, whole),) = sweep(net, target, range(10, 17), units=7)
    assert tuple(whole) == sources(net.architecture, target)
    swept = list(sweep(net, target, range(10, 17), chosen, units=3, memory=1))
    assert [batch for batch, _ in swept] == [range(10, 13), range(13, 16), range(16, 17)]
    for source in chosen:
        assert [tuple(weights) for _, weights in swept] == [tuple(chosen)] * 3
        magnitude = torch.cat([weights[source].magnitude for _, weights in swept])
        total = torch.cat([weights[source].sum for _, weights in swept])
        assert magnitude.shape == (7, net.architecture.channels(source))
        torch.testing.assert_close(magnitude, whole[source].magnitude, rtol=1e-12, atol=0)
        torch.testing.assert_close(total, whole[source].sum, rtol=1e-9, atol=1e-12)


def test_bfloat16_stays_within_a_few_percent(network: Callable[[str], Network]) -> None:
    net, target = network("demo"), Layer.parse("4/2/5")
    ((_, exact),) = sweep(net, target, range(4))
    ((_, rounded),) = sweep(net, target, range(4), dtype=torch.bfloat16)
    for source, weights in rounded.items():
        assert weights.magnitude.dtype == torch.float32
        assert 0 < _error(weights.magnitude, exact[source].magnitude) < 0.03
    assert expanded_weights(net, Layer.parse("4/2/3"), target, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_neither_gradients_nor_settings_leak(network: Callable[[str], Network]) -> None:
    net = network("demo")
    before = torch.backends.cudnn.allow_tf32
    for _, weights in sweep(net, Layer.parse("1/1/5"), range(2), units=1):
        assert torch.is_grad_enabled()
        assert torch.backends.cudnn.allow_tf32 == before
        assert not any(found.magnitude.requires_grad for found in weights.values())


def test_what_lies_above_or_does_not_exist_is_refused(network: Callable[[str], Network]) -> None:
    net = network("demo")
    for source, target in (("4/2/5", "4/2/3"), ("4/0/3", "4/0/7"), ("4/2/6", "4/1/6"), ("4/0/7", "4/0/5")):
        with pytest.raises(NoPath, match=f"from {source} to {target}"):
            expanded_weights(net, Layer.parse(source), Layer.parse(target))
    with pytest.raises(UnknownUnit, match="4/2/5/512"):
        expanded_weights(net, Layer.parse("4/1/6"), Unit.parse("4/2/5/512"))
    with pytest.raises(UnknownUnit, match="4/2/5/512"):
        next(sweep(net, Layer.parse("4/2/5"), range(510, 513)))
    with pytest.raises(UnknownUnit, match="4/3/5"):
        sources(net.architecture, Layer.parse("4/3/5"))
    assert sources(net.architecture, Layer.parse("1/0/1")) == ()
    assert next(sweep(net, Layer.parse("1/0/1"), range(2))) == (range(2), {})
