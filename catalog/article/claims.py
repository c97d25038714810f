"""The claims of the enrichment circuits article and its repository, each with a statistic and a tolerance.

The claims are in claims.json; their tolerances were fixed before any measurement. `circuits reproduce` decides each
claim by the check that the claim names.
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
    """A claim: its source and wording, the statistic that is measured, the published value and the tolerance.

    `check` names the function that decides the claim from `numbers`; `needs` lists the data that it needs.
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
    """Read every claim, in the order of the report."""
    content = json.loads(files("catalog.article").joinpath("claims.json").read_text(encoding="utf-8"))
    return TypeAdapter(tuple[Claim, ...]).validate_python(content)
