import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from extract.errors import UnknownUnit
from extract.network.hooks import LayerActivations, peak, watch_activations, watch_relu_means
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes import table as probes
from extract.units import Layer
from tests.builders.last_block import last_block


def sums(network: Network) -> list[Layer]:
    return [layer for layer in network.architecture.layers if layer.role == "sum"]


def images(network: Network, n: int = 5) -> Tensor:
    side = network.architecture.image_size
    pixels = torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))
    return pixels.contiguous(memory_format=torch.channels_last)


def read(network: Network, layers: list[Layer], pixels: Tensor) -> dict[str, Tensor]:
    """What is seen of the layers, by name."""
    seen: dict[Layer, LayerActivations] = {}
    with torch.no_grad(), watch_activations(network.visual, layers, seen.__setitem__):
        network.visual(pixels)
    names = {f"{layer} {name}": values for layer, each in seen.items() for name, values in vars(each).items()}
    terms = {f"{layer} {name}": v for layer, each in seen.items() if each.terms for name, v in vars(each.terms).items()}
    return names | terms


def hooks(network: Network) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.visual.modules())


def norm(maps: Tensor) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(maps.double().flatten(2).numpy(), axis=2)
    return lengths


def test_what_is_seen_equals_a_recomputation_without_hooks(tiny: Network, noise: pa.Table) -> None:
    total_layer = Layer(4, 2, 6)
    places = tiny.architecture.branches(total_layer)
    with torch.no_grad():
        pixels = torch.cat(list(stack(probes.images(noise), tiny.preprocess, 77)))
        shortcut, conv, total, raw = last_block(tiny, pixels)
    seen = read(tiny, sorted(places.values()), pixels.contiguous(memory_format=torch.channels_last))
    positive = total > 0
    expected = {
        "4/2/6 value": total.clamp(min=0).mean((2, 3)),
        "4/1/6 value": shortcut.mean((2, 3)),
        "4/2/5 value": conv.mean((2, 3)),
        "4/2/6 gated_shortcut": torch.where(positive, shortcut, 0).mean((2, 3)),
        "4/2/6 active_fraction": positive.float().mean((2, 3)),
        "4/2/6 published_share": norm(shortcut) / (norm(shortcut) + norm(raw)),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(seen[name], values, atol=2e-5, err_msg=name)
    best = np.take_along_axis(conv.flatten(2).numpy(), seen["4/2/5 peak"].numpy()[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(best, conv.amax((2, 3)), atol=2e-5)


def test_a_first_blocks_published_share_is_of_raw_convolutions(tiny: Network) -> None:
    kept: dict[str, Tensor] = {}
    block = tiny.visual.get_submodule("layer4.0")
    handles = [
        block.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: kept.update({name: o.clone()}))
        for name in ("conv3", "downsample.0")
    ]
    seen = read(tiny, [Layer(4, 0, 8)], images(tiny))
    for handle in handles:
        handle.remove()
    over, conv = norm(kept["downsample.0"]), norm(kept["conv3"])
    np.testing.assert_allclose(seen["4/0/8 published_share"], over / (over + conv), rtol=1e-5)


def test_a_unit_of_any_layer_can_be_watched(tiny: Network) -> None:
    for layer in tiny.architecture.layers:
        seen = read(tiny, [layer], images(tiny))
        assert seen[f"{layer} value"].shape == (5, tiny.architecture.channels(layer))
        assert int(seen[f"{layer} peak"].max()) < tiny.architecture.grid(layer) ** 2


def test_what_inner_layers_pass_on_is_their_value_after_the_relu(tiny: Network) -> None:
    layers = [layer for layer in tiny.architecture.layers if layer.role in ("bn1", "bn2")]
    expected, seen = dict[Layer, np.ndarray](), dict[Layer, Tensor]()
    handles = [
        tiny.visual.get_submodule(layer.module).register_forward_hook(
            lambda _, inputs, maps, layer=layer: expected.update({layer: np.maximum(maps.numpy(), 0).mean((2, 3))})
        )
        for layer in layers
    ]
    with torch.no_grad(), watch_relu_means(tiny.visual, layers, seen.__setitem__):
        tiny.visual(images(tiny))
    values_of = read(tiny, layers, images(tiny))
    for handle in handles:
        handle.remove()
    assert seen.keys() == expected.keys()
    for layer, values in seen.items():
        np.testing.assert_allclose(values, expected[layer], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(values_of[f"{layer} value"], expected[layer], rtol=1e-5, atol=1e-7)
    assert hooks(tiny) == 0


@pytest.mark.parametrize("side", [1, 2, 7, 56])
def test_the_peak_is_the_first_of_the_highest_positions(side: int) -> None:
    generator = torch.Generator().manual_seed(side)
    for maps in (
        torch.randn(3, 5, side, side, generator=generator),
        torch.randint(-2, 2, (3, 5, side, side), generator=generator).float(),
        torch.zeros(3, 5, side, side),
    ):
        assert torch.equal(peak(maps), maps.flatten(2).argmax(2))


def test_watching_changes_nothing_and_leaves_no_hook_behind(tiny: Network) -> None:
    with torch.no_grad():
        before = tiny.visual(images(tiny))
        with watch_activations(tiny.visual, tiny.architecture.layers, lambda layer, values: None):
            assert hooks(tiny) > 0
            during = tiny.visual(images(tiny))
    assert hooks(tiny) == 0
    assert torch.equal(before, during)


def test_hooks_are_removed_after_an_error(tiny: Network) -> None:
    def stop(layer: Layer, values: LayerActivations) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), torch.no_grad(), watch_activations(tiny.visual, sums(tiny), stop):
        tiny.visual(images(tiny))
    assert hooks(tiny) == 0


def test_only_a_sum_has_branches(tiny: Network) -> None:
    assert [str(layer) for layer in tiny.architecture.branches(Layer(4, 0, 8)).values()] == ["4/0/8", "4/0/7", "4/0/5"]
    with pytest.raises(UnknownUnit, match=r"the block's sum, 4/1/6"):
        tiny.architecture.branches(Layer(4, 1, 5))


def test_cutting_and_normalising_give_what_preprocessing_gives(tiny: Network) -> None:
    from PIL import Image

    shown = [Image.effect_noise(size, 60).convert("RGB") for size in ((64, 64), (100, 70), (31, 90))]
    expected = torch.stack([tiny.preprocess(image) for image in shown])
    found = tiny.normalise([tiny.cut(image) for image in shown])
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)
