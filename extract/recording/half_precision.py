"""Round what is recorded to half precision."""

import numpy as np

from extract.errors import ExtractionError
from extract.units import Layer


def half_precision(layer: Layer, values: np.ndarray) -> np.ndarray:
    """Round a layer's numbers to float16, same shape. Raises ExtractionError for one that is not finite then."""
    with np.errstate(over="ignore"):  # it is told below
        rounded = values.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ExtractionError(
            f"Activations of layer {layer} overflow. Usually the weights are damaged: fetch them again."
        )
    return rounded
