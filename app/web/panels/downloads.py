"""Buttons that download a circuit: its drawing for papers and slides, its units and edges for other tools."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from catalog import CIRCUIT_FORMATS, CIRCUIT_SUFFIXES, DRAWING_FORMS, DRAWING_MEDIA_TYPES, CircuitView

_SUFFIXES = {form: suffix for suffix, form in CIRCUIT_SUFFIXES.items()}
_NAMES = {"json": "JSON", "graphml": "GraphML", "csv": "CSV"}


def show(circuit: CircuitView, revealed: bool) -> None:
    """Show a button for each format; a click makes the file. Drawings hide what is sensitive unless `revealed`."""
    stem = f"{circuit.record.kind} {circuit.units[0].id}".replace("/", "-").replace(" ", "-")
    with st.container(horizontal=True, gap="small"):
        for form in DRAWING_FORMS:
            _button(form.upper(), circuit.rendered(form, revealed), f"{stem}.{form}", DRAWING_MEDIA_TYPES[form])
        for kind in CIRCUIT_FORMATS:
            _button(_NAMES[kind], partial(circuit.encoded, kind), f"{stem}{_SUFFIXES[kind]}")


def _button(label: str, data: Callable[[], bytes], name: str, kind: str = "application/octet-stream") -> None:
    st.download_button(label, data, name, kind, key=f"save {label}", on_click="ignore", icon=":material/download:")
