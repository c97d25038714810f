"""How a unit's activation is distributed over the probes, and what is shown at each of its levels.

A level is a distance from the mean over all probes, in standard deviations. People sort images drawn at a few levels
into categories; how probable each category is at each level tells what a unit's weak activation means and its strong
one (definition: Multimodal Neurons in Artificial Neural Networks, on the activations of the finance and Trump units).
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
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.units import Unit

BINS = 100
TOLERANCE = 0.25  # standard deviations
Z95 = 1.959964


@dataclass(frozen=True)
class ActivationDistribution:
    """A unit's activations over all probes: counts between `edges` (bins + 1,), mean and standard deviation, and z.

    `values` and `z` are (probes,); all in the order of the table of probes.
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
    """How probable a category is at a level: `n` of `of` images, with Wilson's 95 % interval."""

    level: float
    category: str
    n: int
    of: int
    probability: float
    low: float
    high: float


def distribution(extraction: Extraction, unit: Unit, bins: int = BINS) -> ActivationDistribution:
    """The exact distribution of a unit's activation, a branch being the layer that it is.

    The shortcut of 4/2/6/34 is 4/1/6/34, its conv branch 4/2/5/34. Raises ExtractionError where the layer was not
    measured, LevelsError for a unit that does the same on all probes, UnknownUnit for one that is not there.
    """
    found = _read(extraction, unit, "value").astype(np.float32)
    means, deviations = moments(extraction, unit.layer)
    mean, sd = float(means[unit.channel]), float(deviations[unit.channel])
    if not np.isfinite(sd):
        raise LevelsError(f"{unit} does the same on every probe, so it has no levels. Choose another unit.")
    counts, edges = np.histogram(found, bins)
    return ActivationDistribution(counts, edges, mean, sd, found, (found - mean) / sd)


def at_level(
    extraction: Extraction,
    unit: Unit,
    level: float,
    tolerance: float = TOLERANCE,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Sighting, ...]:
    """The probes on which a unit's activation lies within `tolerance` of a level, drawn at random, `limit` at most.

    Raises LevelsError where there is none, and what `distribution` raises.
    """
    found = distribution(extraction, unit)
    inside = np.flatnonzero(np.abs(found.z - level) <= tolerance)
    if not len(inside):
        raise LevelsError(
            f"No probe lies within {tolerance:g} of {level:g} standard deviations of {unit}: they reach from "
            f"{found.z.min():.1f} to {found.z.max():.1f}. Choose another level, or a wider tolerance."
        )
    drawn = np.random.default_rng(seed).permutation(inside)[:limit]
    at, columns = _read(extraction, unit, "at"), extraction.manifest.architecture.grid(unit.layer)
    names = pa.concat_tables([part.select(["id"]) for part in extraction.parts("probes")])["id"]
    return tuple(
        Sighting(
            names[n].as_py(), float(found.values[n]), float(found.z[n]), int(at[n]) // columns, int(at[n]) % columns
        )
        for n in drawn.tolist()
    )


def _read(extraction: Extraction, unit: Unit, kind: str) -> np.ndarray:
    shape = extraction.manifest.architecture
    unit = shape.unit(str(unit))
    found = extraction.activations(unit.layer, slice(unit.channel, unit.channel + 1), "at" if kind == "at" else "value")
    if found is None:
        raise ExtractionError(
            f"{extraction.path} holds no activations of {unit.layer}. Show the network probes, with this layer or "
            "its sum among those measured."
        )
    return found[:, 0]


def estimates(sorted_at: Mapping[float, Sequence[str]]) -> tuple[Estimate, ...]:
    """The probability of each category at each level, from the categories of the images drawn at it.

    A category that was never chosen at a level stands there with 0 of so many. Raises LevelsError for a level without
    images.
    """
    if not sorted_at or not all(sorted_at.values()):
        raise LevelsError("A level has no sorted image, so no probability. Sort at least one image of each level.")
    categories = sorted({category for chosen in sorted_at.values() for category in chosen})
    return tuple(
        Estimate(level, category, n, len(chosen), n / len(chosen), *wilson(n, len(chosen)))
        for level, chosen in sorted(sorted_at.items())
        for category, n in ((category, Counter(chosen)[category]) for category in categories)
    )


def wilson(n: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a probability, from `n` successes in `of` trials.

    Equals scipy's `proportion_ci`, which only the extra `extract` installs.
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
) -> tuple[Estimate, ...]:
    """Keep how a person sorted images of a unit, or of a sum unit's branch, in the table `levels`; the estimates.

    `branch` is sum, shortcut, conv or unit. What was kept of the same unit and branch is replaced. Errors as
    `estimates`; UnknownUnit for a unit that is not there.
    """
    unit = extraction.manifest.architecture.unit(str(unit))
    found = estimates(sorted_at)
    of: dict[str, object] = {"layer": str(unit.layer), "channel": unit.channel, "branch": branch}
    rows = pa.Table.from_pylist([of | {"tolerance": tolerance} | vars(each) for each in found], SCHEMAS["levels"])
    same = (pc.field("layer") == str(unit.layer)) & (pc.field("channel") == unit.channel)
    others = extraction.table("levels").filter(~(same & (pc.field("branch") == branch)))
    extraction.add({"levels.parquet": pa.concat_tables([others, rows])})
    return found


def of_branch(extraction: Extraction, unit: Unit, branch: str) -> Unit:
    """The unit that a branch of a sum's unit is, such as 4/2/5/34 for conv of 4/2/6/34; UnknownUnit for no sum's."""
    return Unit(extraction.manifest.architecture.branches(unit.layer)[branch], unit.channel)
