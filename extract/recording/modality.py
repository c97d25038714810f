"""Measure modality: how well a unit's activation tells words from letter strings, and pictures from scrambled ones.

Words are compared with random strings of as many letters, and pictures with the same pictures cut up and mixed, so that
black on white does not count as reading, nor colours and edges as seeing. A layer is a branch: 5 is the conv branch, 7
or the previous block's sum the shortcut, and 6 or 8 the sum itself.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import ImageOps
from PIL.Image import Image, Resampling
from tqdm import tqdm

from extract.errors import ProbesError, WordsError
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.probes import table as probes
from extract.probes.rasterised_words import Lettering, check, fits, rasterise, usual_lettering
from extract.probes.scrambled import scrambled
from extract.probes.word_lists import letter_strings, most_common
from extract.recording.channel_means import channel_means
from extract.recording.percentiles import percentiles
from extract.units import Layer

WORDS = 1000  # the default number: an effect is then known to about 0.05 (two standard errors)


def profile(
    network: Network,
    extraction: Extraction,
    words: Iterable[str] | None = None,
    pictures: pa.Table | None = None,
    layers: Iterable[Layer] | None = None,
    lettering: Lettering | None = None,
    seed: int = 0,
    progress: bool = True,
) -> pa.Table:
    """Measure the selectivity of every unit of the layers, add it to the extraction as `modality`, and return it.

    The defaults are the 1,000 most common words, the demo's pictures, the branches and sums of the last stage, and the
    `usual_lettering`. `pictures` is a table of probes, of which the pictures count. Earlier measurements are replaced.
    Raises what `vocabulary.measure` raises, and ProbesError where there is no picture.
    """
    extraction.check(network.model, network.sha256)
    shape, side = network.architecture, network.architecture.image_size
    last = [layer for layer in shape.layers if layer.stage == shape.final.stage and layer.index > 3]
    measured = last if layers is None else [shape.check(layer) for layer in sorted({*layers})]
    texts = list(dict.fromkeys(most_common(WORDS) if words is None else words))
    table = probes.read() if pictures is None else probes.check(pictures)
    table = table.filter(pc.field("modality") == "picture")
    if not texts or not table.num_rows:
        raise ProbesError("There is nothing to compare. Give at least one word, and probes with at least one picture.")
    kinds = (*_words(texts, side, lettering or usual_lettering(side), seed), *_pictures(table, side, seed))
    with tqdm(desc="modality", unit="image", disable=not progress) as bar:
        means = [channel_means(network, kind, measured, bar.update) for kind in kinds]
    rows = [_table(layer, [values[layer] for values in means]) for layer in measured]
    extraction.add({"modality.parquet": pa.concat_tables(rows)})
    return extraction.table("modality")


def _words(texts: Sequence[str], side: int, lettering: Lettering, seed: int) -> tuple[Iterator[Image], Iterator[Image]]:
    """Images of the words, and of as many letter strings of each length."""
    for text in texts:
        check(text, side, lettering)
    accept = partial(fits, side=side, lettering=lettering)
    strings = letter_strings(Counter(map(len, texts)), texts, seed, accept)
    if not (letters := [text for same_length in strings.values() for text in same_length]):
        raise WordsError("Every string of so few letters is one of the words. Give longer words too.")
    draw = partial(rasterise, side=side, lettering=lettering)
    return map(draw, texts), map(draw, letters)


def _pictures(table: pa.Table, side: int, seed: int) -> tuple[Iterator[Image], Iterator[Image]]:
    """The pictures as the network's preprocessing cuts them, and the same scrambled, each in an order of its own."""
    square = partial(ImageOps.fit, size=(side, side), method=Resampling.BICUBIC)
    mixed = (scrambled(square(image), (seed, place)) for place, image in enumerate(probes.images(table)))
    return map(square, probes.images(table)), mixed


def _table(layer: Layer, means: Sequence[np.ndarray]) -> pa.Table:
    """A layer's rows, from its means (images, channels) on words, letter strings, pictures and scrambled pictures."""
    words, letters, pictures, mixed = means
    effects = zip(effect(words, letters), effect(pictures, mixed), strict=True)
    rows = [
        {"layer": str(layer), "channel": channel, "words": reads, "pictures": sees}
        | {"n_words": len(words), "n_pictures": len(pictures)}
        for channel, (reads, sees) in enumerate(effects)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["modality"])


def effect(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """2 AUROC - 1 (Cliff's delta) of values (n, channels) against others (m, channels): float64 (channels,).

    How much likelier a value is to lie above one of the others than below it: from -1 to 1; equals count for neither
    side.
    """
    pooled = percentiles(np.concatenate([one, other]))[: len(one)].mean(axis=0)  # (channels,), of `one` among all
    above = (pooled * (len(one) + len(other)) - len(one) / 2) / len(other)
    delta: np.ndarray = 2 * above - 1
    return delta
