"""Channel differences: the activations of a layer's channels on a word or a picture, minus those on a baseline.

The enrichment circuits article subtracts the mean activations on "eeeeee". The difference then still holds what units
do on any other letters, so that two units top almost every word. Goh et al. (2021) subtract the mean over 10,000 words
instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL.Image import Image
from tqdm import tqdm

from extract.errors import WordsError
from extract.network.network import Network
from extract.probes.rasterised_words import Lettering, rasterise, usual_lettering
from extract.recording.channel_means import channel_means
from extract.units import Layer, Unit

BASELINE = "eeeeee"  # the article's

Activities = Mapping[int, tuple[float, float | None]]  # each channel's mean and standard deviation over the probes
WordOrPicture = str | Image  # a text is rasterised at the network's side


@dataclass(frozen=True)
class Ranking:
    """A number for every channel of a layer, float32 (channels,)."""

    layer: Layer
    values: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """The channels from the highest value down, equals in the order of channels: int (channels,)."""
        return np.argsort(-self.values, kind="stable")

    def top(self, n: int) -> list[tuple[Unit, float]]:
        """Return the n highest units with their values."""
        return [(Unit(self.layer, int(channel)), float(self.values[channel])) for channel in self.order[:n]]

    def rises(self, n: int) -> list[tuple[Unit, float]]:
        """Return the units with values above 0 among the n highest, with their values."""
        return [(unit, rise) for unit, rise in self.top(n) if rise > 0]


def difference(
    network: Network,
    probe: WordOrPicture,
    baseline: WordOrPicture | Iterable[WordOrPicture] = BASELINE,
    layer: Layer | None = None,
    lettering: Lettering | None = None,
    progress: bool = False,
) -> Ranking:
    """Subtract every channel's mean activation on a baseline from its mean activation on a probe.

    Several baselines are averaged. By default the layer is the final one, and the lettering is the network's
    `usual_lettering`. Raises WordsError for a text that cannot be rendered or an empty list of baselines, UnknownUnit
    for a layer that this network does not have.
    """
    layer = layer or network.architecture.final
    baselines = [baseline] if isinstance(baseline, str | Image) else list(baseline)
    if not baselines:
        raise WordsError("The list of baselines is empty. Give a text, a picture, or a list that is not empty.")
    means = mean_activations(network, [probe, *baselines], layer, lettering, progress)  # (1 + baselines, channels)
    return Ranking(layer, (means[0] - means[1:].mean(axis=0)).astype(np.float32))


def in_deviations(values: np.ndarray, activities: Activities) -> np.ndarray:
    """Convert values (channels,) to standard deviations above the mean; 0 for a channel that is always the same."""
    means, deviations = np.zeros_like(values), np.full_like(values, np.inf)
    for channel, (mean, sd) in activities.items():
        means[channel], deviations[channel] = mean, sd or np.inf
    away: np.ndarray = (values - means) / deviations
    return away


def mean_activations(
    network: Network, probes: list[WordOrPicture], layer: Layer, lettering: Lettering | None, progress: bool = False
) -> np.ndarray:
    """Measure the mean activations of a layer's channels on probes: float64 (probes, channels)."""
    side = network.architecture.image_size
    lettering = lettering or usual_lettering(side)
    images = (rasterise(probe, side, lettering) if isinstance(probe, str) else probe for probe in probes)
    with tqdm(total=len(probes), desc="probes", disable=not progress) as bar:
        return channel_means(network, images, [layer], bar.update)[layer].astype(np.float64)
