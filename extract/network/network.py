"""A CLIP with a ModifiedResNet, and how it prepares images."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import open_clip
import torch
from PIL.Image import Image
from torch import Tensor, nn

from extract.errors import WeightsError
from extract.units import Architecture


@dataclass(frozen=True)
class Network:
    """A CLIP in eval mode and float32, without gradients to its weights, and the architecture of its vision tower.

    `model` names it in every table and address: `RN50:openai`, `demo:emoji`, `RN50:random-0`, `RN50:<file's stem>@<its
    hash>`.
    `sha256` is that of the weights file, or of the tensors in the order of their keys where there is none.
    `has_text` is false where the file had no text tower of CLIP's; `clip` then has one at random, which nobody may ask.
    """

    model: str
    clip: open_clip.CLIP
    architecture: Architecture
    sha256: str
    has_text: bool = True

    @property
    def visual(self) -> nn.Module:
        """open_clip's ModifiedResNet."""
        visual: nn.Module = self.clip.visual
        return visual

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.visual.get_parameter("conv1.weight").device

    def on(self, device: str) -> "Network":
        """The same network on a device of torch's, such as `cuda`. WeightsError where torch has no such device."""
        try:
            return self if torch.device(device) == self.device else replace(self, clip=deepcopy(self.clip).to(device))
        except (
            RuntimeError,
            AssertionError,
        ) as error:  # of a torch that was built for other devices: an AssertionError
            reason = str(error).splitlines()[0].rstrip(".")
            raise WeightsError(
                f"torch has no device {device!r} here: {reason}. Choose cpu, which is always there."
            ) from error

    @cached_property
    def tokenizer(self) -> Callable[[list[str]], Tensor]:
        """Texts to token ids (n, context length)."""
        tokenizer: Callable[[list[str]], Tensor] = open_clip.SimpleTokenizer(context_length=self.clip.context_length)
        return tokenizer

    @cached_property
    def preprocess(self) -> Callable[[Image], Tensor]:
        """An image to what the network takes (3, side, side): resized, cropped at the centre, normalised."""
        transform = open_clip.image_transform(self.architecture.image_size, is_train=False)
        transform.transforms.insert(0, _middle)
        preprocess: Callable[[Image], Tensor] = transform
        return preprocess

    def cut(self, image: Image) -> np.ndarray:
        """The first half of `preprocess`, which threads can do at once: resized and cropped, uint8 (side, side, 3)."""
        *steps, _, _ = self.preprocess.transforms  # type: ignore[attr-defined]
        for step in steps:
            image = step(image)
        return np.asarray(image)

    def normalise(self, cuts: Sequence[np.ndarray]) -> Tensor:
        """The second half, for many images: to the bit what `preprocess` gives, float32 (n, 3, side, side)."""
        last = self.preprocess.transforms[-1]  # type: ignore[attr-defined]
        pixels = torch.from_numpy(np.stack(cuts)).float().div_(255)  # (n, side, side, 3)
        pixels.sub_(torch.tensor(last.mean)).div_(torch.tensor(last.std))
        return pixels.permute(0, 3, 1, 2)  # (n, 3, side, side), in channels-last


_LONGEST = 64  # sides of the middle square, of a picture before it is resized


def _middle(image: Image) -> Image:
    """The middle of a very long picture: resized as a whole, one pixel by a million would take the memory."""
    side = _LONGEST * min(image.size)
    if max(image.size) <= side:
        return image
    width, height = min(image.width, side), min(image.height, side)
    left, upper = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, upper, left + width, upper + height))
