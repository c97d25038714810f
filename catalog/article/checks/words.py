"""Claims about words shown as images: channel differences, single activations, and the words that units answer to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from catalog.article.evidence import Evidence
from catalog.article.outcome import CannotRunError, Outcome, decided
from extract.units import Layer, Unit


def differences(evidence: Evidence, numbers: Mapping[str, Any]) -> Outcome:
    """Of the units published for each word, how many are among its first ones, their rise `within` of that published.

    A rise is over the baseline; without one it is the activation itself.
    """
    layer, baseline = Layer.parse(numbers["layer"]), numbers["baseline"]
    words = list(numbers["words"])
    means = evidence.network.word_means([*words, *([baseline] if baseline else [])], [layer])[layer]
    rises = means[: len(words)] - (means[-1] if baseline else 0.0)  # (words, channels)
    held, missed, named = 0, list[str](), 0
    for word, rise in zip(words, rises, strict=True):
        published = {int(channel): value for channel, value in numbers["words"][word].items()}
        first = set(np.argsort(-rise, kind="stable")[: len(published)].tolist())
        good = [c for c, value in published.items() if c in first and abs(rise[c] - value) <= numbers["within"]]
        held, named = held + len(good), named + len(published)
        missed += [f"{word} {c} ({rise[c]:+.3f})" for c in published if c not in good]
    tail = f"; not {', '.join(missed[:5])}{' and others' if len(missed) > 5 else ''}" if missed else ""
    return decided(held / named >= numbers["least"], f"{held} of {named} units{tail}", held=held, named=named)


def norm(evidence: Evidence, numbers: Mapping[str, Any]) -> Outcome:
    """The length of a layer's activations on a word, `within` this part of the published one."""
    layer = Layer.parse(numbers["layer"])
    length = float(np.linalg.norm(evidence.network.word_means([numbers["word"]], [layer])[layer][0]))
    holds = abs(length / numbers["norm"] - 1) <= numbers["within"]
    return decided(holds, f"{length:.4f}", norm=length)


def activations(evidence: Evidence, numbers: Mapping[str, Any]) -> Outcome:
    """Mean activations of single units on a word, each `within` this part of the published one."""
    units = {Unit.parse(name): value for name, value in numbers["means"].items()}
    layers = list(dict.fromkeys(unit.layer for unit in units))
    means = evidence.network.word_means([numbers["word"]], layers)
    measured = {unit: float(means[unit.layer][0, unit.channel]) for unit in units}
    holds = all(abs(measured[unit] / value - 1) <= numbers["within"] for unit, value in units.items())
    finding = ", ".join(f"{unit}: {value:.4f}" for unit, value in measured.items())
    return decided(holds, finding, means={str(unit): value for unit, value in measured.items()})


def first_unit(evidence: Evidence, numbers: Mapping[str, Any]) -> Outcome:
    """The unit that a word drives most, over a baseline if there is one."""
    layer, baseline = Layer.parse(numbers["layer"]), numbers["baseline"]
    means = evidence.network.word_means([numbers["word"], *([baseline] if baseline else [])], [layer])[layer]
    rise = means[0] - (means[1] if baseline else 0.0)
    first = np.argsort(-rise, kind="stable").tolist()
    place = first.index(numbers["unit"]) + 1
    return decided(place == 1, f"{layer}/{first[0]} is first, {layer}/{numbers['unit']} at place {place}", place=place)


def words_of_units(evidence: Evidence, numbers: Mapping[str, Any]) -> Outcome:
    """Of the words named for units, how many are among the top words that the extraction lists for them."""
    folder = evidence.extraction
    shown = set(folder.table("vocabulary")["text"].to_pylist())
    table = folder.table("words")
    own = table.filter((pc.field("layer") == numbers["layer"]) & pc.field("word_rank").is_valid())
    listed: dict[int, set[str]] = {}
    for row in own.select(["channel", "word"]).to_pylist():
        listed.setdefault(row["channel"], set()).add(row["word"])
    named = [(int(unit), word) for unit, words in numbers["words"].items() for word in words if word in shown]
    if not named:
        raise CannotRunError("an extraction whose network was shown the words that are named")
    held = sum(word in listed.get(unit, ()) for unit, word in named)
    finding = f"{held} of the {len(named)} named words that were shown"
    return decided(held / len(named) >= numbers["least"], finding, held=held, named=len(named))
