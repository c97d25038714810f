"""The control with randomised weights: the roles of its target layers, and the source units of each layer."""

import numpy as np

from extract.ranking import Integers

ROLES = ("bn1", "bn2", "conv")  # of targets; the article shows no distribution for sums and downsamples
UNITS = 24  # source units of each layer


def evenly(count: int, most: int = UNITS) -> Integers:
    """Choose at most `most` of `count` channels, evenly spaced from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
