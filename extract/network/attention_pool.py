"""Split an image embedding into an exact sum over the final units, the attention pool's heads, and both branches.

Let z be the final sum after its ReLU, a^h the attention of head h over the tokens (the positions of z, and their mean),
and P^h_n the mean of unit n's tokens weighted by a^h. Then the embedding is

    e = sum over n and h of P^h_n(z) W^h_n + rest      W^h_n = c_proj's columns of head h times v_proj's of h and n
    P(z) = P(conv where z > 0) + P(shortcut where z > 0)

The rest comes from biases and the position embedding. With the attention held fixed, a term is the direct effect of a
unit in one head over one branch. The method follows Gandelsman et al. (ICLR 2024, arXiv 2310.05916), who split the
embedding by heads, and Bu & Gandelsman (2025, arXiv 2509.19943), who split a ResNet's embedding by neurons and heads;
the split by branches is added here.
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
    """The terms of image embeddings: what every unit adds in every head over either branch, and the rest.

    `conv` and `shortcut` are each unit's maps, taken as 0 where the sum is not positive and pooled by each head's
    attention: (images, heads, units). `attention` is each head's attention over the mean token and the positions:
    (images, heads, 1 + positions). `rest` is (images, E). `value` (heads, d, units) and `output` (E, heads, d) are the
    weights of v_proj and c_proj, split into heads of d dimensions. All are float32.
    """

    conv: Tensor
    shortcut: Tensor
    rest: Tensor
    attention: Tensor
    value: Tensor
    output: Tensor

    @cached_property
    def embedding(self) -> Tensor:
        """The sum of all terms, that is, the embedding before it is normalised: (images, E)."""
        pooled = torch.einsum("ihn,hdn->ihd", self.conv + self.shortcut, self.value)  # (images, heads, d)
        return torch.einsum("ihd,ehd->ie", pooled, self.output) + self.rest

    def directions(self, texts: Tensor | None = None) -> Tensor:
        """Compute W, the direction in which each unit writes in each head: (heads, units, E), 268 MB for RN50.

        With `texts` (texts, E), compute the products of W with the texts directly: (heads, units, texts).
        """
        output = self.output if texts is None else torch.einsum("te,ehd->thd", texts, self.output)
        return torch.einsum("hdn,ehd->hne", self.value, output)

    def effects(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Compute each unit's direct part of the cosine between image and text, over conv and over the shortcut.

        `texts` (texts, E) must have length 1; both results have the shape (images, units, texts). The embedding's
        length is held fixed. All parts and the part of `rest` add up to the cosine. Multiplied by the logit scale, the
        parts are parts of the logits.
        """
        towards = self.directions(texts)  # (heads, units, texts)
        length = self.embedding.norm(dim=1)[:, None, None]  # (images, 1, 1)
        conv, shortcut = (torch.einsum("ihn,hnt->int", part, towards) / length for part in (self.conv, self.shortcut))
        return conv, shortcut


@torch.inference_mode()
def decompose(network: Network, pixels: Tensor) -> Decomposition:
    """Decompose the embeddings of images that `preprocess` prepared: (images, 3, side, side)."""
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
    """Return the attention pool's tokens, the mean over positions and then each position: (images, units, 1 + p)."""
    return torch.cat([maps.mean(2, keepdim=True), maps], dim=2)


def _pooled(maps: Tensor, attention: Tensor) -> Tensor:
    return torch.einsum("ihp,inp->ihn", attention, _tokens(maps))  # (images, heads, units)


def _attention(pool: Any, tokens: Tensor) -> Tensor:
    """Compute the mean token's attention over all tokens in each head: (images, heads, 1 + positions).

    `tokens` has the shape (images, units, 1 + positions).
    """
    query = pool.q_proj(tokens[:, :, 0]).unflatten(1, (pool.num_heads, -1))  # (images, heads, d)
    key = pool.k_proj(tokens.transpose(1, 2)).unflatten(2, (pool.num_heads, -1))  # (images, 1 + positions, heads, d)
    scores = torch.einsum("ihd,iphd->ihp", query, key) / query.shape[2] ** 0.5
    return torch.softmax(scores, dim=2)
