"""Macroscopic: show how contributions between layers are distributed, and how much of a sum comes over its shortcut."""

import streamlit as st

from app.web import session
from app.web.panels import layers, macroscopic
from extract.units import Layer
from graph.records import Variant

model = session.model()
reached = [layer for layer in reversed(model.architecture.layers) if layers.has_inputs(layer)]
names = [str(layer) for layer in reached]
last = next(place for place, layer in enumerate(reached) if layer.role == "conv")

st.title("Macroscopic")
st.write(
    "This page shows how the contributions into a layer are distributed: whether the distribution is close to a normal "
    "or to a Laplace, whether signs are balanced, and whether there are two peaks. Every number is compared with "
    "randomised weights and with shuffled entries."
)
left, right = st.columns(2)
name = left.selectbox("Layer", names, last, key="layer", bind="query-params", help="The last layer comes first.")
layer = Layer.parse(name)
variants: list[Variant] = ["scaled"] if layer.role == "sum" else list(macroscopic.VARIANTS)
variant = right.segmented_control(
    "Variant", variants, default=variants[0], required=True, key="variant", bind="query-params",
    help="; ".join(f"{name}: {text}" for name, text in macroscopic.VARIANTS.items()),
)  # fmt: skip
if claims := model.macroscopic(layer):
    macroscopic.figure(claims, layer, variant)
    macroscopic.comparisons(claims, layer, variant)
else:
    macroscopic.missing(layer)
macroscopic.weight_distributions(layer)
layers.shares(None)
if claims:
    macroscopic.paired_shares(claims)
