"""Search: look up a unit, a label, a concept or a word in the catalog, or show a word or a picture to the network."""

import streamlit as st

from app.web import session
from app.web.panels import search

WAYS = {
    "catalog": "In the catalog: labels, concepts of top probes, and words that drive a unit.",
    "word": "The text is drawn as an image and shown to the network, to find the units that it raises most.",
    "picture": "A picture is shown to the network, to find the units that it raises most.",
}

st.title("Search")
text = st.text_input(
    "Unit, label, concept or word",
    key="text",
    bind="query-params",
    placeholder="4/2/6/34, layer4.2.act3:34, wound, banana",
    help="A unit's id or module name opens its page.",
)
search.goto(text)
way, where = st.columns(2, gap="large")
by = way.segmented_control(
    "Search", list(WAYS), default="catalog", required=True, key="by", bind="query-params", help=" ".join(WAYS.values())
)
with where:
    layer = search.layer()
if by == "catalog":
    search.in_catalog(text, layer, search.filters())
elif by == "word":
    search.word(text, layer or session.model().architecture.final)
else:
    search.picture(layer or session.model().architecture.final)
