"""Check claims about words shown as images: channel differences, activations, and the top words of units."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from catalog.article.measurements import LACKS, Measurements
from catalog.article.outcome import CannotRun, Outcome, judge
from extract.probes.rasterised_words import usual_lettering
from extract.units import Layer, Unit


def differences(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check how many of the units published for each word are top-ranked here too, with nearly the published rise.

    A rise is over the baseline, or the activation itself if there is no baseline. It may differ by `within`.
    """
    layer, baseline = Layer.parse(numbers["layer"]), numbers["baseline"]
    words = list(numbers["words"])
    means = measurements.network.word_means([*words, *([baseline] if baseline else [])], [layer])[layer]
    rises = means[: len(words)] - (means[-1] if baseline else 0.0)  # (words, channels)
    hits, misses, total = 0, list[str](), 0
    for word, rise in zip(words, rises, strict=True):
        published = {int(channel): value for channel, value in numbers["words"][word].items()}
        first = set(np.argsort(-rise, kind="stable")[: len(published)].tolist())
        close = [c for c, value in published.items() if c in first and abs(rise[c] - value) <= numbers["within"]]
        hits, total = hits + len(close), total + len(published)
        misses += [f"{word} {c} ({rise[c]:+.3f})" for c in published if c not in close]
    tail = f"; not {', '.join(misses[:5])}{' and others' if len(misses) > 5 else ''}" if misses else ""
    return judge(hits / total >= numbers["least"], f"{hits} of {total} units{tail}", hits=hits, units=total)


def norm(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the norm of a layer's activations on a word; it may deviate from the published by the part `within`."""
    layer = Layer.parse(numbers["layer"])
    length = float(np.linalg.norm(measurements.network.word_means([numbers["word"]], [layer])[layer][0]))
    holds = abs(length / numbers["norm"] - 1) <= numbers["within"]
    return judge(holds, f"{length:.4f}", norm=length)


def activations(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check mean activations of single units on a word; each may deviate from the published by the part `within`."""
    units = {Unit.parse(name): value for name, value in numbers["means"].items()}
    layers = list(dict.fromkeys(unit.layer for unit in units))
    means = measurements.network.word_means([numbers["word"]], layers)
    own = {unit: float(means[unit.layer][0, unit.channel]) for unit in units}
    holds = all(abs(own[unit] / value - 1) <= numbers["within"] for unit, value in units.items())
    finding = ", ".join(f"{unit}: {value:.4f}" for unit, value in own.items())
    return judge(holds, finding, means={str(unit): value for unit, value in own.items()})


def first_unit(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check which unit a word drives most, over a baseline if there is one."""
    layer, baseline = Layer.parse(numbers["layer"]), numbers["baseline"]
    means = measurements.network.word_means([numbers["word"], *([baseline] if baseline else [])], [layer])[layer]
    rise = means[0] - (means[1] if baseline else 0.0)
    first = np.argsort(-rise, kind="stable").tolist()
    place = first.index(numbers["unit"]) + 1
    return judge(place == 1, f"{layer}/{first[0]} is first, {layer}/{numbers['unit']} at place {place}", place=place)


def unit_among_first(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that one unit is among the `places` units that a word raises most over a baseline, and another is not."""
    layer = Layer.parse(numbers["layer"])
    word, baseline = measurements.network.word_means([numbers["word"], numbers["baseline"]], [layer])[layer]
    order = np.argsort(baseline - word, kind="stable").tolist()
    place, other = (order.index(numbers[name]) + 1 for name in ("unit", "other"))
    finding = f"{layer}/{numbers['unit']} at place {place}, {layer}/{numbers['other']} at place {other}"
    return judge(place <= numbers["places"] < other, finding, unit=place, other=other)


def sum_norm(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the norm of activations summed over a word list; it may deviate from the published by the part `within`."""
    length = float(np.linalg.norm(_sum_over(measurements, numbers)))
    lines = len(numbers["repeated"]) + numbers["words"] - numbers["left_out"]
    holds = abs(length / numbers["norm"] - 1) <= numbers["within"]
    return judge(holds, f"{length:.2f}, {length / lines:.2f} a line", norm=length)


def sum_distance(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check, as `sum_norm` does, the cosine distance between the activations summed over a list and those on a word."""
    layer, total = Layer.parse(numbers["layer"]), _sum_over(measurements, numbers)
    word = measurements.network.word_means([numbers["word"]], [layer])[layer][0]
    distance = 1 - float(total @ word / (np.linalg.norm(total) * np.linalg.norm(word)))
    return judge(abs(distance / numbers["distance"] - 1) <= numbers["within"], f"{distance:.5f}", distance=distance)


def _sum_over(measurements: Measurements, numbers: Mapping[str, Any]) -> np.ndarray:
    """Sum a layer's activations over a list of words without its last `left_out`; repeated lines count twice.

    Returns (channels,). The folder must hold exactly the words of the list, in order, which their hash proves. Raises
    CannotRun if other words were shown, or words were rendered otherwise than in the article.
    """
    folder, layer = measurements.extraction, Layer.parse(numbers["layer"])
    vocabulary = folder.table("vocabulary").filter(pc.field("kind") == "word")
    words, own = (
        list(map(str, vocabulary["text"].to_pylist())),
        str(usual_lettering(measurements.architecture.image_size)),
    )
    values = folder.words(layer)  # float16 (words, channels)
    if values is None:
        raise CannotRun(f"an extraction whose {layer} was shown words")
    if hashlib.sha256("\n".join(words).encode()).hexdigest() != numbers["sha256"]:
        raise CannotRun(f"{LACKS['listed words']}; this one has other words")
    if set(vocabulary["lettering"].to_pylist()) != {own}:
        raise CannotRun("words in the article's lettering, without --font")
    summed = values[: len(words) - numbers["left_out"]].sum(axis=0, dtype=np.float64)  # (channels,)
    twice = values[[words.index(word) for word in numbers["repeated"]]].sum(axis=0, dtype=np.float64)
    return np.asarray(summed + twice)


def words_of_units(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check how many of the words named for units are among those units' top words in the extraction."""
    folder = measurements.extraction
    vocabulary = set(folder.table("vocabulary")["text"].to_pylist())
    in_layer = (pc.field("layer") == numbers["layer"]) & pc.field("word_rank").is_valid()
    tops: dict[int, set[str]] = {}
    for row in folder.table("words").filter(in_layer).select(["channel", "word"]).to_pylist():
        tops.setdefault(row["channel"], set()).add(row["word"])
    pairs = [(int(unit), word) for unit, words in numbers["words"].items() for word in words if word in vocabulary]
    if not pairs:
        raise CannotRun("an extraction whose network was shown the words of this claim")
    hits = sum(word in tops.get(unit, ()) for unit, word in pairs)
    finding = f"{hits} of the {len(pairs)} named words that were shown"
    return judge(hits / len(pairs) >= numbers["least"], finding, hits=hits, words=len(pairs))
