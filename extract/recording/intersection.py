"""The enrichment circuits article's channel intersection: what channels do both on a word and on a picture."""

import numpy as np

from extract.network.network import Network
from extract.probes.rasterised_words import Lettering
from extract.recording.difference import Ranking, WordOrPicture, mean_activations
from extract.units import Layer


def intersection(
    network: Network,
    one: WordOrPicture,
    other: WordOrPicture,
    layer: Layer | None = None,
    lettering: Lettering | None = None,
) -> Ranking:
    """Take the smaller of every channel's mean activations on two probes (the article's intersection).

    The probes are, for example, a word and a photograph of the same thing. Options and errors are as in `difference`.
    """
    layer = layer or network.architecture.final
    return Ranking(layer, mean_activations(network, [one, other], layer, lettering).min(axis=0).astype(np.float32))
