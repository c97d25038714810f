"""The search for units: by their labels, by what their top examples show, by the words that drive them, by numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from extract.units import Layer
from graph import rows as answers
from graph.connection.database import Database
from graph.cypher import search as search_queries
from graph.errors import UnknownStatistic
from graph.schema import STATISTICS, UnitCard

LIMIT = 60  # units of an answer
NEAREST = 500  # images, and words, that a text is taken to mean; those with the least beside it
_REASONS = 4  # rows asked for each unit of an answer, since it may be found for several reasons

Modality = Literal["word", "picture"]
Kind = Literal["label", "picture", "word", "vocabulary"]


@dataclass(frozen=True)
class Wanted:
    """What units must be: of a layer, labelled or not, more selective for a modality; and numbers between bounds.

    `least` and `most` name statistics; a unit that lacks one does not pass. Raises UnknownStatistic.
    """

    layer: Layer | None = None
    labelled: bool | None = None
    modality: Modality | None = None
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses names that no unit has."""
        for name in (*self.least, *self.most):
            if name not in STATISTICS:
                raise UnknownStatistic(f"Units have no number {name!r}. Take one of these: {', '.join(STATISTICS)}.")

    @property
    def parameters(self) -> dict[str, Any]:
        """As the texts of `graph.cypher.search` take them."""
        return {**vars(self), "layer": None if self.layer is None else str(self.layer)}


ANY = Wanted()


@dataclass(frozen=True)
class Match:
    """Why a unit was found: a label, what a top example shows (picture or word), or a word of the vocabulary.

    `images` are the ids of those that show it, `branch` is the one whose examples they are; `z` is the activation in
    standard deviations: over all probes, or of the vocabulary over random letter strings.
    """

    kind: Kind
    text: str
    images: tuple[str, ...]
    sensitive: bool
    branch: str | None
    z: float | None


@dataclass(frozen=True)
class Found:
    """A unit that fits, and why, the best reason first; no reason where nothing was searched for but the filters."""

    unit: UnitCard
    matches: tuple[Match, ...] = ()


def search(
    database: Database, model: str, layers: Sequence[Layer], text: str, wanted: Wanted, limit: int
) -> list[Found]:
    """Units of a model's layers that fit, at most `limit`: called so first, then those that answer most strongly to it.

    What is the text, in any case, stands before what contains it; of the images and words that contain it the NEAREST
    are looked at. Without a text labelled units come first, and then all from the last layer on.
    """
    asked = {"model": model, "limit": limit, **wanted.parameters}
    text = text.strip()
    if not text:
        return [Found(answers.unit(row)) for row in _browsed(database, asked, layers)]
    named = database.read(search_queries.SEARCH_LABELS, containing=text, **asked)
    bounded = {**asked, "containing": text, "nearest": NEAREST, "limit": _REASONS * limit}
    shown = database.read(search_queries.SEARCH_EXAMPLES, **bounded)
    read = database.read(search_queries.SEARCH_WORDS, **bounded)
    answering = sorted([*shown, *read], key=lambda row: (row["exact"], row["z"]), reverse=True)
    return _joined([*named, *answering])[:limit]


def _browsed(database: Database, asked: Mapping[str, Any], layers: Sequence[Layer]) -> list[answers.Row]:
    """Labelled units, then layer by layer until there are enough: most often that is one layer, with an index."""
    rows: dict[str, answers.Row] = {}
    if asked["labelled"] is not False:
        rows |= {row["key"]: row for row in database.read(search_queries.SEARCH_LABELS, containing="", **asked)}
    if asked["labelled"] is not True:
        for layer in reversed(layers):
            if asked["layer"] in (None, str(layer)) and (lacking := asked["limit"] - len(rows)) > 0:
                one = {**asked, "layer": str(layer), "labelled": False, "limit": lacking}
                rows |= {row["key"]: row for row in database.read(search_queries.SEARCH, **one)}
    return list(rows.values())


def _joined(rows: Iterable[answers.Row]) -> list[Found]:
    """A unit once, where it stands first, with everything that it was found for."""
    units: dict[str, UnitCard] = {}
    matches: dict[str, list[Match]] = {}
    for row in rows:
        units.setdefault(row["key"], answers.unit(row))
        match = Match(row["kind"], row["what"], tuple(sorted(row["images"])), row["sensitive"], row["branch"], row["z"])
        matches.setdefault(row["key"], []).append(match)
    return [Found(unit, tuple(matches[key])) for key, unit in units.items()]
