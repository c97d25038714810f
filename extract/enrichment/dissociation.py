"""Double dissociation: is it each branch that brings its facet to the sum? Ablate either, and see what falls on which.

A facet's images are of concepts that are in neither top list: those whose embeddings (the means of their discovery
probes) lie nearest to the one list's mean and farthest from the other's. Chosen by the branch's own activation they
would fall with it by construction. The images themselves are held out.

With z the mean over positions of the sum after its ReLU, z⁻ the same with one branch replaced by its mean over all
probes, and the drop (z - z⁻) in standard deviations of z:

    effect_conv      mean drop without conv on conv's facet minus that on the shortcut's
    effect_shortcut  mean drop without the shortcut on the shortcut's facet minus that on conv's
    rise_conv        mean of z on conv's facet minus that on all probes; rise_shortcut the same on the shortcut's

*Supported*: all four have 95 % intervals above nought (bootstrap over concepts), and the lesser effect exceeds the 95th
percentile of what it is in units of like activity on the same images, and with the images of the two facets shuffled.
*Contradicted*: the interval of an effect lies below nought. Else *inconclusive*, as where the sum does not rise on a
facet: it may discard it, or the concepts chosen may be none of the facet's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from extract.ablation.branch_ablation import Lesioned
from extract.enrichment.two_facets import Embedded
from extract.responses.top_probes import RankedProbes

CONCEPTS = 12  # of each facet
FEWEST = 4  # concepts of a facet below which no interval is worth its name
CONTROLS = 50  # units of like activity
DRAWS = 2000
_ENDS = (0.025, 0.975)
_MEASURES = ("effect_conv", "effect_shortcut", "rise_conv", "rise_shortcut")
INTERVALS = tuple(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high"))


@dataclass(frozen=True)
class Concepts:
    """What may stand for a facet: concepts, each in a modality, that have probes in both splits.

    `facets` (k,) are their numbers in order, `names` (k,) what they are called, `subjects` (k,) a number for the
    concept in whatever modality, `rows` (k, E) the mean embeddings of their discovery probes, of length 1.
    """

    facets: np.ndarray
    names: np.ndarray
    subjects: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Sides:
    """The concepts that stand for either facet of every unit, as places among all: int (units, n) each."""

    shortcut: np.ndarray
    conv: np.ndarray


def sides(tops: Mapping[str, RankedProbes], subjects: np.ndarray, embedded: Embedded, among: Concepts) -> Sides:
    """Choose the concepts nearest to the one list and farthest from the other, of those in neither.

    From the branches' top lists, and the number of every probe's concept, (probes,). As many for all units: CONCEPTS,
    or as many as there are.
    """
    means = [embedded.sums(tops[branch]) for branch in ("shortcut", "conv")]  # (units, E) each
    one, other = (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12) for mean in means)
    score = (one - other) @ among.rows.T  # (units, k)
    listed = np.zeros((len(score), max(subjects.max(), among.subjects.max(initial=0)) + 1), bool)
    for branch in ("shortcut", "conv"):
        unit, rank = np.nonzero(tops[branch].valid)
        listed[unit, subjects[tops[branch].probes[unit, rank]]] = True
    free = ~listed[:, among.subjects]  # (units, k)
    count = min(CONCEPTS, int(free.sum(axis=1).min(initial=2 * CONCEPTS)) // 2)
    nearest = [np.argsort(np.where(free, sign * score, np.inf), axis=1, kind="stable")[:, :count] for sign in (-1, 1)]
    return Sides(*nearest)


def effects(found: Lesioned, mean: np.ndarray, sd: np.ndarray, chosen: Sides) -> dict[str, np.ndarray]:
    """Columns of the dissociation table: effects and rises in sd of z with their intervals, and both controls.

    From the mean z of every concept, and mean and standard deviation of z over all probes (units,). float64 (units,);
    NaN for a unit that never changes, or for fewer than FEWEST concepts.
    """
    units, count = chosen.conv.shape
    if count < FEWEST:
        return {name: np.full(units, np.nan) for name in (*INTERVALS, "control", "shuffled")}
    drops = np.stack([found.whole - found.without_conv, found.whole - found.without_shortcut]) / sd  # (2, k, units)
    own = np.arange(units)[:, None]
    facets = [np.stack([drops[b][side, own] for b in (0, 1)]) for side in (chosen.conv, chosen.shortcut)]
    # each (2, units, count): the drops without conv and without the shortcut on the conv branch's and shortcut's facet
    rises = [((found.whole - mean) / sd)[side, own] for side in (chosen.conv, chosen.shortcut)]  # (units, count) each
    pairs = [*_contrasts(*facets), *((rise, np.zeros_like(rise)) for rise in rises)]
    columns = dict(zip(INTERVALS, np.concatenate([_with_interval(*pair) for pair in pairs]), strict=True))
    columns["shuffled"] = _shuffled(*facets)
    columns["control"] = _control(drops, chosen, _alike(mean, sd))
    return columns


def _contrasts(on_conv: np.ndarray, on_shortcut: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For either branch its drops on its own facet, and on the other's."""
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


def _control(drops: np.ndarray, chosen: Sides, alike: np.ndarray) -> np.ndarray:
    """The 95th percentile of the lesser effect in units of like activity on the same concepts, (units,)."""
    found = []
    for conv, shortcut, others in zip(chosen.conv, chosen.shortcut, alike, strict=True):
        apart = drops[:, conv][:, :, others].mean(axis=1) - drops[:, shortcut][:, :, others].mean(axis=1)  # (2, n)
        found.append(np.nanquantile(np.minimum(apart[0], -apart[1]), 0.95))
    return np.array(found)


def verdicts(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """supported, contradicted or inconclusive for every unit, text (units,); None where there are no effects."""
    low = np.min([columns[f"{name}_low"] for name in _MEASURES], axis=0)
    high = np.minimum(columns["effect_conv_high"], columns["effect_shortcut_high"])
    least = np.minimum(columns["effect_conv"], columns["effect_shortcut"])
    supported = (low > 0) & (least > columns["control"]) & (least > columns["shuffled"])
    said = np.where(supported, "supported", np.where(high < 0, "contradicted", "inconclusive")).astype(object)
    said[np.isnan(least)] = None
    return said
