"""The queries that have a name: ours, and those that users keep in the database."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from graph import named_queries
from graph.answers import utc
from graph.console import parameters_in
from graph.database import Database
from graph.schema import Kind

OURS = "clip-circuits"
_LAYER = "a layer of sums"
_Q = "the most that the tests may leave (q) of a candidate; null: any unit"
_STRONGEST = "how many of a unit's strongest inputs from one layer count"
_APART = "the least difference in modality"


@dataclass(frozen=True)
class NamedQuery:
    """A Cypher text with its name, what it answers, and what its parameters mean and are if nobody says otherwise.

    A parameter without a default has to be given; `model` and `layer` are the chosen model and its last sum.
    """

    name: str
    text: str
    description: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    author: str = OURS
    at: datetime | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, in the order of the text."""
        return parameters_in(self.text)


BUILT_IN = (
    NamedQuery(
        "candidates",
        named_queries.CANDIDATES,
        "Enrichment candidates of a layer, the likeliest first, with every test, effect and label.",
        {"q": 0.05},
        {"layer": _LAYER, "q": _Q},
    ),
    NamedQuery(
        "conflicting-labels",
        named_queries.CONFLICTING_LABELS,
        "Candidates of which people labelled both branches, and gave them no label in common.",
        {"q": 0.05},
        {"layer": _LAYER, "q": _Q},
    ),
    NamedQuery(
        "driven-by-label",
        named_queries.DRIVEN_BY_LABEL,
        "Units whose conv branch is excited by units with a label.",
        {"strongest": 5},
        {"layer": _LAYER, "label": "any part of a label, in any case", "strongest": _STRONGEST},
    ),
    NamedQuery(
        "chains",
        named_queries.CHAINS,
        "Candidates fed by a candidate of an earlier block, over the shortcut or into the conv branch.",
        {"q": 0.05, "strongest": 5},
        {"layer": "the layer of the later sums; null: any", "q": _Q, "strongest": _STRONGEST},
    ),
    NamedQuery(
        "facet-inputs",
        named_queries.FACET_INPUTS,
        "What feeds each facet of a sum's unit: the strongest contributions to its shortcut and to its conv branch.",
        {"source": None, "strongest": 5},
        {
            "unit": "a unit of a sum, such as 4/2/6/34",
            "source": "the layer of the inputs; null: any",
            "strongest": "inputs of each branch",
        },
    ),
    NamedQuery(
        "word-across-modalities",
        named_queries.WORD_ACROSS_MODALITIES,
        "Units that a word drives and whose conv branch and shortcut differ in modality.",
        {"apart": 0.1},
        {"word": "one of those shown to the network", "apart": _APART},
    ),
    NamedQuery(
        "read-and-see",
        named_queries.READ_AND_SEE,
        "Units of which one branch leans to words and the other to pictures, against controls.",
        {"apart": 0.1},
        {"layer": _LAYER, "apart": _APART},
    ),
    NamedQuery(
        "next-to-labelled",
        named_queries.NEXT_TO_LABELLED,
        "Units without a label that have most ties to labelled ones: what to label next.",
        {"strongest": 5},
        {"layer": "the layer of the units", "strongest": _STRONGEST},
    ),
)


def kept(database: Database) -> list[NamedQuery]:
    """The queries that users keep, by name."""
    return [_query(row) for row in database.read(named_queries.KEPT_QUERIES)]


def keep(database: Database, query: NamedQuery, replace: bool = False) -> bool:
    """Keep a query; whether its name was free, or is replaced."""
    properties = {
        "name": query.name,
        "id": str(uuid.uuid4()),
        "text": query.text,
        "description": query.description,
        "parameters": json.dumps(dict(query.defaults), ensure_ascii=False),
        "author": query.author,
        "at": (query.at or datetime.now(UTC)).astimezone(UTC),
    }
    return bool(database.write(named_queries.KEEP_QUERY, name=query.name, properties=properties, replace=replace))


def forget(database: Database, name: str) -> bool:
    """Take a query away; whether there was one."""
    return bool(database.write(named_queries.FORGET_QUERY, name=name)[0]["done"])


def sensitive(database: Database) -> frozenset[str]:
    """Every text called sensitive, said of a flagged unit or shown by such an image; of all models, also withdrawn."""
    kinds: dict[str, Kind] = {"units": "unit", "images": "image"}
    keys = {
        name: [f"{model}/{flagged}" for (model, flagged), bad in _flagged(database, kind).items() if bad]
        for name, kind in kinds.items()
    }
    found = database.read(named_queries.SENSITIVE_TEXTS) + database.read(named_queries.FLAGGED_TEXTS, **keys)
    return frozenset(row["text"] for row in found)


def flagged_words(database: Database) -> dict[str, bool]:
    """What somebody said of words last, whether they are sensitive; where models differ, they are."""
    last = _flagged(database, "word")
    return {word: any(bad for (_, other), bad in last.items() if other == word) for _, word in last}


def _flagged(database: Database, kind: Kind) -> dict[tuple[str, str], bool]:
    """What was said last of each model's units, images or words, by model and name."""
    rows = database.read(named_queries.FLAGGED, kind=kind)
    return {(row["model"], row["name"]): bool(row["sensitive"]) for row in rows}


def _query(row: Mapping[str, Any]) -> NamedQuery:
    columns = {name: row[name] for name in ("name", "text", "description", "author")}
    return NamedQuery(**columns, defaults=json.loads(row["parameters"]), at=utc(row["at"]))
