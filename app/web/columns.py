"""How a table of units and their numbers heads, explains and prints its columns on a page."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from catalog.formats import is_rate, is_share, meaning, name


def columns(numbers: Iterable[str]) -> dict[str, Any]:
    """How a table of units, their labels and these numbers heads, explains and prints its columns."""
    config = st.column_config
    named = ("unit", "labels", "verdict")
    texts = {column: config.TextColumn(name(column), pinned=column == "unit") for column in named}
    return texts | {n: config.NumberColumn(name(n), help=meaning(n), format=_format(n)) for n in numbers}


def _format(column: str) -> str:
    if column == "shared" or column.endswith("_inputs"):
        return "%d"
    if is_rate(column):
        return "%.2g"
    return "percent" if is_share(column) else "%.3f"
