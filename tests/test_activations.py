from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor
from torch.nn import BatchNorm2d
from torch.nn import functional as F

from extract.activations import BATCH, LENGTH, Branches, examples, respond, taps
from extract.errors import UnknownUnit
from extract.probes import batches
from extract.schemas import SCHEMAS
from extract.units import Layer
from extract.weights import Network


def sums(network: Network) -> list[Layer]:
    return [layer for layer in network.architecture.layers if layer.role == "sum"]


def images(network: Network, n: int = 5) -> Tensor:
    side = network.architecture.image_size
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def read(network: Network, layers: list[Layer]) -> dict[Layer, Branches]:
    seen: dict[Layer, Branches] = {}
    with torch.no_grad(), taps(network.visual, layers, seen.__setitem__):
        network.visual(images(network))
    return seen


def hooks(network: Network) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.visual.modules())


def test_shortcut_and_conv_branch_add_up_to_the_sum_in_every_block(tiny: Network) -> None:
    seen = read(tiny, sums(tiny))
    assert list(seen) == sums(tiny)
    for layer, branches in seen.items():
        assert torch.equal(branches.shortcut + branches.conv, branches.total), layer
        assert branches.conv.abs().max() > 0.01
        assert not torch.equal(branches.conv, branches.output)
        channels, grid = tiny.architecture.channels(layer), tiny.architecture.grid(layer)
        assert branches.total.shape == (5, channels, grid, grid)


def test_the_shortcut_is_the_previous_blocks_output(tiny: Network) -> None:
    seen = read(tiny, sums(tiny))
    for layer in (Layer(1, 1, 6), Layer(4, 1, 6), Layer(4, 2, 6)):
        before = seen[tiny.architecture.shortcut(layer)]
        assert torch.equal(seen[layer].shortcut, before.output)
        assert torch.equal(seen[layer].raw_shortcut, before.output)


def test_raw_maps_become_the_branches_through_their_batch_norms(tiny: Network) -> None:
    for layer, branches in read(tiny, sums(tiny)).items():
        block = tiny.visual.get_submodule(f"layer{layer.stage}.{layer.block}")
        torch.testing.assert_close(block.get_submodule("bn3")(branches.raw_conv), branches.conv)
        if layer.block == 0:
            torch.testing.assert_close(block.get_submodule("downsample.1")(branches.raw_shortcut), branches.shortcut)


def test_a_hook_that_does_not_clone_breaks_the_sum(tiny: Network) -> None:
    """What the taps are for: open_clip writes the block's output into the tensor that bn3 returned."""
    kept: list[Tensor] = []
    handle = tiny.visual.get_submodule("layer4.2.bn3").register_forward_hook(lambda m, i, output: kept.append(output))
    branches = read(tiny, [Layer(4, 2, 6)])[Layer(4, 2, 6)]
    handle.remove()
    assert not torch.equal(branches.shortcut + kept[0], branches.total)
    assert torch.equal(kept[0], branches.output)


def test_taps_change_nothing_and_leave_no_hook_behind(tiny: Network) -> None:
    with torch.no_grad():
        before = tiny.visual(images(tiny))
        with taps(tiny.visual, sums(tiny), lambda layer, branches: None):
            assert hooks(tiny) > 0
            during = tiny.visual(images(tiny))
    assert hooks(tiny) == 0
    assert torch.equal(before, during)


def test_taps_are_removed_after_an_error(tiny: Network) -> None:
    def stop(layer: Layer, branches: Branches) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), torch.no_grad(), taps(tiny.visual, sums(tiny), stop):
        tiny.visual(images(tiny))
    assert hooks(tiny) == 0


def test_a_layer_that_is_no_sum_is_refused_and_leaves_no_hook(tiny: Network) -> None:
    with (
        pytest.raises(UnknownUnit, match=r"the block's sum, 4/1/6"),
        taps(tiny.visual, [Layer(4, 2, 6), Layer(4, 1, 5)], lambda *_: None),
    ):
        pass
    assert hooks(tiny) == 0


def last_block(network: Network, pixels: Tensor) -> tuple[Tensor, ...]:
    """The last block's shortcut, conv branch and sum, and raw conv3, written out without hooks."""
    visual: Any = network.visual
    block = visual.layer4[2]

    def norm(maps: Tensor, bn: BatchNorm2d) -> Tensor:
        mean, variance, gamma, beta = (
            t[:, None, None] for t in (bn.running_mean, bn.running_var, bn.weight, bn.bias) if t is not None
        )
        return (maps - mean) / (variance + bn.eps).sqrt() * gamma + beta

    shortcut = visual.layer4[:2](visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels)))))
    inner = norm(F.conv2d(shortcut, block.conv1.weight), block.bn1).clamp(min=0)
    inner = norm(F.conv2d(inner, block.conv2.weight, padding=1), block.bn2).clamp(min=0)
    raw = F.conv2d(inner, block.conv3.weight)
    conv = norm(raw, block.bn3)
    return shortcut, conv, shortcut + conv, raw


def test_responses_equal_a_recomputation_without_hooks(tiny: Network, noise: pa.Table) -> None:
    layer = Layer(4, 2, 6)
    assert noise.num_rows > BATCH  # several batches, and the last a short one
    assert noise.num_rows % BATCH
    embeddings, answers = respond(tiny, noise, [layer], progress=False)
    with torch.no_grad():
        pixels = torch.cat(list(batches(noise, tiny.preprocess, size=77)))
        shortcut, conv, total, raw = (maps.double().numpy() for maps in last_block(tiny, pixels))
        wanted = F.normalize(tiny.visual(pixels), dim=1).numpy()
    found = answers[layer]
    expected = {
        "shortcut": shortcut.mean((2, 3)),
        "conv": conv.mean((2, 3)),
        "output": np.maximum(total, 0).mean((2, 3)),
        "passed": np.where(total > 0, shortcut, 0).mean((2, 3)),
        "open": (total > 0).mean((2, 3)),
        "norm_shortcut": np.sqrt((shortcut**2).sum((2, 3))),
        "norm_conv": np.sqrt((raw**2).sum((2, 3))),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(embeddings, wanted, atol=1e-5)


def test_examples_are_the_strongest_discovery_probes_with_their_z() -> None:
    values = np.random.default_rng(0).normal(3, 2, (200, 4)).astype(np.float32)
    held_out = np.arange(200) % 3 == 0
    found = examples(values, held_out)
    for channel in range(4):
        column = values[:, channel].astype(float)
        order = [n for n in (-column).argsort().tolist() if not held_out[n]][:LENGTH]
        assert found.probes[:, channel].tolist() == order
        np.testing.assert_allclose(found.z[:, channel], (column[order] - column.mean()) / column.std())
        assert np.flatnonzero(found.members[:, channel]).tolist() == sorted(order)


def test_a_unit_that_answers_to_three_probes_has_three_examples() -> None:
    values = np.zeros((100, 1), np.float32)
    values[[5, 50, 70], 0] = [1, 3, 2]
    found = examples(values, np.zeros(100, bool))
    assert found.probes[found.valid].tolist() == [50, 70, 5]


def test_a_constant_unit_has_no_examples_though_rounding_stirs_it() -> None:
    values = np.float32(0.7) + np.random.default_rng(0).choice([0, 6e-8], (100, 1)).astype(np.float32)
    assert len(np.unique(values)) == 2
    assert not examples(values, np.zeros(100, bool)).valid.any()


def test_fewer_probes_than_a_list_is_long_are_no_error() -> None:
    found = examples(np.array([[1.0], [2.0], [6.0]], np.float32), np.array([False, False, True]))
    assert not found.valid.any()  # the only one above the mean is held out


def test_the_table_of_examples_follows_its_schema() -> None:
    values = np.array([[0, 5], [9, 0], [8, 0]], np.float32)
    table = examples(values, np.zeros(3, bool)).table(Layer(4, 2, 6), "conv", np.array(["a", "b", "c"]))
    assert table.schema.equals(SCHEMAS["examples"])
    rows = [(row["channel"], row["rank"], row["probe"], row["value"]) for row in table.to_pylist()]
    assert rows == [(0, 1, "b", 9.0), (0, 2, "c", 8.0), (1, 1, "a", 5.0)]
