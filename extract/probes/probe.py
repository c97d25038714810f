"""Probes, the images that are shown to a network, and what a source of them is."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from extract.printable import composed
from extract.probes.table import VALUES
from extract.read_report import LeftOut


@dataclass(frozen=True)
class Probe:
    """An image to show; `load` reads its encoded bytes."""

    id: str
    modality: str
    concept: str
    source: str
    split: str
    sensitive: bool
    load: Callable[[], bytes]


def concept_name(text: str) -> str:
    """What somebody calls a concept, in the one way that it is written: letters composed, a blank between words."""
    return " ".join(composed(text).split())


class Source(Protocol):
    """Probes in a fixed order; `digest` identifies the source."""

    forgiving: bool  # skip an image that cannot be read instead of raising an error

    @property
    def digest(self) -> str:
        """A hash of what the source lists, before an image is loaded."""

    def __iter__(self) -> Iterator[Probe]:
        """The probes, from the first."""

    def left_out(self) -> Iterable[LeftOut]:
        """What lies beside the probes and is none."""


class Splits:
    """Assign discovery and held-out by turns, concept by concept."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def next(self, concept: str) -> str:
        """The split of the concept's next probe."""
        self._seen[concept] += 1
        return VALUES["split"][(self._seen[concept] - 1) % 2]
