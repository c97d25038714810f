"""The network itself, where torch is installed and its weights can be had; most of the app does without."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from catalog.errors import TorchMissing
from extract.errors import WeightsError

if TYPE_CHECKING:
    from extract.network.network import Network


DEMO = "demo:emoji"  # the one model whose weights come along


@contextmanager
def torch_needed() -> Iterator[None]:
    """Around the imports that need torch: one line on how to get it where it is missing."""
    try:
        yield
    except ImportError as error:
        raise TorchMissing(
            f"Reading a network needs torch and open_clip ({error}). Install them: pip install 'clip-circuits[extract]'"
        ) from error


def network_of(model: str, weights_sha256: str) -> "Network":
    """The network that a model in the catalog was extracted from, by the model's id, such as `RN50:openai`.

    Raises TorchMissing; WeightsError where the weights cannot be had, or are others than those in the catalog.
    """
    with torch_needed():
        from extract.network.weights import load_network
    name, _, tag = model.partition(":")
    random = re.fullmatch(r"random-(\d+)", tag)
    try:
        if random:
            network = load_network(name, seed=int(random[1]))
        else:
            network = load_network(name, None if model == DEMO else tag)
    except WeightsError as error:
        raise WeightsError(f"The catalog holds what was extracted from {model}, not its weights. {error}") from error
    if network.sha256 != weights_sha256:
        raise WeightsError(
            f"The weights of {model} that can be had here ({network.sha256[:12]}) are not those in the catalog "
            f"({weights_sha256[:12]}). Extract and load them again."
        )
    return network
