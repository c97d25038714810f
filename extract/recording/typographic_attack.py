"""Attack a picture with text: measure what a text on the picture changes in the network's answer and in its units.

The attack follows Goh et al. (2021), who stick a label on a thing. As in the enrichment circuits article, the text is
written on the picture itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from extract.network.hooks import watch_means
from extract.network.network import Network
from extract.network.preprocessing import seen
from extract.network.text import zero_shot
from extract.probes.rasterised_words import ATTACK, Lettering, Place, overlay
from extract.recording.difference import Ranking
from extract.units import Layer, Unit


@dataclass(frozen=True)
class Attack:
    """A picture as the network sees it, RGB (side, side), the same with the text on it, and what the text changes.

    `before` and `after` are the probabilities of the classes, float32 (classes,). `change` is every channel's mean
    activation on the attacked picture minus its mean activation on the picture, for the channels of one layer.
    """

    picture: Image.Image
    attacked: Image.Image
    classes: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    change: Ranking

    @property
    def answers(self) -> tuple[str, str]:
        """The most probable class before and after."""
        return self.classes[int(self.before.argmax())], self.classes[int(self.after.argmax())]

    def likeliest(self, n: int) -> list[int]:
        """Return the places of the n classes that are most probable before or after."""
        places: list[int] = np.argsort(-np.maximum(self.before, self.after), kind="stable")[:n].tolist()
        return places

    def risen(self, n: int) -> list[tuple[Unit, float]]:
        """Return the n units that rise most, with their changes."""
        return self.change.top(n)

    def fallen(self, n: int) -> list[tuple[Unit, float]]:
        """Return the n units that fall most, with their changes."""
        return [(unit, -fall) for unit, fall in Ranking(self.change.layer, -self.change.values).top(n)]


def attack(
    network: Network,
    picture: Image.Image,
    text: str,
    classes: Sequence[str],
    layer: Layer | None = None,
    lettering: Lettering = ATTACK,
    places: Iterable[Place] | None = None,
) -> Attack:
    """Write a text on a picture, and compare the zero-shot answer and a layer's units before and after.

    By default the layer is the final one. The text is written on what the network sees of the picture: four times as in
    the enrichment circuits article, or at `places` in pixels of the network's input. Raises WordsError for a text that
    cannot be rendered, the errors of `zero_shot`, and UnknownUnit for a layer that is not there.
    """
    layer = network.architecture.check(layer or network.architecture.final)
    plain = seen(network, picture)
    attacked = overlay(plain, text, lettering, places)
    means: list[Tensor] = []
    with watch_means(network.visual, [layer], lambda _, values: means.append(values)):
        before, after = zero_shot(network, [plain, attacked], classes)
    change = means[0][1] - means[0][0]  # (channels,)
    return Attack(plain, attacked, tuple(classes), before, after, Ranking(layer, change.numpy()))
