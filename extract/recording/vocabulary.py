"""Record what every unit does on images of listed words: the enrichment circuits article's activation database.

An activation on a word says little about reading, because any black letters on white drive many units. So z is recorded
too: the activation in standard deviations above the mean over random letter strings of the same length. A few hundred
images are recorded at a time and written immediately, so an interrupted run resumes where it stopped, and gives the
same bytes.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from extract.errors import ExtractionError, WordsError
from extract.folder.activations import CONSTANT
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.folder.manifest_folder import run_digest
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.probes.control_strings import letter_strings
from extract.probes.rasterised_words import Lettering, check, fits, rasterise, usual_lettering
from extract.probes.word_lists import most_common
from extract.ranking import ranks
from extract.recording.channel_means import channel_means
from extract.recording.half_precision import half_precision
from extract.units import Architecture, Layer

TABLES = ("vocabulary.parquet", "words.parquet")
STRINGS = 64  # letter strings per length: the deviation is known to an eleventh of it, the mean to an eighth of it
TOP = 20  # words listed for a unit, units of a layer listed for a word
CHUNK = 512  # texts between two writes: 25 MB for the last stage of RN50


def measure(
    network: Network,
    extraction: Extraction,
    words: Iterable[str] | None = None,
    layers: Iterable[Layer] | None = None,
    lettering: Lettering | None = None,
    seed: int = 0,
    progress: bool = True,
    chunk: int = CHUNK,
) -> None:
    """Show the network all words, and random letter strings of their lengths, and store what the layers' units do.

    The defaults are the 10,000 most common words, the conv branches and sums of the last stage, and the
    `usual_lettering`. If the extraction already holds the same words, strings and layers, nothing is shown. One pass
    serves all layers and takes 0.5 GB for 10,000 words and RN50's layers. Raises WordsError for an empty list or a word
    that cannot be rendered, UnknownUnit for a layer that is not there, ExtractionError if the folder is of other
    weights or holds other words.
    """
    extraction.check(network.model, network.sha256)
    architecture = network.architecture
    if layers is None:
        measured = _last_stage(architecture)
    else:
        measured = [architecture.check(layer) for layer in sorted({*layers})]
    side = architecture.image_size
    lettering = lettering or usual_lettering(side)
    vocabulary = _vocabulary(most_common() if words is None else words, side, lettering, seed)
    chunks = _chunks(vocabulary, measured, chunk)
    if extraction.has(*TABLES):
        _check_same(extraction, vocabulary, measured)
    else:
        _record(network, extraction, chunks, measured, lettering, progress)
        tables = [_layer(extraction, vocabulary, layer, list(chunks)) for layer in measured]
        extraction.add(dict(zip(TABLES, (vocabulary, pa.concat_tables(tables)), strict=True)))
    extraction.drop([name for name in extraction.manifest.files if name.startswith("words/part-")])


def _last_stage(architecture: Architecture) -> list[Layer]:
    last = architecture.final.stage
    return [layer for layer in architecture.layers if layer.stage == last and layer.role in ("conv", "sum")]


def _vocabulary(words: Iterable[str], side: int, lettering: Lettering, seed: int) -> pa.Table:
    """Make the table of words and letter strings; WordsError if there is no word or one cannot be rendered."""
    texts = list(dict.fromkeys(words))
    if not texts:
        raise WordsError("There is no word to show. Give at least one.")
    for text in texts:
        check(text, side, lettering)
    accept = partial(fits, side=side, lettering=lettering)
    strings = letter_strings(dict.fromkeys(map(len, texts), STRINGS), texts, seed, accept)
    kinds = {"word": texts, "letters": [text for same_length in strings.values() for text in same_length]}
    rows = [
        {"text": text, "kind": kind, "length": len(text), "lettering": str(lettering)}
        for kind, same_kind in kinds.items()
        for text in same_kind
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["vocabulary"])


def _chunks(vocabulary: pa.Table, layers: Sequence[Layer], chunk: int) -> dict[str, list[str]]:
    """Divide the texts into chunks, keyed by the name of their temporary file; other settings give other names."""
    rows = vocabulary.to_pylist()
    name = f"words/part-{run_digest(rows, list(map(str, layers)), chunk)}"
    texts = [str(row["text"]) for row in rows]
    return {f"{name}-{first:08}.safetensors": texts[first : first + chunk] for first in range(0, len(texts), chunk)}


def _record(
    network: Network,
    extraction: Extraction,
    chunks: dict[str, list[str]],
    layers: Sequence[Layer],
    lettering: Lettering,
    progress: bool,
) -> None:
    """Write what the units do on the texts of every chunk that has no file: float32 (texts, channels) per layer."""
    side = network.architecture.image_size
    remaining = list(extraction.remaining(chunks, str))
    total, ahead = (sum(len(chunks[name]) for name in names) for names in (chunks, remaining))
    with tqdm(total=total, initial=total - ahead, desc="words", unit="word", disable=not progress) as bar:
        for name in remaining:
            images = (rasterise(text, side, lettering) for text in chunks[name])
            means = channel_means(network, images, layers, bar.update)
            extraction.add({name: {str(layer): values for layer, values in means.items()}})


def _layer(extraction: Extraction, vocabulary: pa.Table, layer: Layer, chunks: Iterable[str]) -> pa.Table:
    """Write a layer's file from the chunks; return the layer's rows of the words table."""
    parts = [values for name in chunks if (values := extraction.array(name, str(layer))) is not None]
    values, lengths = np.concatenate(parts), np.array(vocabulary["length"])  # float32 (texts, channels)
    count = vocabulary["kind"].to_pylist().count("word")  # the words come first
    different, mean, sd = string_statistics(values[count:], lengths[count:], np.unique(lengths[:count]))
    values, place = values[:count], np.searchsorted(different, lengths[:count])  # (words, channels)
    compact = half_precision(layer, values)
    extraction.add({part("words", str(layer)): {"value": compact, "length": different, "mean": mean, "sd": sd}})
    z = values - mean[place]  # (words, channels)
    z /= sd[place]
    return table(layer, np.array(vocabulary["text"])[:count], values, z)


def string_statistics(
    values: np.ndarray, lengths: np.ndarray, different: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute mean and sample standard deviation over the letter strings of each length: float32 (lengths, channels).

    `values` (strings, channels) and `lengths` (strings,) are of all strings. `different` are the lengths to average
    over; they are returned first, as int32. Both statistics are NaN for fewer than two strings, and the deviation also
    where it is only rounding.
    """
    mean = np.full((len(different), values.shape[1]), np.nan, np.float32)
    sd = mean.copy()
    for place, length in enumerate(different):
        same = values[lengths == length].astype(np.float64)  # (strings, channels)
        if len(same) > 1:
            mean[place], sd[place] = same.mean(axis=0), same.std(axis=0, ddof=1)
            sd[place][sd[place] <= CONSTANT * np.abs(same).max(axis=0)] = np.nan
    return different.astype(np.int32), mean, sd


def table(layer: Layer, words: np.ndarray, values: np.ndarray, z: np.ndarray, top: int = TOP) -> pa.Table:
    """Make rows of the words table from `values` and `z` (words, channels): a unit's top words, a word's top units."""
    above = values - values.mean(axis=0, dtype=np.float64) > CONSTANT * np.abs(values).max(axis=0)
    word_rank = np.where(above, ranks(values.T, top).T, 0)  # (words, channels)
    unit_rank = np.where(z > 0, ranks(z, top), 0)
    word, channel = np.nonzero(word_rank | unit_rank)
    columns = {
        "word": pa.array(words[word], pa.string()),
        "layer": pa.array([str(layer)] * len(word), pa.string()),
        "channel": pa.array(channel, pa.int32()),
        "value": pa.array(values[word, channel]),
        "z": pa.array(z[word, channel], from_pandas=True),
        "word_rank": _null_zero(word_rank[word, channel]),
        "unit_rank": _null_zero(unit_rank[word, channel]),
    }
    return pa.table(columns, schema=SCHEMAS["words"])


def _null_zero(places: np.ndarray) -> "pa.Array[Any]":
    return pa.array(places, pa.int32(), mask=places == 0)


def _check_same(extraction: Extraction, vocabulary: pa.Table, layers: Sequence[Layer]) -> None:
    done = extraction.table("words")["layer"].unique().to_pylist()
    if done != list(map(str, layers)) or not extraction.table("vocabulary").equals(vocabulary):
        raise ExtractionError(
            f"{extraction.path} holds other words, letter strings or layers. Extract into another folder."
        )
