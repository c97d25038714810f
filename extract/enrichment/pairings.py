"""Does a network pair the facets of its branches? Compare how common enrichment is with branches paired anew.

Randomly paired branches bring two facets too. So they are not a null hypothesis for one unit, but the baseline for the
number of enriched units.

Facets of CONCEPTS concepts are measured on held-out probes, without tests. The three numbers are the share of units
whose least size reaches what it must exceed, the mean ratio of this size to what it must exceed, and how alike both
attributions are (their mean correlation over images).
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from extract.enrichment.attribution import attribution
from extract.enrichment.census import DEFAULT
from extract.enrichment.census_passes import CensusPasses
from extract.enrichment.computed_once import store_once
from extract.enrichment.concept_table import ProbeConcepts, concept_table
from extract.enrichment.contrasts import EFFECTS, effects, ratio_to_need
from extract.enrichment.facets import facets
from extract.enrichment.paired_anew import DRAWS, STRATUM, Pairings, paired_anew, strata
from extract.errors import CensusError
from extract.folder.census_variants import PAIRINGS, PairingComparison, pairing_comparisons
from extract.folder.extraction import Extraction
from extract.folder.manifest_folder import run_digest
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.probes.probe import Source
from extract.units import Layer

CONCEPTS = 12  # of a facet
NUMBERS = ("share at need", "mean ratio", "correlation")
MEMORY = 2**33  # bytes of maps, all of a sum's at once


def compare_pairings(
    network: Network,
    extraction: Extraction,
    source: Source,
    layer: Layer,
    draws: int = DRAWS,
    seed: int = 0,
    progress: bool = True,
    memory: int = MEMORY,
) -> list[PairingComparison]:
    """Compare a sum with its branches paired anew, over all its units and then in every stratum; store the comparison.

    The probes are those of the extraction's own census. If the folder already has as many draws of this seed, nothing
    is computed. The maps of the whole sum are in memory at the same time.

    Raises CensusError for a layer that is not a sum, an extraction without a census, or maps that do not fit into
    `memory`; the errors of loading a probe; and ExtractionError if another process writes into the folder, or this one
    may not.
    """

    def compute(show: CensusPasses) -> pa.Table:
        compared = _comparisons(_measured(show, layer, draws, seed, progress, memory), draws, seed)
        rows = [vars(comparison) | {"layer": str(layer)} for comparison in compared]
        return pa.Table.from_pylist(rows, SCHEMAS[PAIRINGS])

    digest = run_digest(draws, seed, CONCEPTS, STRATUM, DEFAULT.hash)
    store_once(network, extraction, source, layer, PAIRINGS, digest, compute, several=True)
    return pairing_comparisons(extraction, layer, (draws, seed))


def _measured(show: CensusPasses, layer: Layer, draws: int, seed: int, progress: bool, memory: int) -> Pairings:
    plan = list(show.plan([layer], memory))
    if len(plan) > 1:
        raise CensusError(
            f"The maps of {layer} on {show.probes.num_rows} probes exceed {memory} bytes. Allow more memory."
        )
    maps = show.maps(plan[0], progress)[layer]
    return pairings(maps.shortcut, maps.conv, ProbeConcepts.of(show.probes), draws, seed, progress)


def pairings(
    shortcut: np.ndarray,
    conv: np.ndarray,
    concepts: ProbeConcepts,
    draws: int = DRAWS,
    seed: int = 0,
    progress: bool = False,
) -> Pairings:
    """Measure a sum as it is, and with its branches paired anew."""
    words = concepts.words[np.max(concepts.places, axis=0)]
    stratum, rng = strata(conv, words), np.random.default_rng([seed, 3])
    true = measure_pairing(shortcut, conv, concepts)
    anew = [
        measure_pairing(shortcut, conv[:, paired_anew(stratum, rng)], concepts)
        for _ in tqdm(range(draws), "pairings", disable=not progress)
    ]
    return Pairings(true, {name: np.stack([drawn[name] for drawn in anew]) for name in NUMBERS}, stratum)


def measure_pairing(shortcut: np.ndarray, conv: np.ndarray, concepts: ProbeConcepts) -> dict[str, np.ndarray]:
    """Measure the three numbers of every unit, (units,) each."""
    attributed = attribution(shortcut, conv)
    table = concept_table(concepts, attributed.shortcut, attributed.conv)
    measured = effects(facets(table, CONCEPTS).values(table.held_out)).value
    ratio = ratio_to_need(dict(zip(EFFECTS, measured.T, strict=True)), DEFAULT)
    product = (attributed.shortcut * attributed.conv).mean(axis=0)  # both are about zero on average
    alike = product / np.maximum(attributed.shortcut.std(axis=0) * attributed.conv.std(axis=0), 1e-12)
    return dict(zip(NUMBERS, (1.0 * (ratio >= 1), ratio, alike), strict=True))


def _comparisons(measured: Pairings, draws: int, seed: int) -> Iterator[PairingComparison]:
    """Yield the comparisons of all units first, then of every stratum."""
    for stratum, own in measured.by_stratum():
        for name in NUMBERS:
            means = own.anew[name].mean(axis=1)
            yield PairingComparison(
                name,
                stratum,
                len(own.stratum),
                float(own.true[name].mean()),
                float(means.mean()),
                float(means.std()),
                own.p(name),
                draws,
                seed,
            )
