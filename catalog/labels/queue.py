"""Which units of a layer to look at next: candidates for enrichment circuits first."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from catalog.enrichment import by_evidence
from catalog.errors import CatalogError
from extract.units import Layer, Unit
from graph.errors import NotExtracted
from graph.model_store import ModelStore
from graph.records import Annotation

Which = Literal["unlabelled", "disagreeing", "unsure", "all"]
WHICH: tuple[Which, ...] = get_args(Which)
UNSURE = 0.5  # a label of less confidence wants a second look


@dataclass(frozen=True)
class Queue:
    """Units in their order, and those of them that are wanted."""

    order: tuple[Unit, ...]
    open: frozenset[Unit]

    @property
    def waiting(self) -> tuple[Unit, ...]:
        """The units that are wanted, in order."""
        return tuple(unit for unit in self.order if unit in self.open)

    def at(self, unit: Unit | None) -> Unit | None:
        """The unit asked for if it is one of the order, wanted or not; else the first that is wanted, if any."""
        return unit if unit in self.order else next(iter(self.waiting), None)

    def after(self, unit: Unit) -> Unit | None:
        """The next wanted unit, if any."""
        return next((other for other in self.order[self.order.index(unit) + 1 :] if other in self.open), None)

    def before(self, unit: Unit) -> Unit | None:
        """The wanted unit before this one, if any."""
        return next((other for other in self.order[: self.order.index(unit)][::-1] if other in self.open), None)


def order(store: ModelStore, layer: Layer) -> tuple[Unit, ...]:
    """Every unit of a layer: candidates for enrichment circuits as they are found, then the others by channel."""
    channels = store.architecture.channels(layer)
    try:
        first = [candidate.unit for candidate in by_evidence(store, layer, limit=channels)]
    except (CatalogError, NotExtracted):  # no sum, or not tested
        first = []
    return tuple(dict.fromkeys([*first, *(Unit(layer, channel) for channel in range(channels))]))


def queue(units: tuple[Unit, ...], labels: Iterable[Annotation], which: Which) -> Queue:
    """The units in this order, of which those are wanted that these current labels leave open.

    `disagreeing`: different people say different things of one branch and facet; `unsure`: a label is of low
    confidence.
    """
    held: dict[str, list[Annotation]] = {}
    for label in labels:
        held.setdefault(label.unit, []).append(label)
    return Queue(units, frozenset(unit for unit in units if _wants(which, held.get(str(unit), []))))


def _wants(which: Which, own: list[Annotation]) -> bool:
    match which:
        case "all":
            return True
        case "unlabelled":
            return not own
        case "disagreeing":
            return any(_disagree(*pair) for pair in combinations(own, 2))
        case "unsure":
            return any(label.confidence is not None and label.confidence < UNSURE for label in own)


def _disagree(one: Annotation, other: Annotation) -> bool:
    same_place = (one.branch, one.facet) == (other.branch, other.facet)
    return same_place and one.author != other.author and one.text.casefold() != other.text.casefold()
