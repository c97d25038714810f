"""Load the model's network, once for all sessions, and show which units a word or a picture raises in it."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import streamlit as st

from app.web import session
from app.web.plain_text import plain
from catalog import DEMO, Model, picture_address
from catalog.errors import TorchMissing
from extract.errors import WeightsError
from extract.units import Layer, Unit
from graph.records import Contribution

if TYPE_CHECKING:
    from PIL.Image import Image

    from catalog import Kernel, LiveNetwork

Rises = Sequence[tuple[Unit, float]]
ActivityByChannel = Mapping[int, tuple[float, float | None]]


def ready(purpose: str) -> bool:
    """Return whether the network may be loaded; until somebody asks for it, show the button and name the `purpose`.

    Somebody has to ask because the weights may come from the Hugging Face hub.
    """
    model = session.model().id
    source = "Its weights are read on this machine, or else downloaded from the Hugging Face hub."
    if model not in requested() and st.button(plain(f"Load {model}"), icon=":material/download:", help=source):
        requested().add(model)
    if model in requested():
        return True
    st.caption(plain(f"The catalog holds only data extracted from {model}; {purpose} needs the network itself."))
    return False


@st.cache_resource
def requested() -> set[str]:
    """Return the models whose networks may be loaded, in all sessions. The demo is one: its weights are bundled."""
    return {DEMO}


@contextmanager
def show_missing() -> Iterator[None]:
    """Show a note that torch or the weights are missing, in place of what needs them."""
    try:
        yield
    except (TorchMissing, WeightsError) as error:
        st.info(plain(str(error)), icon=":material/cloud_off:")


def network() -> "LiveNetwork":
    """Return the network of the session's model. Raises TorchMissing, WeightsError."""
    model = session.model()
    return _network(model.id, model.card.weights_sha256, model)


@st.cache_resource(max_entries=2, show_spinner="Loading torch and the network", show_time=True)
def _network(name: str, weights_sha256: str, _model: Model) -> "LiveNetwork":
    return _model.network()


def word_rises(word: str, baseline: str | None, layer: Layer | str, count: int) -> Rises:
    """Return the `count` units of a layer that a word raises most over a baseline (None: the mean of common words).

    Raises TorchMissing, WeightsError; WordsError for a text that cannot be rendered.
    """
    live = network()
    if baseline:
        with st.spinner("Showing the word to the network"):
            return live.difference(word, baseline, layer).rises(count)
    bar = st.empty()
    message = "Showing the common words to the network, once for this layer"
    ranking = live.over_common_words(word, layer, lambda part: bar.progress(part, message))
    bar.empty()
    return ranking.rises(count)


def both_answers(word: str, picture: "Image", layer: Layer | str, count: int) -> Rises:
    """Return the `count` units of a layer that respond most to both a word and a picture.

    A unit's response to both is the smaller of its two mean activations. Raises TorchMissing, WeightsError; WordsError
    for a text that cannot be rendered.
    """
    live = network()
    with st.spinner("Showing the picture to the network"):
        return live.intersection(word, picture, layer).rises(count)


def picture_rises(picture: "Image", layer: Layer, count: int, activities: ActivityByChannel | None) -> Rises:
    """Return the `count` units of a layer that a picture raises most over a grey one.

    With `activities`, each channel's mean and standard deviation over the probes, the rise is over that mean, in
    standard deviations. Raises TorchMissing, WeightsError.
    """
    live = network()
    with st.spinner("Showing the picture to the network"):
        return live.rises(picture, layer, activities).rises(count)


def rises_table(rises: Rises) -> str:
    """Return units with their pictures, labels and rises as safe HTML, each linked to its page."""
    model, units = session.model(), [unit for unit, _ in rises]
    return session.gallery().rises(model.units(units), [rise for _, rise in rises], model.thumbnails(units))


def as_seen(picture: "Image", name: str) -> str:
    """Return the part of a picture that the network sees, as safe HTML. Raises TorchMissing, WeightsError."""
    return _figures({name: network().seen(picture)})


def word_figures(texts: Sequence[str]) -> str:
    """Return texts as the images that the network is shown, side by side, as safe HTML.

    Raises WordsError for a text that cannot be rendered.
    """
    return _figures({text: session.model().word_image(text) for text in texts})


def kernel(edge: Contribution) -> "Kernel":
    """Compute the spatial matrix of an edge. Raises TorchMissing, WeightsError."""
    model = session.model()
    return _kernel(model.id, model.card.weights_sha256, str(edge.source), str(edge.target))


@st.cache_data(max_entries=200, show_spinner="Computing the expanded weight")
def _kernel(model: str, weights_sha256: str, source: str, target: str) -> "Kernel":
    return network().expanded_weight(source, target)


def _figures(images: Mapping[str, "Image"]) -> str:
    figures = "".join(
        f'<figure><img src="{_png(image)}" alt="{escape(name)}"><figcaption>{escape(name)}</figcaption></figure>'
        for name, image in images.items()
    )
    return f'<div class="row" style="--side:128px;--columns:{len(images)}">{figures}</div>'


def _png(image: "Image") -> str:
    stream = BytesIO()
    image.save(stream, "png")
    return picture_address(b64encode(stream.getvalue()).decode())
