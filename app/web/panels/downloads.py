"""Buttons that save a circuit: its drawing for papers and slides, its units and edges for other tools."""

from functools import partial

import streamlit as st

from catalog.circuits import export, rendering
from catalog.circuits.circuit import Circuit
from catalog.circuits.figure import draw

_ENDINGS = {form: suffix for suffix, form in export.SUFFIXES.items()}
_NAMES = {"json": "JSON", "graphml": "GraphML", "csv": "CSV"}


def show(circuit: Circuit, revealed: bool) -> None:
    """A button for each format, side by side; a file is made when it is asked for, hidden unless `revealed`."""
    stem = f"{circuit.kind} {circuit.units[0].id}".replace("/", "-").replace(" ", "-")
    with st.container(horizontal=True, gap="small"):
        for form in rendering.FORMS:
            data = partial(rendering.render, draw(circuit, revealed=revealed), form)
            _button(form.upper(), data, f"{stem}.{form}", rendering.KINDS[form])
        for kind in export.FORMATS:
            _button(_NAMES[kind], partial(export.encode, circuit, kind), f"{stem}{_ENDINGS[kind]}")


def _button(label: str, data: partial[bytes], name: str, kind: str = "application/octet-stream") -> None:
    st.download_button(label, data, name, kind, key=f"save {label}", on_click="ignore", icon=":material/download:")
