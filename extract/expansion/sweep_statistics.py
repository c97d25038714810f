"""Statistics of kernels: their magnitudes and sums, from gradients at a source layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from extract.expansion.window import Gradient, widened
from extract.units import Layer

_STRIP = 2**18  # numbers of a target whose squares stay in a processor's cache

AddedUp: TypeAlias = Mapping[Layer, tuple[Layer, Layer]]  # keyed by sum: its shortcut and conv branch, in forward order
Statistic: TypeAlias = dict[Layer, Tensor]  # keyed by target: (n, channels)


@dataclass(frozen=True)
class Weights:
    """Statistics of the kernels from one source layer."""

    magnitude: Tensor  # (target channels, source channels), the Frobenius norm over positions
    sum: Tensor  # (target channels, source channels), over positions


def statistics(gradients: Mapping[Layer, Gradient], added_up: AddedUp) -> dict[Layer, Weights]:
    """Compute the magnitude and sum of every kernel, keyed by target, from the targets' gradients at one layer.

    Each sum in `added_up` has the kernels of its branches added up, or those of its conv branch alone where the
    shortcut has no gradient. Statistics are in float32 at least, because bfloat16 cannot add up hundreds of values.
    """
    cell = max((gradient.cell for gradient in gradients.values()), default=1)
    values = {
        target: gradient.values.permute(0, 2, 3, 1).flatten(1, 2)  # (n, positions, channels), no copy in channels-last
        for target, gradient in widened(gradients).items()
    }
    norms, totals = in_one_piece(values, added_up) if _are_on_card(values) else in_strips(values, added_up)
    return {target: Weights(norms[target] * cell, totals[target] * cell**2) for target in norms}


def _are_on_card(values: Mapping[Layer, Tensor]) -> bool:
    return any(each.device.type == "cuda" for each in values.values())


def in_one_piece(values: Mapping[Layer, Tensor], added_up: AddedUp) -> tuple[Statistic, Statistic]:
    """Compute norms and totals over positions for a card, which reads kernels twice and writes nothing in between."""
    exact = {target: _exact(each) for target, each in values.items()} if added_up else {}  # sums add up in float32
    whole = dict(values) | _sums(exact, added_up)
    norms = {
        target: torch.linalg.vector_norm(each, dim=1, dtype=_precision(each))  # (n, channels)
        for target, each in whole.items()
    }
    return norms, {target: each.sum(1, dtype=_precision(each)) for target, each in whole.items()}


def in_strips(values: Mapping[Layer, Tensor], added_up: AddedUp) -> tuple[Statistic, Statistic]:
    """Compute norms and totals over positions, a strip of positions at a time.

    A strip stays in the cache until all is done with it, so each gradient is read from memory once, and no sum's is
    written. torch.linalg.vector_norm is not vectorised over positions, the last dimension but one, and takes 4 to 15
    times as long.
    """
    squares, totals = dict[Layer, Tensor](), dict[Layer, Tensor]()
    for strips in zip(*(_strips(each) for each in values.values()), strict=True):
        exact = {target: _exact(strip) for target, strip in zip(values, strips, strict=True)}
        for target, strip in exact.items():  # squares first, because a product reads from memory faster than a sum
            squares[target] = (strip * strip).sum(1) + squares.get(target, 0)
            totals[target] = strip.sum(1) + totals.get(target, 0)
        for target, strip in _sums(exact, added_up).items():
            squares[target] = (strip * strip).sum(1) + squares.get(target, 0)
    return {target: square.sqrt() for target, square in squares.items()}, totals | _sums(totals, added_up)


def _strips(values: Tensor) -> tuple[Tensor, ...]:
    return torch.split(values, max(1, _STRIP // (values.shape[0] * values.shape[2])), dim=1)


def _sums(parts: Mapping[Layer, Tensor], added_up: AddedUp) -> dict[Layer, Tensor]:
    """Add up the tensors of sums from those of their branches, at layers that the conv branch reaches."""
    every = dict(parts)
    for total, (shortcut, conv) in added_up.items():
        if conv in every:
            every[total] = every[shortcut] + every[conv] if shortcut in every else every[conv]
    return {total: every[total] for total in added_up if total in every}


def _exact(values: Tensor) -> Tensor:
    return values.to(_precision(values))


def _precision(values: Tensor) -> torch.dtype:
    return torch.promote_types(values.dtype, torch.float32)
