"""Ablate either branch of a sum: replace the branch's map by its mean over all images and positions.

The units of a sum do not depend on one another, so all are ablated together. `part_ablation` ablates a single unit's
branch and lets the rest of the network run on without the branch.
"""

from dataclasses import dataclass

import numpy as np

_BLOCK = 2**22  # numbers of a map worked on at once


@dataclass(frozen=True)
class BranchAblation:
    """How far a sum rises above its mean on every image, and what the sum loses without either branch.

    The numbers are in standard deviations of the sum's mean over positions after the ReLU. They are float64 (images,
    units), and zero for a sum that never changes.
    """

    rise: np.ndarray
    lost_shortcut: np.ndarray
    lost_conv: np.ndarray


def ablate_branches(shortcut: np.ndarray, conv: np.ndarray) -> BranchAblation:
    """Ablate a sum's branches, from their maps (images, units, positions) as they enter the sum's ReLU."""
    parts = [_of_units(shortcut[:, block], conv[:, block]) for block in unit_blocks(conv)]
    return BranchAblation(*(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True)))


def unit_blocks(maps: np.ndarray) -> list[slice]:
    """Split the units of maps (images, units, positions) into blocks, so that copies of a block's maps stay small."""
    images, units, positions = maps.shape
    step = max(1, _BLOCK // (images * positions))
    return [slice(at, at + step) for at in range(0, units, step)]


def _of_units(shortcut: np.ndarray, conv: np.ndarray) -> tuple[np.ndarray, ...]:
    """Compute the rise of some units, and what they lose without the shortcut and without conv: (images, u) each."""
    r, b = (maps.astype(np.float64) for maps in (shortcut, conv))
    mean_r, mean_b = (maps.mean(axis=(0, 2), keepdims=True) for maps in (r, b))
    z, without_shortcut, without_conv = (
        np.maximum(one + other, 0).mean(axis=2) for one, other in ((r, b), (mean_r, b), (r, mean_b))
    )
    deviation = z.std(axis=0)
    scale = np.where(deviation > 1e-9 * z.max(axis=0), deviation, np.inf)  # else only rounding
    return tuple(part / scale for part in (z - z.mean(axis=0), z - without_shortcut, z - without_conv))
