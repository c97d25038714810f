"""Take a census of enrichment: a test of whether each branch of a sum brings a facet of its own to a unit.

A facet is one of the things that a unit responds to. The census takes these steps:

attribution      what either branch brings on every image, by interchange with all others
concept table    the same for every concept, on discovery and on held-out probes
facets           on discovery probes, the concepts that either branch brings most, and how many
contrasts        on held-out probes, whether both facets are large, and each brought by its own branch
distance         whether the facets lie apart
low level        whether a covariate, such as ink, explains a facet
rotation         whether the verdict recurs where other vendors and fonts are held out

The verdicts are:

*enriched*       every contrast is positive, the facets lie apart, no covariate explains either, and the verdict recurs
                 in most of the ways to hold out vendors and fonts, where there are several
*not enriched*   the contrast that is weakest on discovery probes is negative on held-out ones
*facets alike*   every contrast is positive, and the facets lie near each other
*open*           none of these is established

Each verdict is at a false discovery rate (Benjamini and Hochberg 1995): *not enriched* over all units, *enriched* and
*facets alike* over the units that discovery probes call promising. A verdict is about these concepts and the held-out
vendor and font; docs/census.md says what is claimed and what is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from extract.enrichment.attribution import Attribution, attribution
from extract.enrichment.census_measures import Columns, joined, measures
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.census_table import LINKS, as_table
from extract.enrichment.concept_table import ConceptTable, concept_table
from extract.enrichment.false_discovery import corrected, corrected_over
from extract.enrichment.held_out_sources import fails_to_recur, recurrence, rotations
from extract.errors import CensusError

DEFAULT = CensusSettings()


@dataclass(frozen=True)
class CensusWays:
    """The probes in their own splits, and in the splits that hold out other vendors and fonts."""

    own: CensusProbes
    turned: tuple[CensusProbes, ...] = ()

    @classmethod
    def of(cls, probes: pa.Table, embeddings: np.ndarray, covariates: pa.Table | None = None) -> Self:
        """Check the probes, and split them in every way. Raises CensusError."""
        return cls(CensusProbes.of(probes, embeddings, covariates), tuple(rotations(probes, embeddings)))


def census(
    shortcut: np.ndarray,
    conv: np.ndarray,
    probes: pa.Table,
    embeddings: np.ndarray,
    covariates: pa.Table | None = None,
    settings: CensusSettings = DEFAULT,
) -> pa.Table:
    """Judge every unit of a sum; return one row per unit, with the settings and their hash in the table's metadata.

    `shortcut` and `conv` are both branches' maps (images, units, positions) as they enter the sum's ReLU, the shortcut
    after its own ReLU. `probes` has columns modality, concept and split, one row per image; `embeddings` are (images,
    E). `covariates` has float columns, one row per image, with null where a covariate does not apply. Effects are in
    standard deviations of the sum. The census is deterministic, and the order of the images changes no verdict. If
    `probes` has a column source, of vendors and fonts, each of these is held out in turn.

    Raises CensusError for input that does not fit together or has too few concepts.
    """
    ways = CensusWays.of(probes, embeddings, covariates)
    _check(shortcut, conv, probes.num_rows)
    return judge_all([measure(attribution(shortcut, conv), ways, settings)], ways, settings)


def measure(attributed: Attribution, ways: CensusWays, settings: CensusSettings = DEFAULT) -> list[Columns]:
    """Measure some units of a sum in every way to split the probes, their own splits first; units are independent."""
    brings, every_way = (attributed.shortcut, attributed.conv), (ways.own, *ways.turned)
    return [measures(concept_table(probes.concepts, *brings), probes, settings) for probes in every_way]


def judge_all(blocks: Sequence[list[Columns]], ways: CensusWays, settings: CensusSettings = DEFAULT) -> pa.Table:
    """Judge every unit of a sum from the measures of its units, which come in blocks."""
    own, *turned = (joined(columns) for columns in zip(*blocks, strict=True))
    judged = verdicts(own, settings)
    others = [verdicts(columns, settings)["verdict"] for columns in turned]
    once = fails_to_recur(judged["verdict"], recurrence(judged["verdict"], others))
    judged["verdict"] = np.where(once, "open", judged["verdict"])
    shares = recurrence(judged["verdict"], others)
    judged["weakest_link"] = np.where(once, LINKS["recurrence"], judged["weakest_link"])
    return as_table(own | judged | {"recurrence": shares, "ways": np.full(len(once), len(turned))}, ways.own, settings)


def judge(table: ConceptTable, probes: CensusProbes, settings: CensusSettings = DEFAULT) -> pa.Table:
    """Judge every unit of a concept table: the census without its attribution, in the probes' own splits only."""
    return judge_all([[measures(table, probes, settings)]], CensusWays(probes), settings)


def verdicts(columns: Columns, settings: CensusSettings) -> Columns:
    """Decide each unit's verdict and weakest link, with p and q.

    q is over all units for *not enriched*, and over the promising units otherwise.
    """
    low_level = columns["low_level_shortcut"] | columns["low_level_conv"]
    p = np.where(low_level, 1, np.maximum(columns["p_contrasts"], columns["p_distance"]))
    promising, p_not = columns["promising"], columns["p_not_enriched"]
    q, q_contrasts = (corrected_over(promising, values) for values in (p, columns["p_contrasts"]))
    q_not = corrected(p_not)
    near = columns["distance_high"] < settings.apart
    states = {
        "enriched": q <= settings.level,
        "not enriched": q_not <= settings.level,
        "facets alike": near & (q_contrasts <= settings.level) & (columns["p_distance"] > settings.level),
    }
    verdict = np.select(list(states.values()), list(states), "open").astype(object)
    return {
        "verdict": verdict,
        "low_level": low_level,
        "weakest_link": _weakest_links(columns, verdict, ~promising & (p <= settings.level)),
        "p": p,
        "q": q,
        "q_by": corrected_over(promising, p, "by"),
        "q_not_enriched": q_not,
        "q_not_enriched_by": corrected(p_not, "by"),
    }


def _weakest_links(columns: Columns, verdict: np.ndarray, untested: np.ndarray) -> np.ndarray:
    """Name, in plain words, what stands most against *enriched* for every unit: (units,).

    `untested`, bool (units,), are units that pass every test but are not promising.
    """
    link = np.where(columns["p_distance"] > columns["p_contrasts"], "distance", columns["weakest"])
    link = np.where(untested, "promising", link)
    for branch in ("shortcut", "conv"):
        link = np.where(columns[f"low_level_{branch}"], f"low_level_{branch}", link)
    link = np.where(verdict == "not enriched", columns["failing"], link)
    return np.array([LINKS[name] for name in link], object)


def _check(shortcut: np.ndarray, conv: np.ndarray, images: int) -> None:
    """Raise CensusError for maps that cannot be judged: of other shapes, empty, or with NaN or infinite numbers."""
    for name, maps in (("shortcut", shortcut), ("conv", conv)):
        if maps.ndim != 3 or 0 in maps.shape:
            raise CensusError(f"{name} has the shape {maps.shape}. Give maps of (images, units, positions).")
        if not np.isfinite(maps).all():
            raise CensusError(f"{name} holds NaN or infinite numbers. Leave out those images.")
    if shortcut.shape != conv.shape or len(conv) != images:
        raise CensusError(
            f"shortcut is {shortcut.shape}, conv {conv.shape}, and there are {images} probes. "
            "Give both maps of the same units and positions, and a probe for every image."
        )
