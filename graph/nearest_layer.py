"""Choose the nearest layer, from which a unit's strongest edges are taken if no layer is named.

Magnitudes of different layers do not compare: those of far layers are the largest and the least trustworthy.
"""

from collections.abc import Iterable

from extract.units import Layer
from graph.records import Sweep


def nearest_source(sweeps: Iterable[Sweep]) -> Layer | None:
    """Return the last layer that was swept into a target, or None if there is none."""
    return max((sweep.source for sweep in sweeps), default=None)


def nearest_target(sweeps: Iterable[Sweep]) -> Layer | None:
    """Return the first layer that a source was swept into, or None if there is none."""
    return min((sweep.target for sweep in sweeps), default=None)
