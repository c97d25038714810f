"""Check claims that need only the weights: a unit's strongest inputs by the authors' code, and known kernels."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import comb
from typing import Any

import numpy as np

from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, Outcome, judge
from catalog.macroscopic.rank_correlation import rank_correlation
from extract.units import Layer, Unit


def extremes(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that named inputs rank among the `places` most positive, or most negative, means into a unit."""
    means = _means(measurements, numbers["target"])
    order = np.argsort(-means, kind="stable").tolist()
    positive = {channel: order.index(channel) + 1 for channel in numbers["positive"]}
    negative = {channel: len(order) - order.index(channel) for channel in numbers["negative"]}
    places = [*positive.values(), *negative.values()]
    finding = f"{_places(positive)} from the most positive; {_places(negative)} from the most negative"
    return judge(max(places) <= numbers["places"], finding, positive=positive, negative=negative)


def means(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that the means into a unit differ by at most `within` from the published ones."""
    own = _means(measurements, numbers["target"])
    errors = {channel: abs(own[int(channel)] - mean) for channel, mean in numbers["means"].items()}
    worst = max(errors, key=lambda channel: errors[channel])
    finding = f"largest difference {errors[worst]:.4f}, at {worst}: {own[int(worst)]:+.4f}"
    values = {channel: float(own[int(channel)]) for channel in numbers["means"]}
    return judge(errors[worst] <= numbers["within"], finding, means=values)


def order(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the top-ranked inputs by mean and by magnitude (each at most `places` off), and the last input by mean."""
    kernels = measurements.network.raw_kernels(Unit.parse(numbers["target"]))  # (sources, h, w)
    by = {"means": kernels.mean(axis=(1, 2)), "magnitudes": np.sqrt(np.square(kernels).sum(axis=(1, 2)))}
    first = {name: np.argsort(-values, kind="stable") for name, values in by.items()}
    tops = {name: values[: len(numbers[name])].tolist() for name, values in first.items()}
    off = [_farthest(tops[name], numbers[name]) for name in tops]
    lowest = int(first["means"][-1])
    finding = f"by mean {_text(tops['means'])}, last {lowest}; by magnitude {_text(tops['magnitudes'])}"
    holds = max(off) <= numbers["places"] and lowest == numbers["lowest"]
    return judge(holds, finding, lowest=lowest, **tops)


def high_low(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that two inputs of the high-low frequency detectors have kernels that correlate with the published ones."""
    kernels = measurements.network.signed_kernels(Layer.parse(numbers["layer"]), numbers["outputs"])
    published = np.array(published_kernels()[numbers["circuit"]][numbers["model"]])  # (inputs, outputs, 3, 3)
    best = [_best_input(kernels, kernels_of_input) for kernels_of_input in published]
    inputs, correlations = [channel for channel, _ in best], [correlation for _, correlation in best]
    names = ", ".join(f"{channel}: {correlation:.3f}" for channel, correlation in best)
    holds = min(correlations) > numbers["least"] and len(set(inputs)) == len(inputs)
    return judge(holds, f"least correlation over the outputs, by input: {names}", inputs=dict(best))


def offset_signs(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that raw conv3 and the shortcut point the same way for units where conv3's running mean is positive.

    For units where the mean is negative, they must point opposite ways.
    """
    assert measurements.authors is not None  # noqa: S101, the claim needs them
    published = measurements.authors.blocks[numbers["block"]].distance
    offsets = measurements.network.conv_offsets(Layer.parse(numbers["layer"]))
    if len(published) != len(offsets):
        raise CannotRun(f"files with all {len(offsets)} units of {numbers['layer']}; they have {len(published)}")
    clear = (np.abs(offsets) > 1) & np.isfinite(published)
    units = int(clear.sum())
    if units < numbers["fewest"]:
        raise CannotRun(
            f"at least {numbers['fewest']} units with a running mean beyond one deviation; there are {units}"
        )
    agreeing = int((np.sign(1 - published[clear]) == np.sign(offsets[clear])).sum())
    p = sum(comb(units, k) for k in range(agreeing, units + 1)) / 2**units
    finding = f"{agreeing} of {units} units agree ({agreeing / units:.3f}; p = {p:.1g} of a coin)"
    return judge(agreeing / units >= numbers["least"] and p < 0.001, finding, agreeing=agreeing, units=units, p=p)


def orders_alike(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that magnitude and |mean| rank inputs alike: the median correlation over units of the last conv branch."""
    architecture = measurements.architecture
    final = architecture.final
    target, source = Layer(final.stage, final.block, 5), architecture.shortcut(final)
    if source.role != "sum":
        raise CannotRun("a last stage of two blocks or more")
    units = range(min(numbers["units"], architecture.channels(target)))
    pairs = zip(*measurements.network.strengths(target, source, units), strict=True)
    correlations = [rank_correlation(magnitude, mean) for magnitude, mean in pairs if np.ptp(magnitude)]
    if not correlations:
        raise CannotRun(f"units of {target} with weights that are not all equal")
    middle = float(np.median(correlations))
    finding = (
        f"median {middle:.3f} over {len(correlations)} units of {target}, from {source}; least {min(correlations):.3f}"
    )
    return judge(middle >= numbers["least"], finding, correlations=correlations)


@cache
def published_kernels() -> Mapping[str, Any]:
    """Read kernels decoded from Distill's "universal circuits" (CC BY 4.0), keyed by circuit, then model.

    Each entry is (inputs, outputs, 3, 3).
    """
    text = files("catalog.article").joinpath("distill_universal_circuits.json").read_text(encoding="utf-8")
    kernels: Mapping[str, Any] = json.loads(text)
    return kernels


def _means(measurements: Measurements, target: str) -> np.ndarray:
    return np.asarray(measurements.network.raw_kernels(Unit.parse(target)).mean(axis=(1, 2)))


def _best_input(kernels: np.ndarray, published: np.ndarray) -> tuple[int, float]:
    """Find the input whose kernels agree best with the published ones, by the least correlation over outputs.

    `kernels` is (outputs, inputs, 3, 3), `published` is (outputs, 3, 3). Returns the input and that correlation.
    """
    own = _standard(kernels.transpose(1, 0, 2, 3).reshape(kernels.shape[1], len(published), -1))  # (inputs, outputs, 9)
    correlations = (own * _standard(published.reshape(len(published), -1))).mean(axis=2).min(axis=1)  # (inputs,)
    best = int(correlations.argmax())
    return best, float(correlations[best])


def _standard(values: np.ndarray) -> np.ndarray:
    """Standardise values to mean 0 and standard deviation 1 over the last axis."""
    away = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(away / np.maximum(away.std(axis=-1, keepdims=True), 1e-30))


def _farthest(first: list[int], published: list[int]) -> int:
    """Return the largest distance of a unit from its published place; the number of units if one is missing."""
    if set(first) != set(published):
        return len(published)
    return max(abs(first.index(unit) - place) for place, unit in enumerate(published))


def _text(channels: list[int]) -> str:
    return " ".join(map(str, channels))


def _places(places: Mapping[int, int]) -> str:
    return ", ".join(f"{channel} at place {place}" for channel, place in places.items())
