"""Ablate a branch or an edge and measure the effect on its unit, the embedding and the logits.

A replacement takes the place of the part's map:

    mean       its mean over the reference images and positions, a number
    resample   its map on another reference image; every image gets another one's
    zero       zero

The effect depends on the replacement, and zero is a value that the network hardly ever sees (Zhang & Nanda 2023, arXiv
2309.16042). So mean and resample are measured side by side, and zero never alone.
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

    `unit` is the mean over positions of the unit that the part enters, (images,): a sum's after its ReLU, another's as
    batch norm leaves it. `embedding` has length 1, (images, E); `logits` are cosines with the prompts, scaled as for
    zero-shot classes, (images, prompts). All float32.
    """

    unit: np.ndarray
    embedding: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Effect:
    """The effect of one replacement, image by image: after minus before.

    Of the unit (images,) and the logits (images, prompts); `cosine` is that of the embeddings before and after, and
    `distance` the norm of their difference, (images,).
    """

    unit: np.ndarray
    cosine: np.ndarray
    distance: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class AverageEffect:
    """The effect of one replacement, on average over the images; `unit_size` is the average of the change's size.

    `changed_answers` is the share of images for which another prompt gets the highest logit; None without prompts.
    """

    replacement: Replacement
    unit_change: float
    unit_size: float
    cosine: float
    distance: float
    changed_answers: float | None


@dataclass(frozen=True)
class LargestChange:
    """An image or a prompt by its place, its value before, and the change under every replacement."""

    place: int
    before: float
    changes: Mapping[Replacement, float]


@dataclass(frozen=True)
class Ablation:
    """A part, the network's output with it, and the effect of every replacement; the names of the images, if any."""

    part: NetworkPart
    prompts: tuple[str, ...]
    before: NetworkOutput
    effects: Mapping[Replacement, Effect]
    images: tuple[str, ...] = ()

    def changed_answers(self, replacement: Replacement) -> float:
        """The share of images for which another prompt gets the highest logit."""
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
        """The n images on which the unit changes most, under whichever replacement."""
        return _largest(self.before.unit, {name: effect.unit for name, effect in self.effects.items()}, n)

    def most_changed_prompts(self, n: int) -> list[LargestChange]:
        """The n prompts whose logit changes most on average over the images, under whichever replacement."""
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
    """Ablate a part while the network sees the images, which are the reference images too.

    If zero is the only replacement, the other two are measured beside it. Raises UnknownUnit and AblationError as
    `parts.check`, AblationError for fewer than two images, WeightsError for prompts to a text tower with another
    vocabulary.
    """
    check(network.architecture, part)
    if len(images) < 2:
        raise AblationError("There are no two images, and what a part brings one is compared with others. Give more.")
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
    """Draw another image for every one of two or more, each once: int (count,)."""
    order = np.random.default_rng(seed).permutation(count)
    others = np.empty(count, int)
    others[order] = np.roll(order, 1)
    return others


def _replaced(maps: Tensor, replacement: Replacement, seed: int) -> Tensor:
    """What takes the place of a part's maps, (images, h, w) both."""
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
