"""Layers: what was computed between them, what was measured of their units, and what is missing."""

import streamlit as st

from app.web import session
from app.web.panels import layers as layer_parts
from extract.units import Layer

ALL = "all layers"

store, model = session.model_store(), session.model()
names = [str(layer) for layer in reversed(model.architecture.layers)]

st.title("Layers")
st.write(
    "How many units each layer has, how much is known about them, and between which layers expanded weights were "
    "computed. Whatever is not there yet comes with the command that makes it."
)
chosen = st.selectbox("Layer", [ALL, *names], key="layer", bind="query-params", help="The last one stands first.")
layer = None if chosen == ALL else Layer.parse(chosen)
cards, sweeps = store.layers(layer), store.sweeps(target=layer)
layer_parts.counts(cards, sweeps)
if layer is not None:
    st.page_link(
        "views/search.py",
        label=f"Units of {layer}",
        icon=":material/search:",
        query_params={"layer": str(layer), "model": model.id},
    )
layer_parts.shares(layer)
layer_parts.sweeps(sweeps)
layer_parts.missing(cards, sweeps)
