from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from extract.network.attention_pool import Decomposition, decompose
from extract.network.network import Network
from extract.network.weights import load_network


def images(network: Network, n: int = 3) -> Tensor:
    side = network.architecture.image_size
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def branches(network: Network, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The last block's conv branch and shortcut, by calling its modules one by one: (n, c, h, w) each."""
    visual: Any = network.visual
    *before, block = visual.layer4
    with torch.no_grad():
        shortcut = visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels))))
        for other in before:
            shortcut = other(shortcut)
        inner = block.bn2(block.conv2(block.bn1(block.conv1(shortcut)).clamp(min=0))).clamp(min=0)
        return block.bn3(block.conv3(block.avgpool(inner))), shortcut


def tokens(maps: Tensor) -> Tensor:
    """Mean and positions, in the order of torch's attention: (1 + positions, n, c)."""
    flat = maps.flatten(2).permute(2, 0, 1)
    return torch.cat([flat.mean(0, keepdim=True), flat])


def pooled(network: Network, maps: Tensor, value: Tensor) -> Tensor:
    """The embedding by torch's own attention, what it attends to being the maps' and what it carries the value's."""
    pool: Any = network.visual.get_submodule("attnpool")
    query = tokens(maps) + pool.positional_embedding[:, None]
    weights = {f"{name}_proj_weight": getattr(pool, f"{name}_proj").weight for name in "qkv"}
    with torch.no_grad():
        found, _ = F.multi_head_attention_forward(
            query, query, value, query.shape[2], pool.num_heads, None,
            torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]), None, None, False, 0.0,
            pool.c_proj.weight, pool.c_proj.bias, training=False, need_weights=False,
            use_separate_proj_weight=True, **weights,
        )  # fmt: skip
    return found[0]


def apart(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max())


@pytest.fixture(scope="module", params=["tiny", "demo", "RN50"])
def network(request: pytest.FixtureRequest, tiny: Network) -> Network:
    return tiny if request.param == "tiny" else load_network(request.param)


@pytest.fixture(scope="module")
def found(network: Network) -> Decomposition:
    return decompose(network, images(network))


def test_the_terms_add_up_to_the_embedding(network: Network, found: Decomposition) -> None:
    with torch.no_grad():
        expected = network.visual(images(network))
    assert apart(found.embedding, expected) < 1e-5
    assert found.conv.abs().max() > 1e-3
    assert found.shortcut.abs().max() > 1e-3


def test_a_units_terms_are_what_attention_carries_of_its_branches(network: Network, found: Decomposition) -> None:
    conv, shortcut = branches(network, images(network))
    total = (conv + shortcut).clamp(min=0)
    nothing = pooled(network, total, torch.zeros_like(tokens(total)))
    for unit in total.mean((0, 2, 3)).topk(3).indices.tolist():
        for branch, terms in ((conv, found.conv), (shortcut, found.shortcut)):
            alone = torch.zeros_like(total)
            alone[:, unit] = torch.where(total > 0, branch, 0)[:, unit]
            carried = pooled(network, total, tokens(alone)) - nothing
            value, output = found.value[:, :, unit], found.output
            own = torch.einsum("ih,hd,ehd->ie", terms[:, :, unit], value, output)
            torch.testing.assert_close(own, carried, atol=1e-5, rtol=1e-3)


def test_the_rest_is_the_embedding_of_maps_that_carry_nothing(network: Network, found: Decomposition) -> None:
    conv, shortcut = branches(network, images(network))
    total = (conv + shortcut).clamp(min=0)
    places: Any = network.visual.get_submodule("attnpool.positional_embedding".rpartition(".")[0])
    carried = places.positional_embedding[:, None].expand(-1, len(total), -1)
    assert apart(found.rest, pooled(network, total, carried)) < 1e-5


def test_effects_on_texts_add_up_to_the_cosines(network: Network, found: Decomposition) -> None:
    texts = F.normalize(torch.randn(4, found.rest.shape[1], generator=torch.Generator().manual_seed(1)), dim=1)
    with torch.no_grad():
        embedding = network.visual(images(network))
    conv, shortcut = found.effects(texts)
    assert conv.shape == (3, network.architecture.channels(network.architecture.final), 4)
    rest = found.rest @ texts.T / embedding.norm(dim=1, keepdim=True)
    cosines = F.normalize(embedding, dim=1) @ texts.T
    torch.testing.assert_close(conv.sum(1) + shortcut.sum(1) + rest, cosines, atol=1e-5, rtol=0)


def test_directions_towards_texts_are_products_with_the_directions(tiny: Network) -> None:
    found = decompose(tiny, images(tiny))
    texts = torch.randn(5, 16, generator=torch.Generator().manual_seed(1))
    pool: Any = tiny.visual.get_submodule("attnpool")
    whole = found.directions()
    assert whole.shape == (4, 256, 16)
    torch.testing.assert_close(found.directions(texts), whole @ texts.T)
    head = slice(2 * 64, 3 * 64)
    by_hand = (pool.c_proj.weight[:, head] @ pool.v_proj.weight[head]).T
    torch.testing.assert_close(whole[2], by_hand)
    terms = torch.einsum("ihn,hne->ie", found.conv + found.shortcut, whole) + found.rest
    torch.testing.assert_close(terms, found.embedding, atol=1e-5, rtol=1e-4)


def test_decomposing_leaves_no_hook_and_the_network_as_it_was(tiny: Network) -> None:
    with torch.no_grad():
        before = tiny.visual(images(tiny))
        decompose(tiny, images(tiny))
        assert torch.equal(tiny.visual(images(tiny)), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.visual.modules())
