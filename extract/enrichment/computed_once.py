"""Store the tables that vary the census of a sum, and compute each of them only once."""

from collections.abc import Callable

import pyarrow as pa

from extract.enrichment.census_passes import CensusPasses, census_passes, check_has_census
from extract.folder.census_variants import beside_census, current, of_sum
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.probes.probe import Source
from extract.units import Layer


def store_once(
    network: Network,
    extraction: Extraction,
    source: Source,
    layer: Layer,
    table: str,
    digest: str,
    compute: Callable[[CensusPasses], pa.Table],
    several: bool = False,
) -> None:
    """Store the table that `compute` makes from the census's own probes, unless the folder has it already.

    `digest` identifies how the table is made. Tables of earlier censuses are dropped. Other tables of the present
    census are dropped too, unless `several` is set.

    Raises CensusError for a layer that is not a sum or an extraction without a census; the errors of `compute`; and
    ExtractionError if another process writes into the folder, or this one may not.
    """
    check_has_census(network, extraction, layer)
    if extraction.has(beside_census(extraction, layer, table, digest)):
        return
    with extraction.writing():  # what another process wrote meanwhile is read first
        file = beside_census(extraction, layer, table, digest)
        if not extraction.has(file):
            present = current(extraction, layer, table) if several else set()
            extraction.drop(of_sum(extraction, layer, table) - present)
            extraction.add({file: compute(census_passes(network, extraction, source, layer))})
