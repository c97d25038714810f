"""Test for double dissociation: ablate either branch of a sum and see which facet falls.

A facet's images are of concepts that are in neither top list: those whose embeddings (the means of their discovery
probes) lie nearest to one list's mean and farthest from the other's. Chosen by the branch's own activation they would
fall with it by construction. The images themselves are held-out probes.

Let z be the mean over positions of the sum after its ReLU, z⁻ the same with one branch replaced by its mean over all
probes, and the drop (z - z⁻) in standard deviations of z:

    effect_conv      mean drop without conv on conv's facet minus that on the shortcut's
    effect_shortcut  mean drop without the shortcut on the shortcut's facet minus that on conv's
    rise_conv        mean of z on conv's facet minus that on all probes; rise_shortcut the same on the shortcut's

*Supported*: all four have 95 % intervals above zero (bootstrap over concepts), and the lesser effect exceeds the 95th
percentile of two controls: the lesser effect of units of like activity on the same images, and that with the images of
the two facets shuffled. *Contradicted*: the interval of an effect lies below zero. Else *inconclusive*, as where the
sum does not rise on a facet: it may discard it, or the concepts may not belong to the facet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from extract.ablation.branch_ablation import BranchAblation
from extract.enrichment.facts import ProbeEmbeddings
from extract.responses.top_probes import RankedProbes

CONCEPTS = 12  # of each facet
FEWEST = 4  # concepts of a facet below which no interval means anything
CONTROLS = 50  # units of like activity
DRAWS = 2000
_ENDS = (0.025, 0.975)
_MEASURES = ("effect_conv", "effect_shortcut", "rise_conv", "rise_shortcut")
INTERVALS = tuple(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high"))


@dataclass(frozen=True)
class Concepts:
    """Candidates for a facet's images: concepts, each in a modality, that have probes in both splits.

    `facets` (k,) are their numbers in order, `names` (k,) their names, `subjects` (k,) a number for the concept in
    either modality, `rows` (k, E) the mean embeddings of their discovery probes, of length 1.
    """

    facets: np.ndarray
    names: np.ndarray
    subjects: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Sides:
    """The concepts that represent either facet of every unit, as places among `Concepts`: int (units, n) each."""

    shortcut: np.ndarray
    conv: np.ndarray


def sides(
    top_probes: Mapping[str, RankedProbes], subjects: np.ndarray, embeddings: ProbeEmbeddings, concepts: Concepts
) -> Sides:
    """Choose for each facet the concepts nearest to its list and farthest from the other, of those in neither.

    `top_probes` are the branches' top lists, `subjects` the number of every probe's concept, (probes,). All units get
    as many concepts: CONCEPTS of each facet, or fewer where there are fewer.
    """
    means = [embeddings.sums(top_probes[branch]) for branch in ("shortcut", "conv")]  # (units, E) each
    shortcut, conv = (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12) for mean in means)
    score = (shortcut - conv) @ concepts.rows.T  # (units, k)
    listed = np.zeros((len(score), max(subjects.max(), concepts.subjects.max(initial=0)) + 1), bool)
    for branch in ("shortcut", "conv"):
        unit, rank = np.nonzero(top_probes[branch].valid)
        listed[unit, subjects[top_probes[branch].probes[unit, rank]]] = True
    free = ~listed[:, concepts.subjects]  # (units, k)
    count = min(CONCEPTS, int(free.sum(axis=1).min(initial=2 * CONCEPTS)) // 2)
    nearest = [np.argsort(np.where(free, sign * score, np.inf), axis=1, kind="stable")[:, :count] for sign in (-1, 1)]
    return Sides(*nearest)


def effects(ablation: BranchAblation, mean: np.ndarray, sd: np.ndarray, facets: Sides) -> dict[str, np.ndarray]:
    """Columns of the dissociation table: effects and rises in sd of z with their intervals, and both controls.

    `mean` and `sd` are those of z over all probes, (units,). float64 (units,); NaN for a unit that never changes, or
    for fewer than FEWEST concepts.
    """
    units, count = facets.conv.shape
    if count < FEWEST:
        return {name: np.full(units, np.nan) for name in (*INTERVALS, "control", "shuffled")}
    intact = ablation.intact
    drops = np.stack([intact - ablation.without_conv, intact - ablation.without_shortcut]) / sd  # (2, k, units)
    own = np.arange(units)[:, None]
    # The drops without conv and without the shortcut, on conv's facet and on the shortcut's: (2, units, count) each.
    on_conv, on_shortcut = (np.stack([drops[b][side, own] for b in (0, 1)]) for side in (facets.conv, facets.shortcut))
    rises = [((intact - mean) / sd)[side, own] for side in (facets.conv, facets.shortcut)]  # (units, count) each
    pairs = [*_contrasts(on_conv, on_shortcut), *((rise, np.zeros_like(rise)) for rise in rises)]
    columns = dict(zip(INTERVALS, np.concatenate([_with_interval(*pair) for pair in pairs]), strict=True))
    columns["shuffled"] = _shuffled(on_conv, on_shortcut)
    columns["control"] = _control(drops, facets, _alike(mean, sd))
    return columns


def _contrasts(on_conv: np.ndarray, on_shortcut: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For either branch, its drops on its own facet and on the other's."""
    return [(on_conv[0], on_shortcut[0]), (on_shortcut[1], on_conv[1])]


def _with_interval(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The difference of two means over concepts (units, n), with its 95 % interval by bootstrap: (3, units)."""
    generator, count = np.random.default_rng(0), own.shape[1]
    drawn = [generator.multinomial(count, np.full(count, 1 / count), DRAWS) / count for _ in range(2)]  # (draws, n)
    differences = own @ drawn[0].T - other @ drawn[1].T  # (units, draws)
    ends = np.quantile(differences, _ENDS, axis=1)
    return np.concatenate([(own.mean(axis=1) - other.mean(axis=1))[None], ends])


def _shuffled(on_conv: np.ndarray, on_shortcut: np.ndarray) -> np.ndarray:
    """The 95th percentile of the lesser effect with the concepts of both facets shuffled, (units,)."""
    count = on_conv.shape[2]
    signs = np.repeat([1.0, -1.0], count) / count
    drawn = np.random.default_rng(0).permuted(np.broadcast_to(signs, (DRAWS, 2 * count)), axis=1)  # (draws, 2n)
    both = np.concatenate([on_conv, on_shortcut], axis=2) @ drawn.T  # (2, units, draws)
    return np.asarray(np.quantile(np.minimum(both[0], -both[1]), 0.95, axis=1))


def _alike(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """The units of most like activity for every unit, by the logarithms of mean and deviation: int (units, n)."""
    with np.errstate(divide="ignore"):
        activity = np.nan_to_num(np.log(np.stack([mean, sd], axis=1)), nan=-50, neginf=-50)  # (units, 2)
    apart = np.linalg.norm(activity[:, None] - activity, axis=2)
    apart[:, np.isnan(sd)] = np.inf
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart, axis=1, kind="stable")[:, : min(CONTROLS, len(apart) - 1)]


def _control(drops: np.ndarray, facets: Sides, alike: np.ndarray) -> np.ndarray:
    """The 95th percentile of the lesser effect in units of like activity on the same concepts, (units,)."""
    percentiles = []
    for conv, shortcut, others in zip(facets.conv, facets.shortcut, alike, strict=True):
        apart = drops[:, conv][:, :, others].mean(axis=1) - drops[:, shortcut][:, :, others].mean(axis=1)  # (2, n)
        percentiles.append(np.nanquantile(np.minimum(apart[0], -apart[1]), 0.95))
    return np.array(percentiles)


def verdicts(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Judge every unit: supported, contradicted or inconclusive, text (units,); None where it has no effects."""
    low = np.min([columns[f"{name}_low"] for name in _MEASURES], axis=0)
    high = np.minimum(columns["effect_conv_high"], columns["effect_shortcut_high"])
    least = np.minimum(columns["effect_conv"], columns["effect_shortcut"])
    supported = (low > 0) & (least > columns["control"]) & (least > columns["shuffled"])
    texts = np.where(supported, "supported", np.where(high < 0, "contradicted", "inconclusive")).astype(object)
    texts[np.isnan(least)] = None
    return texts
