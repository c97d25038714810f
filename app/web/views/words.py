"""Words: show the network any word, and list the units that it raises most and those that also answer to a picture."""

import streamlit as st

from app.web import live_network, session
from app.web.panels import intersection

MEAN = "mean"  # as in `circuits difference`
TOP = 20

layers = [str(layer) for layer in reversed(session.model().architecture.layers)]

st.title("Words")
st.write(
    "A word is drawn as an image and shown to the network. Below are the units whose mean activation rises most over a "
    "baseline. The baseline is eeeeee, as in the article, or the mean of common words, or any other text."
)
left, middle, right = st.columns(3)
word = left.text_input("Word", "anchor", key="word", bind="query-params", help="Any text that fits the image.")
baseline = middle.selectbox(
    "Over",
    ["eeeeee", MEAN],
    key="baseline",
    bind="query-params",
    accept_new_options=True,
    help="mean: the mean over the 10,000 most common words, which takes a while for each layer. Type any other text.",
)
layer = right.selectbox("Layer", layers, key="layer", bind="query-params", help="The last sum comes first.")
texts = [word] if baseline == MEAN else [word, baseline]
session.show(live_network.word_figures(texts), "as shown")
if live_network.ready("a word"):
    with live_network.show_missing():
        rises = live_network.word_rises(word, None if baseline == MEAN else baseline, layer, TOP)
        st.subheader(f"Units of {layer} that rise most", help="Mean over positions; for a sum, after its ReLU.")
        if rises:
            session.show(live_network.rises_table(rises), "risen")
        else:
            st.caption("No unit rises over this baseline.")
        intersection.show(word, layer, TOP)
