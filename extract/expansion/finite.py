"""Refuse expanded weights that overflow."""

from collections.abc import Iterable

import numpy as np

from extract.errors import ExtractionError
from extract.ranking import Floats
from extract.units import Layer


def check_finite(target: Layer, magnitudes: Iterable[Floats]) -> None:
    """Raise ExtractionError unless all magnitudes of weights into a target are finite."""
    if not all(np.isfinite(magnitude).all() for magnitude in magnitudes):
        raise ExtractionError(
            f"The weights into target layer {target} overflow. Usually the network's weights are damaged. Fetch them "
            "again."
        )
