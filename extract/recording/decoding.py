"""Decode probes in threads beside the forward pass, and load recorded probes again."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from torch import Tensor
from tqdm import tqdm

from extract.errors import ProbesError, UnreadablePicture
from extract.files import reason_of
from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.parallel import ordered_parallel_map
from extract.probes.pictures import UNREADABLE, opaque, thumbnail
from extract.probes.probe import Probe


@dataclass(frozen=True)
class DecodedProbe:
    """A probe, its place in the source, and its image as the network's `cut` makes it, or the reason why it has none.

    `sha256` is the hash of the probe's bytes, None if they could not be read.
    """

    place: int
    probe: Probe
    pixels: np.ndarray | None
    sha256: str | None
    reason: str = ""


def decode(network: Network, numbered: tuple[int, Probe]) -> DecodedProbe:
    """Load and cut a probe, which is given with its place in the source."""
    place, probe = numbered
    sha256 = None
    try:
        data = probe.load()
        sha256 = hashlib.sha256(data).hexdigest()
        return DecodedProbe(place, probe, network.cut(opaque(data)), sha256)
    except UnreadablePicture as error:
        return DecodedProbe(place, probe, None, sha256, f"it cannot be decoded: {error}")
    except OSError as error:
        return DecodedProbe(place, probe, None, sha256, f"it cannot be read: {reason_of(error)}")


def cut_again(network: Network, probe: Probe) -> np.ndarray:
    """Load and cut a probe that was recorded before; ProbesError if the probe is gone."""
    with _recorded_before(probe):
        return network.cut(opaque(probe.load()))


def batches_again(
    network: Network, probes: Iterable[Probe], count: int, description: str, progress: bool = True
) -> Iterator[Tensor]:
    """Load probes again that were recorded before, and yield them as batches (n, 3, side, side) for the network.

    Threads decode the probes beside the forward pass. `count` is the number of probes, for the progress bar.
    """
    cuts = ordered_parallel_map(partial(cut_again, network), probes)
    with tqdm(total=count, desc=description, unit="image", disable=not progress) as bar:
        while images := list(islice(cuts, BATCH)):
            yield network.normalise(images)
            bar.update(len(images))


def thumbnail_again(probe: Probe) -> bytes:
    """Load and shrink a probe that was recorded before; ProbesError if the probe is gone."""
    with _recorded_before(probe):
        return thumbnail(probe.load())


@contextmanager
def _recorded_before(probe: Probe) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise ProbesError(
            f"Probe {probe.id} was shown, but is no longer there ({reason_of(error)}). Put it back, and try again."
        ) from error
