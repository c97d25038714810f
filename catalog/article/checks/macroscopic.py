"""Check claims about the distribution of contributions, on the dense matrices of an extraction folder.

gamma3 is the scale of the batch norm after conv3, the last convolution of a block.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, Outcome, judge
from catalog.macroscopic.comparisons import Comparison
from catalog.macroscopic.sizes import Size
from extract.units import Layer

if TYPE_CHECKING:
    from extract.folder.extraction import ContributionDirection
    from graph.records import Variant

_NO_CONTROL = "randomised weights, the control; `circuits extract` with the settings of this folder adds them"


def backward_shape(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the exponent (1: Laplace, 2: normal) of backward contributions into units of the last conv branch."""
    shape = _pooled(measurements, "backward", "exponent")
    low, high = numbers["between"]
    return judge(low <= shape.observed.value <= high, _beside(shape), exponent=shape.observed.value)


def forward_shape(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the exponent of forward contributions to the last conv branch, which must exceed the backward exponent."""
    forward, backward = (_pooled(measurements, direction, "exponent") for direction in ("forward", "backward"))
    low, high = numbers["between"]
    value, other, over = forward.observed.value, backward.observed.value, forward.observed.over(backward.observed)
    finding = f"{_beside(forward)}; backward {other:.3g}, less by {over.low:.3g} to {over.high:.3g}"
    return judge(low <= value <= high and over.low > 0, finding, forward=value, backward=other)


def balance(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that positive and negative forward contributions to the last conv branch have about equal total sizes.

    The positive part of the total must lie within `most` of a half, for the whole interval. Controls are reported but
    decide nothing, because chance also gives balanced signs.
    """
    raw, folded = (_pooled(measurements, "forward", "imbalance", variant) for variant in ("raw", "folded"))
    value, high = raw.observed.value, raw.observed.high
    finding = f"{_beside(raw)}; folded {folded.observed.value:.3g}"
    return judge(high <= numbers["most"], finding, raw=value, high=high, folded=folded.observed.value)


def balanced_by_gamma(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that signs are balanced in raw weights, and lopsided once gamma3's signs are folded in.

    The folded imbalance must exceed that of the raw weights and that of randomised weights. All units share gamma3's
    signs and hence their chance imbalance. Therefore lopsided means that the whole interval lies above `most`.
    """
    raw, folded = (_pooled(measurements, "forward", "imbalance", variant) for variant in ("raw", "folded"))
    over = {"raw": folded.observed.over(raw.observed), "randomised weights": _over_randomised(folded)}
    beyond = ", ".join(f"than {name} by {size.low:.3g} to {size.high:.3g}" for name, size in over.items())
    finding = f"folded {_beside(folded)}; raw {raw.observed.value:.3g}; folded is more {beyond}"
    lopsided = folded.observed.low > numbers["most"] and min(size.low for size in over.values()) > 0
    holds = raw.observed.value <= numbers["most"] and lopsided
    return judge(holds, finding, raw=raw.observed.value, folded=folded.observed.value)


def versatility(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that contributions to the last conv branch are less often near zero, the earlier their source layer is.

    The excess over randomised weights must show the same trend, because the network's shape affects both alike.
    """
    of_all = measurements.macroscopic.trends(_last_conv(measurements))
    trends = {(trend.variant, trend.statistic): trend for trend in of_all}
    trend = trends["raw", "density_at_zero"]
    if trend.randomised is None or (over := trend.over_randomised) is None:
        raise CannotRun(_NO_CONTROL)
    own, control = trend.observed, trend.randomised
    finding = (
        f"rank correlation {own.value:+.2f} over {trend.layers} layers, p = {own.p:.2g} (autocorrelation "
        f"{own.autocorrelation:.2f}); randomised weights {control.value:+.2f}; what exceeds these {over.value:+.2f}, "
        f"p = {over.p:.2g}"
    )
    holds = all(part.value < 0 and part.p < numbers["p"] for part in (own, over))
    return judge(holds, finding, correlation=own.value, p=own.p, randomised=control.value, over=over.value)


def two_peaks(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check the share of lower units whose contributions to the last conv branch have two peaks.

    The share must exceed that of randomised weights. Shuffled entries are not a control here: they have both peaks too.
    """
    peaks = _pooled(measurements, "forward", "two_peaks")
    own, over = peaks.observed.value, _over_randomised(peaks)
    finding = f"{_beside(peaks)}; more by {over.value:.3g} ({over.low:.3g} to {over.high:.3g})"
    holds = own >= numbers["least"] and over.low > 0
    control = peaks.randomised and peaks.randomised.value
    return judge(holds, finding, share=own, randomised=control, over=over.low)


def sudden(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that two peaks are frequent in the last conv branch and rare in every other conv branch."""
    final = _last_conv(measurements)
    own, shares = (
        _peaks(measurements, final),
        _of_others(measurements, _conv_branches(measurements), "two_peaks", "raw"),
    )
    finding = f"{own:.1%} of the units at {final}; of {len(shares)} others at most {_text(shares, '.1%')}"
    holds = own >= numbers["least"] and max(shares.values()) <= numbers["most"]
    return judge(holds, finding, own=own, others={str(layer): share for layer, share in shares.items()})


def explained_by_gamma(measurements: Measurements, numbers: Mapping[str, Any]) -> Outcome:
    """Check that the two peaks are one lobe away from zero, doubled by the arbitrary sign of gamma3.

    So in the last conv branch, two peaks must vanish when the signs are folded in, and the lobe must lie far from zero,
    in standard deviations. In no other conv branch of the stage may there be two peaks or such an offset.
    """
    final = _last_conv(measurements)
    stage = [layer for layer in _conv_branches(measurements) if layer.stage == final.stage]
    raw, folded = (_peaks(measurements, final, variant) for variant in ("raw", "folded"))
    offset = _pooled(measurements, "forward", "offset", "folded").observed.value
    raws, offsets = (_of_others(measurements, stage, *of) for of in (("two_peaks", "raw"), ("offset", "folded")))
    finding = (
        f"two peaks raw {raw:.1%}, folded {folded:.1%}; folded |mean|/sd {offset:.2f}; in the stage's others at most "
        f"{_text(raws, '.1%')}, raw, and {_text(offsets, '.2f')}"
    )
    here = raw >= numbers["least"] and folded <= numbers["most"] and offset > numbers["offset"]
    elsewhere = max(raws.values()) > numbers["most"] or max(offsets.values()) >= numbers["offset"]
    others = {str(layer): {"raw": raws[layer], "offset": offsets[layer]} for layer in raws}
    return judge(here and not elsewhere, finding, raw=raw, folded=folded, offset=offset, others=others)


def _last_conv(measurements: Measurements) -> Layer:
    """Return the last conv branch. Raises CannotRun without dense matrices into that layer."""
    last = measurements.architecture.final
    final = Layer(last.stage, last.block, 5)
    if final not in measurements.macroscopic.conv_layers:
        raise CannotRun(f"dense matrices into {final}, which this extraction does not hold")
    return final


def _pooled(
    measurements: Measurements, direction: "ContributionDirection", statistic: str, variant: "Variant" = "raw"
) -> Comparison:
    return _pooled_at(measurements, _last_conv(measurements), statistic, direction, variant)


def _pooled_at(
    measurements: Measurements,
    target: Layer,
    statistic: str,
    direction: "ContributionDirection" = "forward",
    variant: "Variant" = "raw",
) -> Comparison:
    comparisons = {(c.direction, c.variant, c.statistic): c for c in measurements.macroscopic.comparisons(target)}
    comparison = comparisons[direction, variant, statistic]
    if isnan(comparison.observed.value):
        raise CannotRun(f"contributions to {target} that are not all equal")
    return comparison


def _over_randomised(comparison: Comparison) -> Size:
    """Return the excess over randomised weights. Raises CannotRun if randomised weights were not swept."""
    if comparison.over_randomised is None:
        raise CannotRun(_NO_CONTROL)
    return comparison.over_randomised


def _conv_branches(measurements: Measurements) -> list[Layer]:
    """List every conv branch of the network, in forward order."""
    return [layer for layer in measurements.architecture.layers if layer.role == "conv"]


def _peaks(measurements: Measurements, target: Layer, variant: "Variant" = "raw") -> float:
    """Return the share of lower units whose contributions to a conv branch have two peaks."""
    return _pooled_at(measurements, target, "two_peaks", "forward", variant).observed.value


def _of_others(
    measurements: Measurements, layers: Sequence[Layer], statistic: str, variant: "Variant"
) -> Mapping[Layer, float]:
    """Return a forward statistic of these conv branches except the network's last, keyed by layer.

    Raises CannotRun unless the extraction holds dense matrices into all of them.
    """
    final = _last_conv(measurements)
    others = [layer for layer in layers if layer != final]
    if not others:
        raise CannotRun("a last stage of two blocks or more")
    if missing := [str(layer) for layer in others if layer not in measurements.macroscopic.conv_layers]:
        raise CannotRun(f"dense matrices into every other conv branch; this extraction lacks {', '.join(missing)}")
    return {layer: _pooled_at(measurements, layer, statistic, "forward", variant).observed.value for layer in others}


def _text(values: Mapping[Layer, float], style: str) -> str:
    """Format the largest value and its layer."""
    most = max(values, key=lambda layer: values[layer])
    return f"{values[most]:{style}}, at {most}"


def _beside(comparison: Comparison) -> str:
    """Format the observed value with its interval and its controls."""
    own, few = comparison.observed, comparison.swept
    controls = {"shuffled": comparison.shuffled, "randomised weights": comparison.randomised}
    others = "".join(f", {name} {control.value:.3g}" for name, control in controls.items() if control)
    beside = f" (beside {few.value:.3g} of the same units)" if few else ""
    missing = "" if comparison.randomised else ", randomised weights not swept"
    return f"{own.value:.3g} ({own.low:.3g} to {own.high:.3g}){others}{beside}{missing}"
