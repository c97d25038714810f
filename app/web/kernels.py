"""The spatial matrix of an edge, computed from the network itself, since the catalog holds but its size and mean."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.web import live_network as rises
from catalog.live_network import torch_needed
from extract.units import Unit
from graph.records import Contribution, ModelCard


@dataclass(frozen=True)
class Kernel:
    """An expanded weight over the source's positions, float32 (h, w), from row and column `first` of its map on.

    `cut` where the border of the map cuts it.
    """

    values: np.ndarray
    first: int
    cut: bool

    @property
    def magnitude(self) -> float:
        """Its Frobenius norm."""
        return float(np.linalg.norm(self.values))

    @property
    def mean(self) -> float:
        """Over the positions that can be non-zero, which are all of these."""
        return float(self.values.mean())

    def agrees(self, edge: Contribution) -> bool:
        """Whether the catalog holds the same, to a hundredth: it may have been computed in half precision."""
        close = 0.01 * edge.magnitude
        return abs(self.magnitude - edge.magnitude) <= close and abs(self.mean - edge.mean) <= close


def kernel(card: ModelCard, edge: Contribution) -> Kernel:
    """The spatial matrix of an edge; TorchMissing, WeightsError as `network_of`."""
    return _kernel(card.id, card.weights_sha256, edge.source, edge.target)


@st.cache_data(max_entries=200, show_spinner="Computing the expanded weight")
def _kernel(model: str, weights_sha256: str, source: str, target: str) -> Kernel:
    network = rises.network(model, weights_sha256)
    with torch_needed():
        from extract.expansion.expanded_weights import expanded_weights, support
    one, other = Unit.parse(source), Unit.parse(target)
    place = support(network.architecture, one.layer, other.layer)
    return Kernel(expanded_weights(network, one, other).numpy(), place.rows.start, place.cut)
