"""Reference images: some of a source's probes, random_sample at random, the same ones for the same seed."""

import numpy as np
from PIL.Image import Image

from extract.errors import ProbesError
from extract.probes.pictures import UNREADABLE, opaque
from extract.probes.sources import Source


def random_sample(source: Source, count: int, seed: int = 0) -> dict[str, Image]:
    """So many of the probes by their ids, RGB, in the order of the source; all of them if there are no more.

    What cannot be read is left out of a source that forgives it; else it raises ProbesError.
    """
    order = np.random.default_rng(seed).permutation(sum(1 for _ in source))
    chosen, found = set(order[:count].tolist()), dict[str, Image]()
    for place, probe in enumerate(source):
        if place not in chosen:
            continue
        try:
            found[probe.id] = opaque(probe.load())
        except UNREADABLE as error:
            if not source.forgiving:
                raise ProbesError(
                    f"The image of probe {probe.id} cannot be read ({error}). Remove the probe, or write it anew."
                ) from error
    return found
