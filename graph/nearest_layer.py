"""Choose the layer that a unit's strongest edges are taken from where none is named: the nearest.

Magnitudes of different layers do not compare: those of far layers are the largest and the least to be believed.
"""

from collections.abc import Iterable

from extract.units import Layer
from graph.records import Sweep


def nearest_source(sweeps: Iterable[Sweep]) -> Layer | None:
    """Return the last of the layers that were swept into a target; None if none was."""
    return max((sweep.source for sweep in sweeps), default=None)


def nearest_target(sweeps: Iterable[Sweep]) -> Layer | None:
    """Return the first of the layers that a source was swept into; None if there is none."""
    return min((sweep.target for sweep in sweeps), default=None)
