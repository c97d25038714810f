"""What a word or a picture raises, asked of the network itself; one loaded network serves all sessions."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import streamlit as st

from app.web import session
from catalog.errors import TorchMissing, torch_needed
from catalog.hiding.smear import address
from extract.demo import MODEL as DEMO
from extract.errors import WeightsError
from extract.probes.rasterised_words import rasterise, usual
from extract.units import Layer, Unit
from graph.records import Contribution, ModelCard

if TYPE_CHECKING:
    from PIL.Image import Image

    from catalog.live_network import Kernel, LiveNetwork
    from extract.recording.difference import Ranking

Rises = Sequence[tuple[Unit, float]]

_WANTED = {DEMO}  # models whose networks are loaded; this one is never far


def ready(model: str, what: str) -> bool:
    """Whether to load a model's network for what needs it: somebody has to ask, since weights may come from the hub."""
    told = "Its weights are taken from this machine, or else fetched from the Hugging Face hub."
    if model not in _WANTED and st.button(f"Load {model}", icon=":material/download:", help=told):
        _WANTED.add(model)
    if model in _WANTED:
        return True
    st.caption(f"The catalog holds what was extracted from {model}; {what} needs the network itself.")
    return False


@contextmanager
def missing_shown() -> Iterator[None]:
    """Show that torch or the weights are missing as a note in place of what needs them."""
    try:
        yield
    except (TorchMissing, WeightsError) as error:
        st.info(str(error), icon=":material/cloud_off:")


def over(card: ModelCard, word: str, baseline: str | None, layer: Layer, n: int) -> Rises:
    """The n units of a layer that a word raises most over a baseline text, or over the mean of the common words.

    Raises TorchMissing, WeightsError as `Model.network`; WordsError for a text that cannot be set.
    """
    asked = network(card.id, card.weights_sha256)
    if baseline:
        with st.spinner("Showing the word to the network"):
            return _highest(asked.difference(word, baseline, layer), n)
    place = st.empty()
    told = "Showing the common words to the network, once for this layer"
    ranking = asked.over_common_words(word, layer, lambda part: place.progress(part, told))
    place.empty()
    return _highest(ranking, n)


def over_picture(
    card: ModelCard, shown: "Image", layer: Layer, n: int, activities: Mapping[int, tuple[float, float | None]] | None
) -> Rises:
    """The n units of a layer that a picture raises most over a grey one; TorchMissing, WeightsError.

    Where `activities` gives every channel's mean and deviation over the probes, over those, in deviations.
    """
    asked = network(card.id, card.weights_sha256)
    with st.spinner("Showing the picture to the network"):
        return _highest(asked.rises(shown, layer, activities), n)


def _highest(ranking: "Ranking", n: int) -> Rises:
    """The n highest units, of those that rise."""
    return [(unit, rise) for unit, rise in ranking.top(n) if rise > 0]


def picture(content: bytes, name: str) -> "Image":
    """A picture that somebody uploaded; ProbesError for what is none."""
    with torch_needed():
        from extract.probes.pictures import decode_picture
    return decode_picture(content, name)


def as_seen(card: ModelCard, shown: "Image", name: str) -> str:
    """The part of a picture that the network sees, as safe HTML; TorchMissing, WeightsError."""
    return _figures({name: network(card.id, card.weights_sha256).seen(shown)})


def table(found: Rises) -> str:
    """Units with their pictures, labels and rises, each linked to its page, as safe HTML."""
    units, rises = zip(*found, strict=True)
    gallery = session.gallery()
    return gallery.rises(session.model_store().units(units), rises, session.thumbnails(units))


def words(texts: Sequence[str], side: int) -> str:
    """Texts as the network is shown them, side by side, as safe HTML; WordsError for one that cannot be set."""
    return _figures({text: rasterise(text, side, usual(side)) for text in texts})


def _figures(images: Mapping[str, "Image"]) -> str:
    figures = "".join(
        f'<figure><img src="{_png(image)}" alt="{escape(name)}"><figcaption>{escape(name)}</figcaption></figure>'
        for name, image in images.items()
    )
    return f'<div class="row" style="--side:128px;--columns:{len(images)}">{figures}</div>'


def _png(image: "Image") -> str:
    stream = BytesIO()
    image.save(stream, "png")
    return address(b64encode(stream.getvalue()).decode())


def kernel(card: ModelCard, edge: Contribution) -> "Kernel":
    """The spatial matrix of an edge; TorchMissing, WeightsError."""
    return _kernel(card.id, card.weights_sha256, str(edge.source), str(edge.target))


@st.cache_data(max_entries=200, show_spinner="Computing the expanded weight")
def _kernel(model: str, weights_sha256: str, source: str, target: str) -> "Kernel":
    return network(model, weights_sha256).expanded_weight(source, target)


@st.cache_resource(max_entries=2, show_spinner="Loading torch and the network", show_time=True)
def network(model: str, weights_sha256: str) -> "LiveNetwork":
    """The one loaded network of a model, by its id; TorchMissing, WeightsError."""
    with torch_needed():
        from catalog.live_network import LiveNetwork  # reaches torch, and most pages do without
    return LiveNetwork.of(model, weights_sha256)
