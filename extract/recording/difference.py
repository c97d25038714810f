"""The channel difference engine: what a word or a picture does to the channels of a layer, over a baseline.

After the article, which subtracts the mean activations of "eeeeee". That leaves in what units do on any other letters:
two of them top almost every word. Goh et al. (2021) subtract the mean over 10,000 words instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL.Image import Image
from tqdm import tqdm

from extract.errors import WordsError
from extract.network.network import Network
from extract.probes.rasterised_words import Lettering, rasterise, usual
from extract.recording.channel_means import channel_means
from extract.units import Layer, Unit

BASELINE = "eeeeee"  # the article's

Probe = str | Image  # a text is rasterised at the network's side


@dataclass(frozen=True)
class Ranking:
    """A number for every channel of a layer, float32 (channels,)."""

    layer: Layer
    values: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """The channels from the highest value, equals as they come: int (channels,)."""
        return np.argsort(-self.values, kind="stable")

    def top(self, n: int) -> list[tuple[Unit, float]]:
        """The n highest units with their values."""
        return [(Unit(self.layer, int(channel)), float(self.values[channel])) for channel in self.order[:n]]


def difference(
    network: Network,
    probe: Probe,
    baseline: Probe | Iterable[Probe] = BASELINE,
    layer: Layer | None = None,
    lettering: Lettering | None = None,
    progress: bool = False,
) -> Ranking:
    """The mean activation of every channel on a probe, minus that on a baseline, or minus its mean over several.

    Of the final layer unless told otherwise; the network's `usual` lettering. Raises WordsError for a text that cannot
    be set or an empty baseline, UnknownUnit for a layer that this network does not have.
    """
    layer = layer or network.architecture.final
    several = [baseline] if isinstance(baseline, str | Image) else list(baseline)
    if not several:
        raise WordsError("There is no baseline to compare with. Give a text, a picture, or a list that is not empty.")
    taken = _activations(network, [probe, *several], layer, lettering, progress)  # (1 + baselines, channels)
    return Ranking(layer, (taken[0] - taken[1:].mean(axis=0)).astype(np.float32))


def intersection(
    network: Network, one: Probe, other: Probe, layer: Layer | None = None, lettering: Lettering | None = None
) -> Ranking:
    """What both probes do to every channel: the smaller of the two mean activations (the article's intersection).

    For a word and a photograph of the same, say. Options and errors as in `difference`.
    """
    layer = layer or network.architecture.final
    return Ranking(layer, _activations(network, [one, other], layer, lettering).min(axis=0).astype(np.float32))


def _activations(
    network: Network, probes: list[Probe], layer: Layer, lettering: Lettering | None, progress: bool = False
) -> np.ndarray:
    """Mean activations, float64 (probes, channels)."""
    side = network.architecture.image_size
    chosen = lettering or usual(side)
    images = (rasterise(probe, side, chosen) if isinstance(probe, str) else probe for probe in probes)
    with tqdm(total=len(probes), desc="probes", disable=not progress) as bar:
        return channel_means(network, images, [layer], bar.update)[layer].astype(np.float64)
