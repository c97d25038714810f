"""The control of randomised weights: the same lower units of every layer, swept through them and compared."""

import numpy as np

from extract.ranking import Integers

ROLES = ("bn1", "bn2", "conv")  # of targets: of sums and downsamples the article shows no distribution
UNITS = 24  # lower units of a layer


def evenly(count: int, most: int = UNITS) -> Integers:
    """At most so many of `count` channels, evenly spaced from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
