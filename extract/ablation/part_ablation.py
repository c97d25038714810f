"""Ablate a part, which is a branch or an edge, and measure the effect on its unit, the embedding and the logits.

A replacement takes the place of the part's map:

    mean       the map's mean over the reference images and positions, a number
    resample   the part's map on another reference image; the map of every image is used once
    zero       zero

The effect depends on the replacement, and zero is a value that the network hardly ever sees (Zhang & Nanda 2023, arXiv
2309.16042). So mean and resample are measured side by side, and zero is never the only replacement.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from extract.errors import AblationError
from extract.network.hooks import Change, replace_part, watch_means
from extract.network.network import Network
from extract.network.parts import NetworkPart, check
from extract.network.preprocessing import BATCH, stack
from extract.network.text import embed_prompts

Replacement = Literal["mean", "resample", "zero"]
REPLACEMENTS: Final[tuple[Replacement, ...]] = ("mean", "resample")


@dataclass(frozen=True)
class NetworkOutput:
    """The network's output for every image.

    `unit`, (images,), is the mean over positions of the unit that the part enters; a sum is read after its ReLU,
    another layer as batch norm leaves it. `embedding`, (images, E), has length 1. `logits`, (images, prompts), are
    cosines with the prompts, scaled as for zero-shot classes. All are float32.
    """

    unit: np.ndarray
    embedding: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Effect:
    """The effect of one replacement on every image.

    `unit`, (images,), and `logits`, (images, prompts), are the values after minus the values before. `cosine`,
    (images,), is the cosine of the embeddings before and after, and `distance`, (images,), is the norm of their
    difference.
    """

    unit: np.ndarray
    cosine: np.ndarray
    distance: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class AverageEffect:
    """The average effect of one replacement over the images; `unit_size` averages the absolute change of the unit.

    `changed_answers` is the share of images for which another prompt gets the highest logit (None without prompts).
    """

    replacement: Replacement
    unit_change: float
    unit_size: float
    cosine: float
    distance: float
    changed_answers: float | None


@dataclass(frozen=True)
class LargestChange:
    """An image or a prompt, given by its place, with its value before and its change under every replacement."""

    place: int
    before: float
    changes: Mapping[Replacement, float]


@dataclass(frozen=True)
class Ablation:
    """An ablated part, the network's output before, the effect of every replacement, and the images' names, if any."""

    part: NetworkPart
    prompts: tuple[str, ...]
    before: NetworkOutput
    effects: Mapping[Replacement, Effect]
    images: tuple[str, ...] = ()

    def changed_answers(self, replacement: Replacement) -> float:
        """Return the share of images for which another prompt gets the highest logit."""
        logits = self.before.logits
        after = logits + self.effects[replacement].logits
        return float((logits.argmax(axis=1) != after.argmax(axis=1)).mean())

    @property
    def averages(self) -> list[AverageEffect]:
        """The average effect of every replacement."""
        return [
            AverageEffect(
                replacement,
                unit_change=float(effect.unit.mean()),
                unit_size=float(np.abs(effect.unit).mean()),
                cosine=float(effect.cosine.mean()),
                distance=float(effect.distance.mean()),
                changed_answers=self.changed_answers(replacement) if self.prompts else None,
            )
            for replacement, effect in self.effects.items()
        ]

    def most_changed_images(self, n: int) -> list[LargestChange]:
        """Return the n images on which the unit changes most, under any replacement."""
        return _largest(self.before.unit, {name: effect.unit for name, effect in self.effects.items()}, n)

    def most_changed_prompts(self, n: int) -> list[LargestChange]:
        """Return the n prompts whose logit changes most on average over the images, under any replacement."""
        changes = {name: effect.logits.mean(axis=0) for name, effect in self.effects.items()}
        return _largest(self.before.logits.mean(axis=0), changes, n)


def _largest(before: np.ndarray, changes: Mapping[Replacement, np.ndarray], n: int) -> list[LargestChange]:
    size = np.max([np.abs(change) for change in changes.values()], axis=0)
    return [
        LargestChange(place, float(before[place]), {name: float(change[place]) for name, change in changes.items()})
        for place in np.argsort(-size, kind="stable")[:n].tolist()
    ]


@torch.inference_mode()
def ablate(
    network: Network,
    part: NetworkPart,
    images: Sequence[Image],
    prompts: Sequence[str] = (),
    replacements: Sequence[Replacement] = REPLACEMENTS,
    seed: int = 0,
) -> Ablation:
    """Ablate a part while the network sees the images, which are also the reference images.

    If zero is the only replacement, mean and resample are measured too. Raises the UnknownUnit and AblationError of
    `parts.check`, AblationError for fewer than two images, WeightsError for prompts to a text tower with another
    vocabulary.
    """
    check(network.architecture, part)
    if len(images) < 2:
        raise AblationError("An ablation compares images with one another, and there are fewer than two. Give more.")
    texts = embed_prompts(network, prompts)  # (prompts, E)
    batches: list[Tensor] = []

    def read(maps: Tensor) -> Tensor:
        batches.append(maps)
        return maps

    before = _output(network, part, images, texts, read)
    maps = torch.cat(batches)  # (images, h, w)
    effects: dict[Replacement, Effect] = {}
    for replacement in (*REPLACEMENTS, "zero") if set(replacements) == {"zero"} else replacements:
        replaced = iter(torch.split(_replaced(maps, replacement, seed), BATCH))
        effects[replacement] = _effect(before, _output(network, part, images, texts, partial(_next, replaced)))
    return Ablation(part, tuple(prompts), before, effects)


def donors(count: int, seed: int = 0) -> np.ndarray:
    """Draw for each of two or more images another image, using every image once: int (count,)."""
    order = np.random.default_rng(seed).permutation(count)
    others = np.empty(count, int)
    others[order] = np.roll(order, 1)
    return others


def _replaced(maps: Tensor, replacement: Replacement, seed: int) -> Tensor:
    """Return what takes the place of a part's maps; both are (images, h, w)."""
    if replacement == "resample":
        return maps[torch.from_numpy(donors(len(maps), seed))]
    return torch.full_like(maps, float(maps.mean()) if replacement == "mean" else 0.0)


def _next(batches: Iterator[Tensor], maps: Tensor) -> Tensor:
    return next(batches)


def _output(
    network: Network, part: NetworkPart, images: Sequence[Image], texts: Tensor, change: Change
) -> NetworkOutput:
    units, embeddings = list[Tensor](), list[Tensor]()
    layer, channel = part.unit.layer, part.unit.channel
    with (
        replace_part(network.visual, part, change),
        watch_means(network.visual, [layer], lambda _, values: units.append(values[:, channel])),
    ):
        for batch in stack(images, network.preprocess, BATCH):
            embeddings.append(network.clip.encode_image(batch, normalize=True))
    embedding = torch.cat(embeddings)  # (images, E)
    logits = network.clip.logit_scale.exp() * embedding @ texts.T  # (images, prompts)
    return NetworkOutput(torch.cat(units).numpy(), embedding.numpy(), logits.numpy())


def _effect(before: NetworkOutput, after: NetworkOutput) -> Effect:
    return Effect(
        unit=after.unit - before.unit,
        cosine=(after.embedding * before.embedding).sum(axis=1),
        distance=np.linalg.norm(after.embedding - before.embedding, axis=1),
        logits=after.logits - before.logits,
    )
