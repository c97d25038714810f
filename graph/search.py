"""Search for units by their labels, by what their top probes show, by the words that drive them, and by numbers."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extract.printable import composed
from extract.units import Layer
from graph import answers
from graph.connection.database import Database
from graph.cypher.search import SEARCH, SEARCH_LABELS, SEARCH_TOP_PROBES, SEARCH_WORDS
from graph.records import Filters, Match, SearchHit, UnitCard

LIMIT = 60  # units in an answer
NEAREST = 500  # how many images, and how many words, may match a text; the shortest ones are used
_MATCHES = 4  # rows read for each unit of an answer, since several rows may match one unit


def search(
    database: Database, model: str, layers: Sequence[Layer], text: str, filters: Filters, limit: int, nearest: int
) -> list[SearchHit]:
    """Find at most `limit` units: those labelled with the text first, then those that respond to it most strongly.

    Case is ignored. Labels, concepts and words that equal the text come before those that only contain it. Of the
    images and words that contain the text, only the `nearest` shortest are used. If the text is empty, labelled units
    come first, then all other units, starting with the last layer.
    """
    parameters = {"model": model, "limit": limit, **_parameters(filters)}
    if not (text := text.strip()):
        return [SearchHit(answers.unit(row)) for row in _browse(database, parameters, layers)]
    # labels and most concepts are composed Unicode; probe tables and labels of earlier versions may not be
    forms = list(dict.fromkeys((composed(text), unicodedata.normalize("NFD", text))))
    bounded = {**parameters, "nearest": nearest, "limit": _MATCHES * limit}
    labelled = [row for form in forms for row in database.read(SEARCH_LABELS, containing=form, **parameters)]
    responding = [
        row
        for cypher in (SEARCH_TOP_PROBES, SEARCH_WORDS)
        for form in forms
        for row in database.read(cypher, containing=form, **bounded)
    ]
    responding.sort(key=lambda row: (row["exact"], row["z"]), reverse=True)
    return _grouped_by_unit([*labelled, *responding])[:limit]


def _parameters(filters: Filters) -> dict[str, Any]:
    """Return the filters as parameters of the texts in `graph.cypher.search`."""
    return {
        "layer": None if filters.layer is None else str(filters.layer),
        "labelled": filters.labelled,
        "modality": filters.modality,
        "least": filters.at_least,
        "most": filters.at_most,
    }


def _browse(database: Database, parameters: Mapping[str, Any], layers: Sequence[Layer]) -> list[answers.Row]:
    """List labelled units, then the units of one layer after another until there are enough.

    Mostly one layer is enough.
    """
    rows: dict[str, answers.Row] = {}
    if parameters["labelled"] is not False:
        rows |= {row["key"]: row for row in database.read(SEARCH_LABELS, containing="", **parameters)}
    if parameters["labelled"] is not True:
        for layer in reversed(layers):
            if parameters["layer"] in (None, str(layer)) and (missing := parameters["limit"] - len(rows)) > 0:
                of_layer = {**parameters, "layer": str(layer), "labelled": False, "limit": missing}
                rows |= {row["key"]: row for row in database.read(SEARCH, **of_layer)}
    return list(rows.values())


def _grouped_by_unit(rows: Iterable[answers.Row]) -> list[SearchHit]:
    """List each unit once, in the place of its first row, with all its matches."""
    units: dict[str, UnitCard] = {}
    matches: dict[str, list[Match]] = {}
    for row in rows:
        units.setdefault(row["key"], answers.unit(row))
        match = Match(row["kind"], row["what"], tuple(sorted(row["images"])), row["sensitive"], row["branch"], row["z"])
        matches.setdefault(row["key"], []).append(match)
    return [SearchHit(unit, tuple(matches[key])) for key, unit in units.items()]
