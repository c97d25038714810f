"""Any word shown to the network itself: the units that it raises most over a baseline."""

import streamlit as st

from app.web import live_network as rises
from app.web import session

MEAN = "mean"  # as in `circuits difference`
TOP = 20

model = session.model()
layers = [str(layer) for layer in reversed(model.architecture.layers)]

st.title("Words")
st.write(
    "A word is drawn as an image and shown to the network. The units below are those whose mean activation it raises "
    "most over a baseline: over eeeeee, as in the article, over the mean of common words, or over any text of yours."
)
left, middle, right = st.columns(3)
word = left.text_input("Word", "anchor", key="word", bind="query-params", help="Any text that fits the image.")
baseline = middle.selectbox(
    "Over",
    ["eeeeee", MEAN],
    key="baseline",
    bind="query-params",
    accept_new_options=True,
    help="mean: over the 10,000 most common words, which takes a while for each layer; any other text as it is.",
)
layer = right.selectbox("Layer", layers, key="layer", bind="query-params", help="The last sum stands first.")
texts = [word] if baseline == MEAN else [word, baseline]
session.show(rises.words(texts, model.architecture.image_size), "as shown")
if rises.ready(model.id, "a word"):
    with rises.missing_shown():
        found = rises.over(model, word, None if baseline == MEAN else baseline, model.architecture.layer(layer), TOP)
        st.subheader(f"Units of {layer} that rise most", help="Mean over positions; of a sum after its ReLU.")
        if found:
            session.show(rises.table(found), "risen")
        else:
            st.caption("No unit rises over this baseline.")
