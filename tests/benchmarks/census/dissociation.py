"""Double dissociation on planted worlds: what ablation supports and contradicts, by kind and by true ratio.

A unit's ratio is the least of its effects over the size that the effect must exceed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from extract.ablation.branch_ablation import ablate_branches
from extract.enrichment.attribution import attribution
from extract.enrichment.census import DEFAULT, CensusWays, measure
from extract.enrichment.census_measures import Columns, own_facets
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.dissociation import WEIGHTS, nearby_dissociations, own_dissociations, states
from extract.enrichment.facets import Facets
from extract.enrichment.facts import ProbeEmbeddings
from extract.enrichment.nearby_concepts import Nearness, nearby_concepts
from extract.responses.top_probes import RankedProbes, listed
from tests.benchmarks.census.rates import STRATA, upper
from tests.builders.planted_arrays import KINDS, World

IMAGES = 60  # new ones of every concept
FACETS = ("own", "nearby")


@dataclass(frozen=True)
class Ablated:
    """Units of several worlds, ablated on their own facets or on nearby concepts: arrays (units,).

    `covered` (units, 4, 2) is whether the lower and the upper bound of each effect hold.
    """

    kind: np.ndarray
    state: np.ndarray
    ratio: np.ndarray  # the least effect over what it must exceed
    least: np.ndarray  # the lesser of both losses
    covered: np.ndarray


def ablated(worlds: Iterable[World]) -> dict[str, Ablated]:
    """Ablate the units of every world, and compare the states with the truth."""
    parts = [dict(_of_world(world)) for world in worlds]
    columns = {facets: zip(*(part[facets] for part in parts), strict=True) for facets in FACETS}
    return {facets: Ablated(*map(np.concatenate, arrays)) for facets, arrays in columns.items()}


def _of_world(world: World) -> Iterator[tuple[str, tuple[np.ndarray, ...]]]:
    brought, ablation = attribution(world.shortcut, world.conv), ablate_branches(world.shortcut, world.conv)
    probes = CensusProbes.of(world.probes, world.embeddings)
    own, units = own_facets(measure(brought, CensusWays(probes))[0]), len(world.kinds)
    nearby = nearby_concepts(_nearness(world, probes), own, probes.concepts)
    groups = {"own": own, "nearby": [(np.arange(units), nearby.facets)]}
    columns = own_dissociations(own, ablation, probes) | nearby_dissociations(nearby, ablation, probes)
    columns |= states(columns, np.ones(units, bool))
    columns |= states(columns, nearby.complete & (columns["state"] == "supported"), "nearby_")
    for facets, prefix, tested in (("own", "", np.ones(units, bool)), ("nearby", "nearby_", nearby.complete)):
        true = _true(world, probes, groups[facets])
        least = np.minimum(true["effect_shortcut"], true["effect_conv"])
        covered = _covered(columns, true, prefix)
        measured = world.kinds, columns[f"{prefix}state"], _ratio(true), least, covered
        yield facets, tuple(values[tested] for values in measured)


def _true(world: World, probes: CensusProbes, groups: Iterable[tuple[np.ndarray, Facets]]) -> Columns:
    """Compute the true effects on the facets of groups of units."""
    means = np.zeros((6, len(world.kinds)))  # of rise and losses on either facet
    for units, facets in groups:
        places = [_places(world, probes, side) for side in (facets.shortcut, facets.conv)]
        means[:, units] = np.concatenate([_lost(world, units, side) for side in places])
    return {name: np.array(weights) @ means for name, weights in WEIGHTS.items()}


def _nearness(world: World, probes: CensusProbes) -> Nearness:
    held_out = world.split == "held-out"
    tops = {name: _top(maps, held_out) for name, maps in (("shortcut", world.shortcut), ("conv", world.conv))}
    embeddings = ProbeEmbeddings.of(tops.values(), [world.embeddings])
    return Nearness.of(tops, world.probes, embeddings, probes)


def _top(maps: np.ndarray, held_out: np.ndarray) -> RankedProbes:
    values = maps.mean(axis=2).T  # (units, images)
    return listed(values, np.zeros(values.shape, int), values.mean(axis=1), values.std(axis=1), held_out)["top"]


def _places(world: World, probes: CensusProbes, facet: np.ndarray) -> np.ndarray:
    return world.places([list(row) for row in probes.concepts.names[facet]])


def _lost(world: World, units: np.ndarray, concepts: np.ndarray) -> np.ndarray:
    """Compute the true rise and losses on concepts (units, k), averaged over new images: (3, units)."""
    rng = np.random.default_rng(20_000_000 + world.seed)
    r, b = world.images(rng, units, np.repeat(concepts, IMAGES, axis=1))  # (u, positions, n) each
    seen = [maps[:, units].astype(float) for maps in (world.shortcut, world.conv)]  # (images, u, positions)
    mean_r, mean_b = (maps.mean(axis=(0, 2))[:, None, None] for maps in seen)
    of_seen = np.maximum(seen[0] + seen[1], 0).mean(axis=2)  # (images, u)
    z, without_shortcut, without_conv = (
        np.maximum(one + other, 0).mean(axis=(1, 2)) for one, other in ((r, b), (mean_r, b), (r, mean_b))
    )
    lost = np.stack([z - of_seen.mean(axis=0), z - without_shortcut, z - without_conv])
    return np.asarray(lost / of_seen.std(axis=0))


def _ratio(true: Columns) -> np.ndarray:
    """Return each unit's ratio: the least of its effects over the size that the effect must exceed."""
    need = np.maximum(DEFAULT.delta, DEFAULT.rho * np.maximum(true["rise_shortcut"], true["rise_conv"]))
    return np.asarray(np.min(list(true.values()), axis=0) / need)


def _covered(columns: Columns, true: Columns, prefix: str) -> np.ndarray:
    """Return whether the lower and the upper bound of every effect hold: (units, 4, 2)."""
    lows, highs = ([columns[f"{prefix}{name}_{end}"] for name in WEIGHTS] for end in ("low", "high"))
    values = list(true.values())
    return np.stack([np.array(lows) <= values, np.array(highs) >= values]).transpose(2, 1, 0)


def print_ablated(worlds: Iterable[World]) -> None:
    for facets, units in ablated(worlds).items():
        print(f"\n{facets} concepts")
        print(f"{'kind':18}{'units':>6}{'ratio':>7} | below need, supported, upper | supported  contra.")
        for kind in KINDS:
            print(f"{kind:18}" + _line(units, units.kind == kind))
        for low, high in STRATA:
            print(f"{f'{low} to {high}':>18}" + _line(units, (units.ratio >= low) & (units.ratio < high)))
        print(f"{'all':18}" + _line(units, units.ratio > -np.inf))
        against = units.state == "contradicted"
        print(f"contradicted {against.sum()}, of which both effects are above 0: {(against & (units.least > 0)).sum()}")
        for place, name in enumerate(WEIGHTS):
            low, high = units.covered[:, place].mean(axis=0)
            print(f"one-sided 95 % bounds of {name:16} cover: lower {low:.3f}, upper {high:.3f}")


def _line(units: Ablated, own: np.ndarray) -> str:
    """Format how many of some units lie below need, and how many of those and of all are supported."""
    below, supported = own & (units.ratio < 1), units.state == "supported"
    false, count = int(supported[below].sum()), int(below.sum())
    bound = f"{upper(false, count):.3f}" if count else "-"
    rates = [float(state[own].mean()) if own.any() else np.nan for state in (supported, units.state == "contradicted")]
    ratio = np.median(units.ratio[own]) if own.any() else np.nan
    return f"{own.sum():6}{ratio:7.2f} | {count:6} {false:10} {bound:>9}  |{rates[0]:10.3f}{rates[1]:9.3f}"
