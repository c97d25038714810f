"""The columns of a page's table of units: their titles, tooltips and formats."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from catalog import column_format, meaning, title

_TEXTS = {"unit": "Unit", "labels": "Labels"} | {
    name: title(name) for name in ("verdict", "weakest_link", "ablation", "nearby_ablation")
}


def columns(numbers: Iterable[str]) -> dict[str, Any]:
    """Return the settings of a table's columns: unit, labels, verdicts, and these numbers with tooltips and formats."""
    config = st.column_config
    texts = {column: config.TextColumn(text, pinned=column == "unit") for column, text in _TEXTS.items()}
    return texts | {n: config.NumberColumn(title(n), help=meaning(n), format=column_format(n)) for n in numbers}
