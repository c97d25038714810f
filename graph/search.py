"""The search for units: by their labels, by what their top examples show, by the words that drive them, by numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extract.units import Layer
from graph import rows as answers
from graph.connection.database import Database
from graph.cypher.search import SEARCH, SEARCH_LABELS, SEARCH_TOP_PROBES, SEARCH_WORDS
from graph.records import Filters, Match, SearchHit, UnitCard

LIMIT = 60  # units of an answer
NEAREST = 500  # images, and words, that a text is taken to mean; those with the least beside it
_REASONS = 4  # rows asked for each unit of an answer, since it may be found for several reasons


def search(
    database: Database, model: str, layers: Sequence[Layer], text: str, filters: Filters, limit: int, nearest: int
) -> list[SearchHit]:
    """Units of a model's layers that fit, at most `limit`: called so first, then those that answer most strongly to it.

    What is the text, in any case, stands before what contains it; of the images and words that contain it the `nearest`
    are looked at. Without a text labelled units come first, and then all from the last layer on.
    """
    asked = {"model": model, "limit": limit, **_parameters(filters)}
    text = text.strip()
    if not text:
        return [SearchHit(answers.unit(row)) for row in _browsed(database, asked, layers)]
    named = database.read(SEARCH_LABELS, containing=text, **asked)
    bounded = {**asked, "containing": text, "nearest": nearest, "limit": _REASONS * limit}
    shown = database.read(SEARCH_TOP_PROBES, **bounded)
    read = database.read(SEARCH_WORDS, **bounded)
    answering = sorted([*shown, *read], key=lambda row: (row["exact"], row["z"]), reverse=True)
    return _joined([*named, *answering])[:limit]


def _parameters(filters: Filters) -> dict[str, Any]:
    """The filters as the texts of `graph.cypher.search` take them."""
    return {
        "layer": None if filters.layer is None else str(filters.layer),
        "labelled": filters.labelled,
        "modality": filters.modality,
        "least": filters.at_least,
        "most": filters.at_most,
    }


def _browsed(database: Database, asked: Mapping[str, Any], layers: Sequence[Layer]) -> list[answers.Row]:
    """Labelled units, then layer by layer until there are enough: most often that is one layer, with an index."""
    rows: dict[str, answers.Row] = {}
    if asked["labelled"] is not False:
        rows |= {row["key"]: row for row in database.read(SEARCH_LABELS, containing="", **asked)}
    if asked["labelled"] is not True:
        for layer in reversed(layers):
            if asked["layer"] in (None, str(layer)) and (lacking := asked["limit"] - len(rows)) > 0:
                one = {**asked, "layer": str(layer), "labelled": False, "limit": lacking}
                rows |= {row["key"]: row for row in database.read(SEARCH, **one)}
    return list(rows.values())


def _joined(rows: Iterable[answers.Row]) -> list[SearchHit]:
    """A unit once, where it stands first, with everything that it was found for."""
    units: dict[str, UnitCard] = {}
    matches: dict[str, list[Match]] = {}
    for row in rows:
        units.setdefault(row["key"], answers.unit(row))
        match = Match(row["kind"], row["what"], tuple(sorted(row["images"])), row["sensitive"], row["branch"], row["z"])
        matches.setdefault(row["key"], []).append(match)
    return [SearchHit(unit, tuple(matches[key])) for key, unit in units.items()]
