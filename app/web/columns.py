"""How a table of units and their numbers heads, explains and prints its columns on a page."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from catalog.formats import column_format, meaning, title

_TEXTS = {"unit": "Unit", "labels": "Labels", "verdict": title("verdict")}


def columns(numbers: Iterable[str]) -> dict[str, Any]:
    """How a table of units, their labels and these numbers heads, explains and prints its columns."""
    config = st.column_config
    texts = {column: config.TextColumn(text, pinned=column == "unit") for column, text in _TEXTS.items()}
    return texts | {n: config.NumberColumn(title(n), help=meaning(n), format=column_format(n)) for n in numbers}
