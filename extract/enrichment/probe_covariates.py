"""Measure covariates that may pass for a concept: ink, colours, and the size, letters and bigrams of words."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from extract.probes.table import images

FEWEST = 6  # words that a letter or bigram must be in to be a covariate
_WHITE = 255


def covariates(probes: pa.Table) -> pa.Table:
    """Measure the covariates of every probe of a table with images; see `covariates_of`."""
    return covariates_of(probes, map(np.asarray, images(probes)))


def covariates_of(probes: pa.Table, pixels: Iterable[np.ndarray]) -> pa.Table:
    """Measure the covariates of every probe from its pixels, uint8 (h, w, 3), as a table of float columns.

    A value is null if a covariate does not apply. `ink` is the mean darkness. A picture has its mean colour as `red`,
    `green` and `blue`. A word has the `width` and `height` of its lettering in pixels, and the counts of all its
    `letters`, of each letter, and of the more common bigrams.
    """
    words = [modality == "word" for modality in probes["modality"].to_pylist()]
    columns = {name: list(values) for name, values in _looks(pixels, words).items()}
    texts = [
        str(text).lower() if word else None for text, word in zip(probes["concept"].to_pylist(), words, strict=True)
    ]
    columns["letters"] = [None if text is None else len(text) for text in texts]
    for part in _parts(texts):
        columns[f"{part!r} in the word"] = [None if text is None else text.count(part) for text in texts]
    return pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})


def _looks(pixels: Iterable[np.ndarray], words: list[bool]) -> dict[str, list[float | None]]:
    names = ("ink", "red", "green", "blue", "width", "height")
    rows = [_look(image, word) for image, word in zip(pixels, words, strict=True)]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _look(pixels: np.ndarray, word: bool) -> tuple[float | None, ...]:
    """Measure ink, mean colour, width and height of an image (h, w, 3)."""
    ink = 1 - float(pixels.mean()) / _WHITE
    if not word:
        return (ink, *(pixels.mean(axis=(0, 1)) / _WHITE), None, None)
    dark = pixels.min(axis=2) < _WHITE / 2
    return (ink, None, None, None, float(dark.any(axis=0).sum()), float(dark.any(axis=1).sum()))


def _parts(texts: list[str | None]) -> list[str]:
    """List the letters and bigrams that enough words have, in order."""
    counts = Counter(
        part
        for text in {text for text in texts if text}
        for n in (1, 2)
        for part in {text[at : at + n] for at in range(len(text) - n + 1)}
    )
    return sorted(part for part, count in counts.items() if count >= FEWEST)
