"""What is true of the facets that a census reports: effects over new images of the same concepts.

The images are of the held-out vendor and font. Where every vendor and font is held out in turn, the effects must also
be large enough in more than half of the ways, so that a unit's ratio is at most the median of the ways' ratios.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from extract.enrichment.attribution import expected
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.contrasts import WEIGHTS, ratio_to_need
from tests.builders.planted_arrays import HELD_OUT, LOW_LEVEL, World

IMAGES = 60  # new ones of every concept


@dataclass(frozen=True)
class Truth:
    """Each unit's true effects, (units,) each, and its ratio: the least of these over the size that it must exceed."""

    effects: dict[str, np.ndarray]
    ratio: np.ndarray
    apart: np.ndarray  # bool, by planted embeddings

    def enriched(self, kinds: np.ndarray) -> np.ndarray:
        """Return whether a unit's reported facets are truly an enrichment: large enough, apart, and of concepts."""
        return np.asarray((self.ratio >= 1) & self.apart & ~np.isin(kinds, LOW_LEVEL))


def truth(world: World, table: pa.Table, settings: CensusSettings) -> Truth:
    """Compute the truth of every unit's facets."""
    names: dict[str, Any] = {branch: table[f"concepts_{branch}"].to_pylist() for branch in ("shortcut", "conv")}
    sizes = np.array(table["k"])
    ways = [(HELD_OUT, HELD_OUT), *world.ways]
    means, apart = np.zeros((len(ways), 4, len(sizes))), np.zeros(len(sizes), bool)
    rng = np.random.default_rng(10_000_000 + world.seed)
    for size in np.unique(sizes):
        units = np.flatnonzero(sizes == size)
        places = [world.places([names[branch][u] for u in units]) for branch in ("shortcut", "conv")]
        for way, sources in enumerate(ways):
            means[way][:, units] = np.concatenate([_brought(world, rng, units, facet, sources) for facet in places])
        apart[units] = _apart(world, *places) >= settings.apart
    effects = [{name: np.array(weights) @ own for name, weights in WEIGHTS.items()} for own in means]
    own, *turned = (ratio_to_need(each, settings) for each in effects)
    return Truth(effects[0], np.minimum(own, np.median(turned, axis=0)) if turned else own, apart)


def _brought(
    world: World, rng: np.random.Generator, units: np.ndarray, concepts: np.ndarray, sources: tuple[int, int]
) -> np.ndarray:
    """Compute what shortcut and conv truly bring on concepts (units, k) by a vendor and a font: means (2, units)."""
    r, b = world.images(rng, units, np.repeat(concepts, IMAGES, axis=1), sources)  # (u, positions, n) each
    seen = [maps[:, units].transpose(1, 2, 0).astype(float) for maps in (world.shortcut, world.conv)]
    of_seen = np.maximum(seen[0] + seen[1], 0).mean(axis=1)  # (u, images)
    z = np.maximum(r + b, 0).mean(axis=1) - of_seen.mean(axis=1, keepdims=True)
    own = expected(r, seen[1]), expected(b, seen[0])
    halves = np.stack([z + own[0] - own[1], z + own[1] - own[0]]) / 2
    return np.asarray(halves.mean(axis=2) / of_seen.std(axis=1))


def _apart(world: World, shortcut: np.ndarray, conv: np.ndarray) -> np.ndarray:
    """Return the distance of facets over that of random concepts, (units,); infinite for facets of unlike modality."""
    rows, word = world.nature.embeddings, world.nature.word
    near = np.einsum("ue,ue->u", rows[shortcut].mean(axis=1), rows[conv].mean(axis=1))
    random = float((rows.mean(axis=0) ** 2).sum())
    unlike = np.abs(word[shortcut].mean(axis=1) - word[conv].mean(axis=1)) >= 0.75
    return np.asarray(np.where(unlike, np.inf, (1 - near) / (1 - random)))
