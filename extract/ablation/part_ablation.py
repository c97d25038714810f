"""What a branch or an edge does for the network: it is taken away, and all that lies above goes on without it.

    mean       in its place stands its mean over the reference images and positions, a number
    resample   its map on another reference image; the draw gives every image another one's
    zero       nothing

Nothing is what the network hardly ever sees, and what an ablation tells depends on what it puts in place (Zhang & Nanda
2023, arXiv 2309.16042); so mean and resample are told side by side, and zero never alone.
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
from extract.network.network import Network
from extract.network.parts import Change, Part, check, exchanged
from extract.network.preprocessing import BATCH, stack
from extract.network.text import embedded
from extract.recording.channel_means import means

How = Literal["mean", "resample", "zero"]
WAYS: Final[tuple[How, ...]] = ("mean", "resample")


@dataclass(frozen=True)
class State:
    """What the network makes of every image.

    `unit` is the mean over positions of the unit that the part enters, (images,): a sum's after its ReLU, another's as
    batch norm leaves it. `embedding` is of length 1, (images, E); `logits` are cosines with the prompts, scaled as for
    zero-shot classes, (images, prompts). All float32.
    """

    unit: np.ndarray
    embedding: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Effect:
    """What one way of taking a part away changes, image by image: after minus before.

    Of the unit (images,) and the logits (images, prompts); `cosine` of the embeddings before and after, and `distance`,
    the norm of their difference, (images,).
    """

    unit: np.ndarray
    cosine: np.ndarray
    distance: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Ablation:
    """A part, what the network does with it, and what is changed without it."""

    part: Part
    prompts: tuple[str, ...]
    before: State
    effects: Mapping[How, Effect]

    def renamed(self, how: How) -> float:
        """The share of images for which another prompt has the highest logit."""
        logits = self.before.logits
        return float((logits.argmax(axis=1) != (logits + self.effects[how].logits).argmax(axis=1)).mean())


@torch.inference_mode()
def ablate(
    network: Network,
    part: Part,
    images: Sequence[Image],
    prompts: Sequence[str] = (),
    ways: Sequence[How] = WAYS,
    seed: int = 0,
) -> Ablation:
    """Take a part away from the network while it sees the images, which are the reference images too.

    Where zero alone is asked for, the other two ways are told beside it. Raises UnknownUnit and AblationError as
    `parts.check`, AblationError for fewer than two images; WeightsError for prompts to a text tower with another
    vocabulary.
    """
    check(network.architecture, part)
    if len(images) < 2:
        raise AblationError("There are no two images, and what a part brings one is compared with others. Give more.")
    texts = embedded(network, prompts)  # (prompts, E)
    kept: list[Tensor] = []

    def keep(brought: Tensor) -> Tensor:
        kept.append(brought)
        return brought

    before = _shown(network, part, images, texts, keep)
    brought = torch.cat(kept)  # (images, h, w)
    effects: dict[How, Effect] = {}
    for way in (*WAYS, "zero") if set(ways) == {"zero"} else ways:
        instead = iter(torch.split(_instead(brought, way, seed), BATCH))
        effects[way] = _effect(before, _shown(network, part, images, texts, partial(_next, instead)))
    return Ablation(part, tuple(prompts), before, effects)


def donors(count: int, seed: int = 0) -> np.ndarray:
    """For every one of two or more images another, each once: int (count,)."""
    order = np.random.default_rng(seed).permutation(count)
    others = np.empty(count, int)
    others[order] = np.roll(order, 1)
    return others


def _instead(brought: Tensor, way: How, seed: int) -> Tensor:
    """What takes the place of a part's maps, (images, h, w) both."""
    if way == "resample":
        return brought[torch.from_numpy(donors(len(brought), seed))]
    return torch.full_like(brought, float(brought.mean()) if way == "mean" else 0.0)


def _next(instead: Iterator[Tensor], brought: Tensor) -> Tensor:
    return next(instead)


def _shown(network: Network, part: Part, images: Sequence[Image], texts: Tensor, change: Change) -> State:
    units, embeddings = list[Tensor](), list[Tensor]()
    layer, channel = part.unit.layer, part.unit.channel
    with (
        exchanged(network.visual, part, change),
        means(network.visual, [layer], lambda _, values: units.append(values[:, channel])),
    ):
        for some in stack(images, network.preprocess, BATCH):
            embeddings.append(network.clip.encode_image(some, normalize=True))
    embedding = torch.cat(embeddings)  # (images, E)
    logits = network.clip.logit_scale.exp() * embedding @ texts.T  # (images, prompts)
    return State(torch.cat(units).numpy(), embedding.numpy(), logits.numpy())


def _effect(before: State, after: State) -> Effect:
    return Effect(
        unit=after.unit - before.unit,
        cosine=(after.embedding * before.embedding).sum(axis=1),
        distance=np.linalg.norm(after.embedding - before.embedding, axis=1),
        logits=after.logits - before.logits,
    )
