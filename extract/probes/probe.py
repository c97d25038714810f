"""Probes (the images that are shown to a network: pictures or rasterised words) and the interface of their sources."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from extract.printable import composed
from extract.probes.table import VALUES
from extract.read_report import LeftOut


@dataclass(frozen=True)
class Probe:
    """An image to show to a network; `load` reads the image's encoded bytes."""

    id: str
    modality: str
    concept: str
    source: str
    split: str
    sensitive: bool
    load: Callable[[], bytes]


def concept_name(text: str) -> str:
    """Normalise a concept's name: compose its letters, and put one blank between words."""
    return " ".join(composed(text).split())


class Source(Protocol):
    """A source of probes in a fixed order; `digest` identifies the source."""

    forgiving: bool  # skip an image that cannot be read instead of raising an error

    @property
    def digest(self) -> str:
        """A hash of what the source lists, computed before any image is shown."""

    def __iter__(self) -> Iterator[Probe]:
        """Yield the probes, from the first."""

    def left_out(self) -> Iterable[LeftOut]:
        """List what lies among the probes but is not a probe."""


class Splits:
    """A counter that assigns each concept's probes to the discovery and the held-out split in turn."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def next(self, concept: str) -> str:
        """Return the split of the concept's next probe."""
        self._seen[concept] += 1
        return VALUES["split"][(self._seen[concept] - 1) % 2]
