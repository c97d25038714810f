"""The text tower: prompts as embeddings, and zero-shot classification."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from extract.errors import WeightsError, WordsError
from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack


@torch.inference_mode()
def zero_shot(network: Network, images: Iterable[Image.Image], classes: Sequence[str]) -> np.ndarray:
    """The probability of every class for every image, float32 (images, classes): CLIP's cosines, scaled, softmax.

    A class is given as its prompt, such as "a photo of a cat"; the demo's captions are bare words. Raises WordsError
    unless there are two classes or more, all different; WeightsError for a text tower with another vocabulary.
    """
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise WordsError("There is nothing to choose among. Give two classes or more, each of them once.")
    captions = embedded(network, classes)  # (classes, E)
    scale = network.clip.logit_scale.exp()
    found = [torch.empty(0, len(classes))]
    for some in stack(images, network.preprocess, BATCH):
        image = network.clip.encode_image(some, normalize=True)  # (n, E)
        found.append((scale * image @ captions.T).softmax(dim=-1))  # (n, classes)
    return torch.cat(found).numpy()


def embedded(network: Network, prompts: Sequence[str]) -> Tensor:
    """What the text tower makes of prompts, of length 1: float32 (prompts, E).

    Raises WeightsError where there are any and the text tower has another vocabulary than CLIP's.
    """
    if not prompts:
        return torch.empty(0, network.clip.visual.output_dim)
    tokens = network.tokenizer(list(prompts))  # (prompts, context length)
    if (known := network.clip.vocab_size) <= int(tokens.max()):
        raise WeightsError(
            f"The text tower of {network.model} knows {known} tokens, and CLIP's tokenizer gives more, so it can name "
            "nothing. Take a network with CLIP's own vocabulary."
        )
    found: Tensor = network.clip.encode_text(tokens, normalize=True)  # (prompts, E)
    return found
