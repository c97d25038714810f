"""Correct p for how many units are tested: the q of the false discovery rate, over all units or over some."""

import numpy as np
from scipy.stats import false_discovery_control


def corrected(p: np.ndarray, method: str = "bh") -> np.ndarray:
    """Compute the q of every p: Benjamini and Hochberg's, or Benjamini and Yekutieli's ("by")."""
    return np.asarray(false_discovery_control(p, method=method))


def corrected_over(tested: np.ndarray, p: np.ndarray, method: str = "bh", others: float = 1) -> np.ndarray:
    """Compute the q of every p over the units that are `tested`, bool (units,); all other units get `others`."""
    q = np.full(len(p), others, float)
    q[tested] = corrected(p[tested], method)
    return q
