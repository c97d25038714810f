"""Draw a random sample of a source's probes, as reference images."""

import numpy as np
from PIL.Image import Image

from extract.errors import ProbesError
from extract.probes.pictures import opaque, reading_probe
from extract.probes.probe import Source


def random_sample(source: Source, count: int, seed: int = 0) -> dict[str, Image]:
    """Draw `count` probes, or all if there are fewer: RGB images keyed by probe id, in the source's order.

    The same seed draws the same probes. An image that cannot be read is skipped in a `forgiving` source, and raises
    ProbesError in any other.
    """
    order = np.random.default_rng(seed).permutation(sum(1 for _ in source))
    selected, images = set(order[:count].tolist()), dict[str, Image]()
    for place, probe in enumerate(source):
        if place not in selected:
            continue
        try:
            with reading_probe(probe.id):
                images[probe.id] = opaque(probe.load())
        except ProbesError:
            if not source.forgiving:
                raise
    return images
