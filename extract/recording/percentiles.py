"""Rank each activation among the activations on all probes."""

import numpy as np
from scipy.stats import rankdata


def percentiles(values: np.ndarray) -> np.ndarray:
    """Compute the share of a column's values that lie below each value, equals counted half: (n, channels), mean 0.5.

    Counting equals half keeps a unit that is silent on many probes (all at zero) from favouring either side.
    """
    shares: np.ndarray = (rankdata(values, axis=0) - 0.5) / max(1, len(values))
    return shares
