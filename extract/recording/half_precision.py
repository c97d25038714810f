"""Round what is recorded to half precision."""

import numpy as np

from extract.errors import ExtractionError
from extract.units import Layer

_OVERFLOW = 65_520  # the smallest number that float16 rounds to infinity


def half_precision(layer: Layer, values: np.ndarray) -> np.ndarray:
    """Round a layer's numbers to float16, in the same shape. Raises the ExtractionError of `refuse_overflow`."""
    refuse_overflow(layer, values)
    return values.astype(np.float16)


def refuse_overflow(layer: Layer, values: np.ndarray) -> None:
    """Raise ExtractionError for NaN or a number that half precision cannot hold, because either is a sign of damage."""
    if not (np.abs(values) < _OVERFLOW).all():
        raise ExtractionError(
            f"Activations of layer {layer} overflow. Usually the weights are damaged. Fetch them again."
        )
