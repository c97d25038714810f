"""Queue the units of a layer to label next: candidates for enrichment circuits first."""

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
UNSURE = 0.5  # a label with less confidence is worth a second look


@dataclass(frozen=True)
class Queue:
    """Units in the order to label them, and the set of units that are still open."""

    order: tuple[Unit, ...]
    open: frozenset[Unit]

    @property
    def waiting(self) -> tuple[Unit, ...]:
        """The open units, in order."""
        return tuple(unit for unit in self.order if unit in self.open)

    def at(self, unit: Unit | None) -> Unit | None:
        """Return the unit itself if it is in the order, open or not; else the first open unit, if any."""
        return unit if unit in self.order else next(iter(self.waiting), None)

    def after(self, unit: Unit) -> Unit | None:
        """Return the next open unit, if any."""
        return next((other for other in self.order[self.order.index(unit) + 1 :] if other in self.open), None)

    def before(self, unit: Unit) -> Unit | None:
        """Return the previous open unit, if any."""
        return next((other for other in self.order[: self.order.index(unit)][::-1] if other in self.open), None)


def order(store: ModelStore, layer: Layer) -> tuple[Unit, ...]:
    """Order the units of a layer: candidates for enrichment circuits by rank, then the others by channel."""
    channels = store.architecture.channels(layer)
    try:
        candidates = [candidate.unit for candidate in by_evidence(store, layer, limit=channels)]
    except (CatalogError, NotExtracted):  # not a sum, or not judged
        candidates = []
    return tuple(dict.fromkeys([*candidates, *(Unit(layer, channel) for channel in range(channels))]))


def queue(units: tuple[Unit, ...], labels: Iterable[Annotation], which: Which) -> Queue:
    """Queue units in this order; `which` decides from their current labels which units are open.

    `unlabelled` opens units without a label; `disagreeing`, units whose authors give one branch and facet different
    texts; `unsure`, units with a label of low confidence; `all`, every unit.
    """
    by_unit: dict[str, list[Annotation]] = {}
    for label in labels:
        by_unit.setdefault(label.unit, []).append(label)
    return Queue(units, frozenset(unit for unit in units if _is_open(which, by_unit.get(str(unit), []))))


def _is_open(which: Which, labels: list[Annotation]) -> bool:
    """Check whether a unit with these labels is open."""
    match which:
        case "all":
            return True
        case "unlabelled":
            return not labels
        case "disagreeing":
            return any(_disagree(*pair) for pair in combinations(labels, 2))
        case "unsure":
            return any(label.confidence is not None and label.confidence < UNSURE for label in labels)


def _disagree(one: Annotation, other: Annotation) -> bool:
    same_place = (one.branch, one.facet) == (other.branch, other.facet)
    return same_place and one.author != other.author and one.text.casefold() != other.text.casefold()
