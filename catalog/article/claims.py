"""The claims of the article and its repository: each with its statistic, and a tolerance fixed beforehand.

They stand in claims.json. `circuits reproduce` decides each by the check that it names.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import TypeAdapter

Need = Literal[
    "RN50", "probes", "top 100 probes", "visualisations", "census", "words", "listed words", "matrices", "authors"
]
ClaimSource = Literal["article", "repository", "Distill", "this project"]


@dataclass(frozen=True)
class Claim:
    """A claim: who makes it in which words, what is measured, what was published and how far off it may be.

    `check` names what decides it, by the `numbers`; `needs` are what it cannot be decided without.
    """

    name: str
    source: ClaimSource
    sentence: str
    statistic: str
    published: str
    tolerance: str
    check: str
    needs: tuple[Need, ...]
    numbers: Mapping[str, Any]


@cache
def claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the report."""
    content = json.loads(files("catalog.article").joinpath("claims.json").read_text(encoding="utf-8"))
    return TypeAdapter(tuple[Claim, ...]).validate_python(content)
