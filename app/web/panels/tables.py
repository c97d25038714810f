"""Tables of records whose columns have titles and tooltips."""

from collections.abc import Mapping, Sequence

import streamlit as st


def show(rows: Sequence[Mapping[str, object]], columns: Mapping[str, tuple[str, str]]) -> None:
    """Show rows as a table; `columns` has each field's title and tooltip. Beyond some ten rows the table scrolls."""
    config = {name: st.column_config.Column(title, help=text) for name, (title, text) in columns.items()}
    st.dataframe(rows, column_config=config, hide_index=True, height=min(35 * len(rows) + 38, 400))
