"""Compare the found and the recorded number in a row that a text of `graph.cypher.verification` returns."""

import math
from collections.abc import Mapping
from typing import Any


def agrees(row: Mapping[str, Any]) -> bool:
    """Return whether a row's `found` equals its `recorded`: texts exactly, numbers to a relative 1e-9."""
    found, recorded = row["found"], row["recorded"]
    if isinstance(found, str):
        return bool(found == recorded)
    return recorded is not None and math.isclose(found, recorded, rel_tol=1e-9)
