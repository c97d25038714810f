"""Test for double dissociation: whether a sum loses either branch's own facet without that branch.

A unit has a shortcut facet A and a conv facet F, each a set of concepts. Three means are taken over the concepts of A
or F, in standard deviations of the sum: z of how far the sum rises, s of what the sum loses if the shortcut is ablated,
and c of what the sum loses if conv is ablated:

    rise_shortcut    z_A          the sum rises on A
    rise_conv        z_F          the sum rises on F
    effect_shortcut  s_A - s_F    without the shortcut the sum loses A rather than F
    effect_conv      c_F - c_A    without conv the sum loses F rather than A

The states are:

*supported*     all four exceed delta, and rho times the rise on either facet, each tested as a contrast
*contradicted*  the effect that is lesser on discovery probes lies below zero: the other branch's facet is lost
*inconclusive*  neither is established

The first two are at a false discovery rate over the units (Benjamini and Hochberg 1995). The facets are the census's
own. Where these are supported, new concepts near to what either branch responds to are tested too. The effects are on
held-out probes.
"""

import numpy as np

from extract.ablation.branch_ablation import BranchAblation
from extract.enrichment.census import DEFAULT
from extract.enrichment.census_measures import Columns, of_all_units
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.concept_table import ConceptTable, concept_table
from extract.enrichment.contrasts import Values, bounded, effects, estimates, size_contrasts
from extract.enrichment.facets import Facets
from extract.enrichment.false_discovery import corrected_over
from extract.enrichment.nearby_concepts import NearbyConcepts

WEIGHTS = {  # of z, s and c on A, then on F
    "rise_shortcut": (1, 0, 0, 0, 0, 0),
    "rise_conv": (0, 0, 0, 1, 0, 0),
    "effect_shortcut": (0, 1, 0, 0, -1, 0),
    "effect_conv": (0, 0, -1, 0, 0, 1),
}
REMAINING = {  # of either rise, where a branch is ablated
    "rise_shortcut_without_shortcut": (1, -1, 0, 0, 0, 0),
    "rise_shortcut_without_conv": (1, 0, -1, 0, 0, 0),
    "rise_conv_without_shortcut": (0, 0, 0, 1, -1, 0),
    "rise_conv_without_conv": (0, 0, 0, 1, 0, -1),
}
_LOSSES = ("effect_shortcut", "effect_conv")


def own_dissociations(
    own: list[tuple[np.ndarray, Facets]],
    ablation: BranchAblation,
    probes: CensusProbes,
    settings: CensusSettings = DEFAULT,
) -> Columns:
    """Compute the effects, bounds and p of some units of a sum on the facets that the census measured."""
    table = _lost(probes, ablation)
    return of_all_units((units, _on(table.of(units), facets, settings)) for units, facets in own)


def nearby_dissociations(
    nearby: NearbyConcepts, ablation: BranchAblation, probes: CensusProbes, settings: CensusSettings = DEFAULT
) -> Columns:
    """Compute the effects, bounds and p on new, nearby concepts; the names of the columns begin with nearby_."""
    columns = _on(_lost(probes, ablation), nearby.facets, settings)
    return {f"nearby_{name}": values for name, values in columns.items()}


def _lost(probes: CensusProbes, ablation: BranchAblation) -> ConceptTable:
    """Average rises and losses over the probes of every concept, as (units, c, 3)."""
    return concept_table(probes.concepts, ablation.rise, ablation.lost_shortcut, ablation.lost_conv)


def _on(table: ConceptTable, facets: Facets, settings: CensusSettings) -> Columns:
    return dissociations(facets.values(table.held_out), facets.values(table.discovery), settings)


def dissociations(held_out: Values, discovery: Values, settings: CensusSettings) -> Columns:
    """Compute the four effects, what remains of the rises under ablation, and the p of the first two states.

    `held_out` and `discovery` are rises and losses on the concepts of the shortcut facet and of conv's, (units, k, 3)
    each. Effects and remaining rises have one-sided bounds.
    """
    shown = WEIGHTS | REMAINING
    measured = effects(held_out, discovery, shown)
    tested = estimates(held_out, size_contrasts(WEIGHTS, settings), discovery)
    losses = {name: WEIGHTS[name] for name in _LOSSES}
    lesser = effects(discovery, weights=losses).t.argmin(axis=1)
    against = effects(held_out, discovery, losses).p_negative[np.arange(len(lesser)), lesser]
    return bounded(shown, measured, settings.level) | {
        "p_supported": tested.p_positive.max(axis=1),
        "p_contradicted": against,
    }


def states(columns: Columns, tested: np.ndarray, prefix: str = "", settings: CensusSettings = DEFAULT) -> Columns:
    """Decide what ablation says of every unit (None if not `tested`), and the q of *supported*, as (units,).

    `prefix` begins the names of the columns that are read and returned.
    """
    p = {name: columns[f"{prefix}p_{name}"] for name in ("supported", "contradicted")}
    q = {name: corrected_over(tested, values, others=np.nan) for name, values in p.items()}
    state = np.select([values <= settings.level for values in q.values()], list(q), "inconclusive").astype(object)
    state[~tested] = None
    return {f"{prefix}state": state, f"{prefix}q": q["supported"]}
