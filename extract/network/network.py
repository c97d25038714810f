"""A CLIP with a ModifiedResNet, and how images are prepared for it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import open_clip
import torch
from PIL.Image import Image, fromarray
from torch import Tensor, nn

from extract.errors import WeightsError
from extract.units import Architecture


@dataclass(frozen=True)
class Preparation:
    """How images are prepared, in open_clip's terms: mean and standard deviation of each colour, and the resizing."""

    mean: tuple[float, ...] = open_clip.OPENAI_DATASET_MEAN
    std: tuple[float, ...] = open_clip.OPENAI_DATASET_STD
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"


@dataclass(frozen=True)
class Network:
    """A CLIP in eval mode and float32, without gradients to its weights, and the architecture of its vision tower.

    `model` is the network's id in every table and URL: `RN50:openai`, `demo:emoji`, `RN50:random-0`, or `RN50:<stem of
    the file>@<hash of the file>`.
    `sha256` is the hash of the weights file or, without a file, of the tensors in the order of their keys.
    `has_text` is false if the file has no text tower of CLIP's; the text tower of `clip` is then random, so do not use
    it.
    `unread` are the names under which the file holds other networks.
    """

    model: str
    clip: open_clip.CLIP
    architecture: Architecture
    sha256: str
    has_text: bool = True
    preparation: Preparation = Preparation()
    unread: tuple[str, ...] = ()

    @property
    def visual(self) -> nn.Module:
        """open_clip's ModifiedResNet."""
        visual: nn.Module = self.clip.visual
        return visual

    @property
    def device(self) -> torch.device:
        """The device that holds the weights."""
        return self.visual.get_parameter("conv1.weight").device

    def on(self, device: str) -> "Network":
        """Return the same network on a device of torch's, such as `cuda`. Raises WeightsError for an unknown device."""
        try:
            if torch.device(device).type == "meta":
                raise RuntimeError("meta computes nothing")
            return self if torch.device(device) == self.device else replace(self, clip=deepcopy(self.clip).to(device))
        except (RuntimeError, AssertionError) as error:  # the latter if torch was built for other devices
            reason = str(error).splitlines()[0].rstrip(".")
            raise WeightsError(
                f"torch has no device {device!r} here: {reason}. Choose cpu, which always works."
            ) from error

    @property
    def activation(self) -> str:
        """The activation in the text tower: GELU, QuickGELU or "none"; the vision tower has only ReLUs."""
        names = (type(module).__name__ for module in self.clip.transformer.modules())
        return next((name for name in names if name.endswith("GELU")), "none") if self.has_text else "none"

    @cached_property
    @torch.inference_mode()
    def fingerprint(self) -> tuple[float, ...]:
        """Numbers that identify the network: two from the embedding of a fixed image, two from that of a fixed text.

        The numbers are rounded, so that processors agree except in the last digit. Other weights, or another
        activation, image size, mean or standard deviation, change some of the numbers.
        """
        rows, columns = np.indices((96, 96)) / 95
        colours = np.stack([rows, columns, (1 + np.sin(40 * rows * columns)) / 2], axis=2)  # (96, 96, 3)
        image = self.preprocess(fromarray((255 * colours).astype(np.uint8)))[None].to(self.device)
        embeddings = [self.clip.encode_image(image, normalize=True)]
        if self.has_text:
            tokens = torch.arange(self.clip.context_length, device=self.device)[None] % self.clip.vocab_size
            tokens[0, -1] = self.clip.vocab_size - 1  # the end token, at which the text's embedding is read
            embeddings.append(self.clip.encode_text(tokens, normalize=True))
        return tuple(number for embedding in embeddings for number in _projections(embedding[0].cpu().numpy()))

    def __str__(self) -> str:
        """Describe the network in one line: id, activation, preparation of images, and fingerprint."""
        colours = (self.preparation.mean, self.preparation.std)
        mean, sd = (" ".join(f"{value:.4f}" for value in values) for values in colours)
        numbers = " ".join(f"{number:.3f}" for number in self.fingerprint)
        tower = f"text tower with {self.activation}" if self.has_text else "no text tower"
        others = f"; its file also holds {', '.join(self.unread)}, which was not read" if self.unread else ""
        return (
            f"{self.model}: {tower}, images of {self.architecture.image_size} pixels, mean "
            f"{mean}, sd {sd}, fingerprint {numbers}{others}"
        )

    @cached_property
    def tokenizer(self) -> Callable[[list[str]], Tensor]:
        """The function from n texts to their token ids, of shape (n, context length)."""
        tokenizer: Callable[[list[str]], Tensor] = open_clip.SimpleTokenizer(context_length=self.clip.context_length)
        return tokenizer

    @cached_property
    def preprocess(self) -> Callable[[Image], Tensor]:
        """The function from an image to the network's input (3, side, side): resize, crop at the centre, normalise."""
        side = self.architecture.image_size
        transform = open_clip.image_transform(side, is_train=False, **asdict(self.preparation))
        transform.transforms.insert(0, _middle)
        preprocess: Callable[[Image], Tensor] = transform
        return preprocess

    def cut(self, image: Image) -> np.ndarray:
        """Resize and crop an image to uint8 (side, side, 3).

        This is the first half of `preprocess`, which threads can run in parallel.
        """
        *steps, _, _ = self.preprocess.transforms  # type: ignore[attr-defined]
        for step in steps:
            image = step(image)
        return np.asarray(image)

    def normalise(self, cuts: Sequence[np.ndarray]) -> Tensor:
        """Normalise images that `cut` returned: float32 (n, 3, side, side).

        This is the second half of `preprocess`; both halves together give the same bits as `preprocess`.
        """
        last = self.preprocess.transforms[-1]  # type: ignore[attr-defined]
        pixels = torch.from_numpy(np.stack(cuts)).float().div_(255)  # (n, side, side, 3)
        pixels.sub_(torch.tensor(last.mean)).div_(torch.tensor(last.std))
        return pixels.permute(0, 3, 1, 2)  # (n, 3, side, side), in channels-last


def _projections(embedding: np.ndarray) -> list[float]:
    """Compute two fixed projections of an embedding (E,), each about 1 in size."""
    embedding, places = np.nan_to_num(embedding), np.arange(len(embedding))  # damaged weights give NaN, here 0
    return [round(float(np.sqrt(2) * embedding @ np.cos(step * places)), 3) for step in (1.0, 2.5)]


_LONGEST = 64  # the longest ratio of sides that is resized without cropping first


def _middle(image: Image) -> Image:
    """Crop a very long picture to its middle, because resizing 1 x 1,000,000 pixels would exhaust the memory."""
    side = _LONGEST * min(image.size)
    if max(image.size) <= side:
        return image
    width, height = min(image.width, side), min(image.height, side)
    left, upper = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, upper, left + width, upper + height))
