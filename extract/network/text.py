"""Embed prompts with the text tower, and classify images by their similarity to the prompts (zero-shot)."""

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
    """Compute the probability of every class for every image: the softmax of scaled cosines.

    Returns float32 of shape (images, classes). A class is written as its prompt, such as "a photo of a cat"; the demo's
    captions are bare words. Raises WordsError unless there are two or more different classes, and the errors of
    `embed_prompts`.
    """
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise WordsError("There are fewer than two classes, or one twice. Give two classes or more, each once.")
    captions = embed_prompts(network, classes)  # (classes, E)
    scale = network.clip.logit_scale.exp()
    probabilities = [torch.empty(0, len(classes))]
    for batch in stack(images, network.preprocess, BATCH):
        image = network.clip.encode_image(batch, normalize=True)  # (n, E)
        probabilities.append((scale * image @ captions.T).softmax(dim=-1))  # (n, classes)
    return torch.cat(probabilities).numpy()


def embed_prompts(network: Network, prompts: Sequence[str]) -> Tensor:
    """Embed prompts with the text tower: float32 (prompts, E), normalised to length 1.

    Raises WeightsError if the network has no text tower, or one with another vocabulary than CLIP's.
    """
    if not prompts:
        return torch.empty(0, network.clip.visual.output_dim)
    if not network.has_text:
        raise WeightsError(
            f"The weights of {network.model} lack CLIP's text tower, which reads the prompts. Leave out the prompts, "
            "or give weights with a text tower."
        )
    tokens = network.tokenizer(list(prompts))  # (prompts, context length)
    if (known := network.clip.vocab_size) <= int(tokens.max()):
        raise WeightsError(
            f"The text tower of {network.model} has {known} tokens, but CLIP's tokenizer needs more. Choose a network "
            "with CLIP's own vocabulary."
        )
    embeddings: Tensor = network.clip.encode_text(tokens, normalize=True)  # (prompts, E)
    return embeddings
