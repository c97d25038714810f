"""What a word or a picture raises, asked of the network itself; one loaded network serves all sessions."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import streamlit as st

from app.web import session
from catalog.errors import TorchMissing
from catalog.hiding.veil import address
from catalog.live_network import DEMO, network_of, torch_needed
from extract.errors import WeightsError
from extract.probes.rasterised_words import rasterise, usual
from extract.units import Layer, Unit
from graph.records import ModelCard

if TYPE_CHECKING:
    from PIL.Image import Image

    from extract.network.network import Network
    from extract.recording.difference import Ranking

CHUNK = 250  # words shown between two steps of the progress bar
Rises = Sequence[tuple[Unit, float]]

_WANTED = {DEMO}  # models whose networks are loaded; this one is never far
_ALONE = Lock()  # units are read by hooks on the one network, which would see another session's images too


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

    Raises TorchMissing, WeightsError as `network_of`; WordsError for a text that cannot be set.
    """
    loaded = network(card.id, card.weights_sha256)
    with torch_needed():
        from extract.recording.difference import BASELINE, Ranking
    with st.spinner("Showing the word to the network"):
        found = _difference(loaded, word, baseline or BASELINE, layer)
    if not baseline:  # by way of the article's, whose distance from the mean is the same for every word
        found = Ranking(layer, found.values + _over_common(card.id, card.weights_sha256, layer))
    return [(unit, rise) for unit, rise in found.top(n) if rise > 0]


def over_picture(
    card: ModelCard, shown: "Image", layer: Layer, n: int, activities: Mapping[int, tuple[float, float | None]] | None
) -> Rises:
    """The n units of a layer that a picture raises most over a grey one; TorchMissing, WeightsError as `network_of`.

    Where `activities` gives every channel's mean and deviation over the probes, over those, in deviations.
    """
    loaded = network(card.id, card.weights_sha256)
    with torch_needed():
        from extract.recording.channel_means import channel_means
        from extract.recording.difference import Ranking, difference
    with st.spinner("Showing the picture to the network"), _ALONE:
        if activities is None:
            found = difference(loaded, shown, PIL.Image.new("RGB", shown.size, "grey"), layer)
        else:
            values = channel_means(loaded, [shown], [layer])[layer][0]
            found = Ranking(layer, _deviations(values, activities))
    return [(unit, rise) for unit, rise in found.top(n) if rise > 0]


def _deviations(values: np.ndarray, activities: Mapping[int, tuple[float, float | None]]) -> np.ndarray:
    """Values (channels,) in standard deviations above the mean; 0 for a channel that does the same on all probes."""
    means, deviations = np.zeros_like(values), np.full_like(values, np.inf)
    for channel, (mean, sd) in activities.items():
        means[channel], deviations[channel] = mean, sd or np.inf
    away: np.ndarray = (values - means) / deviations
    return away


def picture(content: bytes, name: str) -> "Image":
    """A picture that somebody uploaded; TorchMissing, ProbesError for what is none."""
    with torch_needed():
        from extract.probes.pictures import decode_picture
    return decode_picture(content, name)


def as_seen(card: ModelCard, shown: "Image", name: str) -> str:
    """The part of a picture that the network sees, as safe HTML; TorchMissing, WeightsError as `network_of`."""
    loaded = network(card.id, card.weights_sha256)
    with torch_needed():
        from extract.network.preprocessing import seen
    return _figures({name: seen(loaded, shown)})


def table(found: Rises) -> str:
    """Units with their pictures, labels and rises, each linked to its page, as safe HTML."""
    units, rises = zip(*found, strict=True)
    gallery = session.gallery()
    return gallery.rises(session.model_store().units(units), rises, session.thumbnails(map(str, units)))


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


@st.cache_resource(max_entries=2, show_spinner="Loading torch and the network", show_time=True)
def network(model: str, weights_sha256: str) -> "Network":
    """The one loaded network of a model, by its id; TorchMissing, WeightsError as `network_of`."""
    return network_of(model, weights_sha256)


@st.cache_data(max_entries=50, show_spinner=False)
def _over_common(model: str, weights_sha256: str, layer: Layer) -> np.ndarray:
    """What the article's baseline raises over the mean of the common words: float32 (channels,)."""
    from extract.probes.word_lists import most_common
    from extract.recording.difference import BASELINE

    loaded, common = network(model, weights_sha256), most_common()
    chunks = [common[first : first + CHUNK] for first in range(0, len(common), CHUNK)]
    told, found = f"Showing {len(common):,} common words to the network, once for this layer", []
    bar = st.progress(0.0, told)
    for done, chunk in enumerate(chunks, start=1):
        found.append(_difference(loaded, BASELINE, chunk, layer).values)
        bar.progress(done / len(chunks), told)
    bar.empty()
    return np.average(found, axis=0, weights=[len(chunk) for chunk in chunks]).astype(np.float32)


def _difference(network: "Network", word: str, baseline: str | Sequence[str], layer: Layer) -> "Ranking":
    from extract.recording.difference import difference

    with _ALONE:
        return difference(network, word, baseline, layer)
