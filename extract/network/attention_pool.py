"""Split an image embedding into an exact sum over the final units, the attention pool's heads, and both branches.

With z the final sum after its ReLU, a^h the attention of head h over its tokens (their mean, and the positions), and
P^h_n the mean of unit n's map weighted by a^h:

    e = sum over n and h of P^h_n(z) W^h_n + rest      W^h_n = c_proj's columns of head h times v_proj's of h and n
    P(z) = P(conv where z > 0) + P(shortcut where z > 0)

The rest comes from biases and the position embedding. With the attention held fixed, a term is the direct effect of a
unit, head and branch. After Gandelsman et al. (ICLR 2024, arXiv 2310.05916), who split the embedding by heads, and
Bu & Gandelsman (2025, arXiv 2509.19943), who split a ResNet's by neurons and heads; the branches are split here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from extract.network.hooks import watch_branches
from extract.network.network import Network


@dataclass(frozen=True)
class Decomposition:
    """What every unit adds to the embedding in every head over either branch, and the rest.

    `conv` and `shortcut` are the units' maps where the sum is positive, pooled by each head's attention: (images,
    heads, units). `attention` is that of every head, over the mean token and the positions: (images, heads, 1 +
    positions). `rest` is (images, E). `value` (heads, d, units) and `output` (E, heads, d) are v_proj and c_proj by
    heads, of d dimensions each. All float32.
    """

    conv: Tensor
    shortcut: Tensor
    rest: Tensor
    attention: Tensor
    value: Tensor
    output: Tensor

    @cached_property
    def embedding(self) -> Tensor:
        """Add up the terms: (images, E), before it is normalised."""
        pooled = torch.einsum("ihn,hdn->ihd", self.conv + self.shortcut, self.value)  # (images, heads, d)
        return torch.einsum("ihd,ehd->ie", pooled, self.output) + self.rest

    def directions(self, texts: Tensor | None = None) -> Tensor:
        """Compute W, the direction that a unit writes in a head: (heads, units, E); that is 268 MB for RN50.

        With `texts` (texts, E), compute its products with them, without making W: (heads, units, texts).
        """
        output = self.output if texts is None else torch.einsum("te,ehd->thd", texts, self.output)
        return torch.einsum("hdn,ehd->hne", self.value, output)

    def effects(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the direct part of every unit in the cosine with every text, over conv and over the shortcut.

        For `texts` of length 1 (texts, E), (images, units, texts) each; the embedding's length is held fixed, and
        times the logit scale these are parts of the logits. With those of `rest` they add up to the cosine.
        """
        towards = self.directions(texts)  # (heads, units, texts)
        length = self.embedding.norm(dim=1)[:, None, None]  # (images, 1, 1)
        conv, shortcut = (torch.einsum("ihn,hnt->int", part, towards) / length for part in (self.conv, self.shortcut))
        return conv, shortcut


@torch.inference_mode()
def decompose(network: Network, pixels: Tensor) -> Decomposition:
    """Decompose the embeddings of images, as `preprocess` makes them: (images, 3, side, side)."""
    pool: Any = network.visual.get_submodule("attnpool")
    maps: dict[str, Tensor] = {}
    with watch_branches(network.visual, network.architecture.final, maps.__setitem__):
        network.visual(pixels)
    conv, shortcut = (maps[name].flatten(2) for name in ("conv", "shortcut"))  # (images, units, positions)
    total = conv + shortcut  # (images, units, positions)
    tokens = _tokens(total.relu()) + pool.positional_embedding.T  # (images, units, 1 + positions)
    attention = _attention(pool, tokens)  # (images, heads, 1 + positions)
    places = torch.einsum("ihp,pn->ihn", attention, pool.positional_embedding)  # (images, heads, units)
    value = pool.v_proj.weight.unflatten(0, (pool.num_heads, -1))  # (heads, d, units)
    output = pool.c_proj.weight.unflatten(1, (pool.num_heads, -1))  # (E, heads, d)
    rest = torch.einsum("ihn,hdn->ihd", places, value) + pool.v_proj.bias.unflatten(0, (pool.num_heads, -1))
    return Decomposition(
        conv=_pooled(conv * (total > 0), attention),
        shortcut=_pooled(shortcut * (total > 0), attention),
        rest=torch.einsum("ihd,ehd->ie", rest, output) + pool.c_proj.bias,
        attention=attention,
        value=value,
        output=output,
    )


def _tokens(maps: Tensor) -> Tensor:
    """What the attention pool reads, the mean over positions before them: (images, units, 1 + positions)."""
    return torch.cat([maps.mean(2, keepdim=True), maps], dim=2)


def _pooled(maps: Tensor, attention: Tensor) -> Tensor:
    return torch.einsum("ihp,inp->ihn", attention, _tokens(maps))  # (images, heads, units)


def _attention(pool: Any, tokens: Tensor) -> Tensor:
    """Of the mean token over all tokens (images, units, 1 + positions): (images, heads, 1 + positions)."""
    query = pool.q_proj(tokens[:, :, 0]).unflatten(1, (pool.num_heads, -1))  # (images, heads, d)
    key = pool.k_proj(tokens.transpose(1, 2)).unflatten(2, (pool.num_heads, -1))  # (images, 1 + positions, heads, d)
    scores = torch.einsum("ihd,iphd->ihp", query, key) / query.shape[2] ** 0.5
    return torch.softmax(scores, dim=2)
