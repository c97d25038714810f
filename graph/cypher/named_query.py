"""The queries that have a name: ours, and those that users keep in the database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graph.cypher import built_in as named_queries

COMMENT = r"//[^\r\n]*|/\*.*?\*/"
_QUOTED = re.compile(rf"""{COMMENT}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`""", re.DOTALL)
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


def bare(text: str) -> str:
    """A text without comments, and with a question mark for all that is quoted."""
    return _QUOTED.sub(lambda found: " " if found[0].startswith("/") else "?", text)


def parameters_in(text: str) -> tuple[str, ...]:
    """The names of a text's parameters, each once, in its order; not those of which the name is in backticks."""
    return tuple(dict.fromkeys(re.findall(r"\$(\w+)", bare(text))))
