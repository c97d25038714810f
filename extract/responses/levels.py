"""How a unit's activation is distributed over the probes, and which probes lie at each of its levels.

A level is a distance from the mean over all probes, in standard deviations. People sort images drawn at a few levels
into categories. The probability of each category at each level shows what weak and strong activations of the unit mean
(definition: Multimodal Neurons in Artificial Neural Networks, for the activations of the finance and Trump units).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extract.errors import ExtractionError, LevelsError
from extract.folder.activations import moments
from extract.folder.extraction import ActivationKind, Extraction
from extract.folder.schemas import SCHEMAS
from extract.units import Unit

BINS = 100
TOLERANCE = 0.25  # standard deviations
Z95 = 1.959964


@dataclass(frozen=True)
class ActivationDistribution:
    """A unit's activations over all probes: `counts` (bins,) between `edges` (bins + 1,), mean and standard deviation.

    `values` and their `z` are (probes,), in the order of the table of probes.
    """

    counts: np.ndarray
    edges: np.ndarray
    mean: float
    sd: float
    values: np.ndarray
    z: np.ndarray


@dataclass(frozen=True)
class Sighting:
    """A probe at a level: its id, activation, z, and where on the map the unit is most active."""

    probe: str
    value: float
    z: float
    row: int
    column: int


@dataclass(frozen=True)
class Estimate:
    """The estimated probability of a category at a level, from `n` of `of` images, with Wilson's 95 % interval."""

    level: float
    category: str
    n: int
    of: int
    probability: float
    low: float
    high: float


def distribution(extraction: Extraction, unit: Unit, bins: int = BINS) -> ActivationDistribution:
    """Compute the exact distribution of a unit's activation over the probes.

    A branch is a unit of its own: the shortcut of 4/2/6/34 is 4/1/6/34, and its conv branch is 4/2/5/34. Raises
    ExtractionError if the layer was not measured, LevelsError for a unit that is constant, UnknownUnit for a unit that
    is not there.
    """
    values = _read(extraction, unit, "value").astype(np.float32)
    means, deviations = moments(extraction, unit.layer)
    mean, sd = float(means[unit.channel]), float(deviations[unit.channel])
    if not np.isfinite(sd):
        raise LevelsError(f"{unit} has the same activation on every probe, so it has no levels. Choose another unit.")
    counts, edges = np.histogram(values, bins)
    return ActivationDistribution(counts, edges, mean, sd, values, (values - mean) / sd)


def at_level(
    extraction: Extraction,
    unit: Unit,
    level: float,
    tolerance: float = TOLERANCE,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Sighting, ...]:
    """Draw at most `limit` of the probes on which a unit's activation lies within `tolerance` of a level.

    Raises LevelsError if there is no such probe, and the errors of `distribution`.
    """
    exact = distribution(extraction, unit)
    inside = np.flatnonzero(np.abs(exact.z - level) <= tolerance)
    if not len(inside):
        raise LevelsError(
            f"No probe of {unit} lies within {tolerance:g} of {level:g} standard deviations. Its probes reach from "
            f"{exact.z.min():.1f} to {exact.z.max():.1f}. Choose another level, or a larger tolerance."
        )
    sample = np.random.default_rng(seed).permutation(inside)[:limit]
    at, columns = _read(extraction, unit, "at"), extraction.manifest.architecture.grid(unit.layer)
    names = pa.concat_tables([part.select(["id"]) for part in extraction.parts("probes")])["id"]
    return tuple(
        Sighting(
            names[n].as_py(), float(exact.values[n]), float(exact.z[n]), int(at[n]) // columns, int(at[n]) % columns
        )
        for n in sample.tolist()
    )


def _read(extraction: Extraction, unit: Unit, kind: ActivationKind) -> np.ndarray:
    """Read a unit's activation on every probe, or the position where it is most active: (probes,)."""
    unit = extraction.manifest.architecture.unit(str(unit))
    values = extraction.activations(unit.layer, slice(unit.channel, unit.channel + 1), kind)  # (probes, 1)
    if values is None:
        raise ExtractionError(
            f"{extraction.path} holds no activations of {unit.layer}. Show the network probes, with this layer or "
            "its sum among those measured."
        )
    return values[:, 0]


def estimates(sorted_at: Mapping[float, Sequence[str]]) -> tuple[Estimate, ...]:
    """Estimate the probability of each category at each level, from the categories of the images drawn at the level.

    A category into which no image of a level was sorted has 0 of that level's images. Raises LevelsError for a level
    without images.
    """
    if not sorted_at or not all(sorted_at.values()):
        raise LevelsError("A level has no sorted image, and so no probability. Sort at least one image of each level.")
    categories = sorted({category for images in sorted_at.values() for category in images})
    return tuple(
        Estimate(level, category, n, len(images), n / len(images), *wilson(n, len(images)))
        for level, images in sorted(sorted_at.items())
        for category, n in ((category, Counter(images)[category]) for category in categories)
    )


def wilson(n: int, of: int) -> tuple[float, float]:
    """Compute Wilson's 95 % interval of a probability, from `n` successes in `of` trials.

    The interval equals scipy's `proportion_ci`, which only the extra `extract` installs.
    """
    share, slack = n / of, Z95**2 / of
    centre = (share + slack / 2) / (1 + slack)
    half = sqrt(share * (1 - share) * slack + slack**2 / 4) / (1 + slack)
    return max(0.0, centre - half), min(1.0, centre + half)


def store(
    extraction: Extraction,
    unit: Unit,
    branch: str,
    sorted_at: Mapping[float, Sequence[str]],
    tolerance: float = TOLERANCE,
    replace: bool = False,
) -> tuple[Estimate, ...]:
    """Estimate probabilities from a person's sorting of a unit's images, and store them in the table `levels`.

    `branch` is sum, shortcut, conv or unit. `replace` replaces other estimates of the same unit and branch; without it,
    these raise LevelsError. Also raises the errors of `estimates`, and UnknownUnit for a unit that is not there.
    """
    unit = extraction.manifest.architecture.unit(str(unit))
    stored = estimates(sorted_at)
    of: dict[str, object] = {"layer": str(unit.layer), "channel": unit.channel, "branch": branch}
    rows = pa.Table.from_pylist(
        [of | {"tolerance": tolerance} | vars(estimate) for estimate in stored], SCHEMAS["levels"]
    )
    table, of_channel = extraction.table("levels"), pc.field("channel") == unit.channel
    same = (pc.field("layer") == str(unit.layer)) & of_channel & (pc.field("branch") == branch)
    if not replace and table.filter(same).to_pylist() not in ([], rows.to_pylist()):
        raise LevelsError(
            f"{extraction.path} holds estimates of {unit} ({branch}) from another sheet. Replace those (replace=True); "
            "to keep both, first copy that sheet's rows into this one."
        )
    extraction.add({"levels.parquet": pa.concat_tables([table.filter(~same), rows])})
    return stored


def of_branch(extraction: Extraction, unit: Unit, branch: str) -> Unit:
    """Return the unit of a sum unit's branch, such as 4/2/5/34 for conv of 4/2/6/34.

    Raises UnknownUnit for a unit whose layer is not a sum.
    """
    return Unit(extraction.manifest.architecture.branches(unit.layer)[branch], unit.channel)
