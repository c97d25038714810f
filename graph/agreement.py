"""Whether what is found is what was written, in a row of one of the texts of `graph.cypher.verification`."""

import math
from collections.abc import Mapping
from typing import Any


def agrees(row: Mapping[str, Any]) -> bool:
    """Compare a count, a sum (to 1e-9 of it) or a checksum with what was recorded."""
    found, recorded = row["found"], row["recorded"]
    if isinstance(found, str):
        return bool(found == recorded)
    return recorded is not None and math.isclose(found, recorded, rel_tol=1e-9)
