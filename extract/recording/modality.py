"""Measure modality: how well a unit's activation tells words from letter strings, and pictures from scrambled ones.

Words are compared with random strings of as many letters, and pictures with the same pictures cut up and mixed. So
black on white does not count as reading, nor do colours and edges count as seeing. Random strings also have letters
that are rare in words. So words are compared with anagrams of themselves too, which differ only in the order of the
letters. Each branch is measured as a layer: index 5 is the conv branch, index 7 or the previous block's sum is the
shortcut, and index 6 or 8 is the sum itself.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import ImageOps
from PIL.Image import Image, Resampling
from tqdm import tqdm

from extract.errors import ProbesError, WordsError
from extract.folder.extraction import Extraction
from extract.folder.schemas import per_unit
from extract.network.network import Network
from extract.probes import table as probes
from extract.probes.control_strings import anagrams, letter_strings
from extract.probes.rasterised_words import Lettering, check, fits, rasterise, usual_lettering
from extract.probes.scrambled_pictures import scrambled
from extract.probes.word_lists import most_common
from extract.recording.channel_means import channel_means
from extract.recording.percentiles import percentiles
from extract.units import Layer

WORDS = 1000  # the default number: an effect is then known to about 0.05 (two standard errors)
_COMMON = 20_000  # most common words, none of which counts as an anagram


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
    """Measure the selectivity of every unit of the layers, store it in the extraction as `modality`, and return it.

    The defaults are the 1,000 most common words, the demo's pictures, the branches and sums of the last stage, and the
    `usual_lettering`. `pictures` is a table of probes; only its pictures are used. Earlier measurements are replaced.
    Raises ProbesError if there is no word or no picture; WordsError for a word that cannot be rendered, or if all words
    are too short; UnknownUnit for a layer that is not there; ExtractionError if the folder is of other weights.
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
    lettering = lettering or usual_lettering(side)
    shown = _texts(texts, side, lettering, seed)
    draw = partial(rasterise, side=side, lettering=lettering)
    kinds = (*(map(draw, kind) for kind in (shown.words, shown.strings, shown.anagrams)), *_pictures(table, side, seed))
    with tqdm(desc="modality", unit="image", disable=not progress) as bar:
        means = [channel_means(network, kind, measured, bar.update) for kind in kinds]
    rows = [_table(layer, [values[layer] for values in means], shown.shuffled) for layer in measured]
    extraction.add({"modality.parquet": pa.concat_tables(rows)})
    return extraction.table("modality")


def has_anagrams(extraction: Extraction) -> bool:
    """Return whether words were also compared with their anagrams, which an earlier version did not do."""
    return bool(extraction.table("modality")["n_anagrams"].is_valid().to_numpy().any())


@dataclass(frozen=True)
class _Texts:
    """Words, as many letter strings of each length, and anagrams.

    `shuffled`, bool (words,), says which words have an anagram.
    """

    words: Sequence[str]
    strings: Sequence[str]
    anagrams: Sequence[str]
    shuffled: np.ndarray


def _texts(words: Sequence[str], side: int, lettering: Lettering, seed: int) -> _Texts:
    for text in words:
        check(text, side, lettering)
    accept = partial(fits, side=side, lettering=lettering)
    strings = letter_strings(Counter(map(len, words)), words, seed, accept)
    if not (letters := [text for same_length in strings.values() for text in same_length]):
        raise WordsError("The words include every string of so few letters. Give longer words too.")
    by_word = anagrams(words, most_common(_COMMON), seed, accept)
    return _Texts(words, letters, list(by_word.values()), np.array([text in by_word for text in words]))


def _pictures(table: pa.Table, side: int, seed: int) -> tuple[Iterator[Image], Iterator[Image]]:
    """Return the pictures as the network's preprocessing cuts them, and the same scrambled, each in its own order."""
    square = partial(ImageOps.fit, size=(side, side), method=Resampling.BICUBIC)
    mixed = (scrambled(square(image), (seed, place)) for place, image in enumerate(probes.images(table)))
    return map(square, probes.images(table)), mixed


def _table(layer: Layer, means: Sequence[np.ndarray], shuffled: np.ndarray) -> pa.Table:
    """Make a layer's rows from its means (images, channels) on each kind of image.

    The kinds are words, strings, anagrams, pictures and scrambled pictures, in this order.
    """
    words, strings, of_words, pictures, mixed = means
    counts = {"n_words": len(words), "n_pictures": len(pictures), "n_anagrams": len(of_words)}
    effects = {
        "words": effect(words, strings),
        "pictures": effect(pictures, mixed),
        "spelling": effect(words[shuffled], of_words),
    }
    repeated = {name: np.full(words.shape[1], count) for name, count in counts.items()}
    return per_unit("modality", layer, effects | repeated)


def effect(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compute 2 AUROC - 1 (Cliff's delta) of values (n, channels) against others (m, channels): float64 (channels,).

    This is how much likelier a value lies above one of the others than below it, from -1 to 1; equals count for neither
    side. NaN where either side has no values.
    """
    if not len(one) or not len(other):
        return np.full(one.shape[1], np.nan)
    pooled = percentiles(np.concatenate([one, other]))[: len(one)].mean(axis=0)  # (channels,), of `one` among all
    above = (pooled * (len(one) + len(other)) - len(one) / 2) / len(other)
    delta: np.ndarray = 2 * above - 1
    return delta
