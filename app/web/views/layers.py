"""Layers: show what was computed between layers, what was measured of their units, and what is missing."""

import streamlit as st

from app.web import session
from app.web.panels import layers
from extract.units import Layer

ALL = "all layers"

model = session.model()
names = [str(layer) for layer in reversed(model.architecture.layers)]

st.title("Layers")
st.write(
    "The tables show how many units each layer has, what was measured of them, and between which layers expanded "
    "weights were computed. The commands below add what is missing."
)
name = st.selectbox("Layer", [ALL, *names], key="layer", bind="query-params", help="The last layer comes first.")
layer = None if name == ALL else Layer.parse(name)
cards = model.layers if layer is None else [model.layer(layer)]
sweeps = model.sweeps(target=layer)
layers.counts(cards, sweeps)
if layer is not None:
    st.page_link(
        "views/search.py",
        label=f"Units of {layer}",
        icon=":material/search:",
        query_params={"layer": str(layer), "model": model.id},
    )
layers.shares(layer)
layers.sweep_table(sweeps)
if layer is not None and layers.has_inputs(layer):
    st.page_link(
        "views/macroscopic.py",
        label=f"How the weights into {layer} are distributed",
        icon=":material/bar_chart:",
        query_params={"layer": str(layer), "model": model.id},
    )
layers.missing(cards, sweeps)
