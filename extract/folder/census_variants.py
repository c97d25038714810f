"""Read two tables that vary a census: verdicts with one thing changed at a time, and branches paired at random.

A census is the statistical test of which units of a sum are enriched. The file of either table bears the name of the
census file that the table varies, so a census on other probes has no such file.
"""

from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extract.errors import CensusError
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.units import Layer, Unit

VARIANTS, PAIRINGS = "census_variants", "pairings"


@dataclass(frozen=True)
class CensusVariant:
    """How many units of a sum have each verdict with one thing changed; the first variant changes nothing.

    `not_excluded` counts the enriched and the open units, so `enriched` to `not_excluded` is a band. `stay_enriched`
    counts the enriched units that are also enriched with nothing changed. `unjudged` says why there is no census with
    this change (all counts are then 0).
    """

    change: str
    enriched: int = 0
    not_excluded: int = 0
    not_enriched: int = 0
    facets_alike: int = 0
    open: int = 0
    stay_enriched: int = 0
    unjudged: str | None = None


@dataclass(frozen=True)
class PairingComparison:
    """The mean of a number over units, for the network's own pairing of their branches and for random pairings.

    `as_it_is` is the mean for the network's own pairing; `paired_anew` and `sd` are the mean and standard deviation
    over `draws` random pairings. `p` is the share of pairings whose mean is as high. `stratum` is None for the mean
    over all units of the sum.
    """

    number: str
    stratum: int | None
    units: int
    as_it_is: float
    paired_anew: float
    sd: float
    p: float
    draws: int
    seed: int


def beside_census(extraction: Extraction, layer: Layer, table: str, digest: str) -> str:
    """Name the file of a table that varies the census of a sum; `digest` is a hash of how the table varies it.

    Raises CensusError for a sum without a census.
    """
    return f"{_beginning(extraction, layer, table)}{digest}.parquet"


def of_sum(extraction: Extraction, layer: Layer, table: str) -> set[str]:
    """Return all files of a table that belong to a sum, including files that vary an earlier census."""
    return {name for name in extraction.under(f"{table}.parquet") if _is_of(name, layer)}


def current(extraction: Extraction, layer: Layer, table: str) -> set[str]:
    """Return the files of a table that vary the present census of a sum; none if the sum has no census."""
    if not of_sum(extraction, layer, "census"):
        return set()
    beginning = _beginning(extraction, layer, table)
    return {name for name in extraction.under(f"{table}.parquet") if name.startswith(beginning)}


def variants(extraction: Extraction, layer: Layer) -> list[CensusVariant]:
    """Count the verdicts of a sum with one thing changed at a time; empty if no variant was computed."""
    rows = _rows(extraction, layer, VARIANTS)
    by_change = dict.fromkeys(map(str, rows["change"].to_pylist()))
    judged = {change: rows.filter(pc.field("change") == change) for change in by_change}
    first = next(iter(judged.values()), rows)
    enriched = np.array(first["verdict"].to_pylist(), object) == "enriched"
    return [_counted(change, own, enriched) for change, own in judged.items()]


def verdicts_by_change(extraction: Extraction, unit: Unit) -> dict[str, str]:
    """Return a unit's verdicts, keyed by what is changed; changes without a census are left out."""
    rows = _rows(extraction, unit.layer, VARIANTS).filter(pc.field("channel") == unit.channel)
    return {row["change"]: row["verdict"] for row in rows.to_pylist() if row["verdict"]}


def pairing_comparisons(
    extraction: Extraction, layer: Layer, drawn: tuple[int, int] | None = None
) -> list[PairingComparison]:
    """Read the comparisons of a sum with its branches paired at random; empty if no pairings were drawn.

    `drawn` selects stored pairings by their number of draws and their seed; None selects the most draws.
    """
    rows = _rows(extraction, layer, PAIRINGS).to_pylist()
    wanted = drawn or max(((row["draws"], row["seed"]) for row in rows), default=None)
    names = [field.name for field in fields(PairingComparison)]
    return [PairingComparison(**{n: row[n] for n in names}) for row in rows if (row["draws"], row["seed"]) == wanted]


def _rows(extraction: Extraction, layer: Layer, table: str) -> pa.Table:
    names = sorted(current(extraction, layer, table))
    return pa.concat_tables([SCHEMAS[table].empty_table(), *map(extraction.part, names)])


def _beginning(extraction: Extraction, layer: Layer, table: str) -> str:
    """Return how the names of a table's files begin if they vary the present census of a sum.

    Raises CensusError for a sum without a census.
    """
    if not (judged := of_sum(extraction, layer, "census")):
        raise CensusError(
            f"{extraction.path} holds no census of {layer}. Show the network probes, with this sum among the measured "
            "layers."
        )
    (census,) = (Path(name).stem for name in judged)
    return f"{table}.parquet/{census}-"


def _is_of(name: str, layer: Layer) -> bool:
    return Path(name).name.startswith(f"{str(layer).replace('/', '-')}-")


def _counted(change: str, rows: pa.Table, enriched: np.ndarray) -> CensusVariant:
    verdicts = np.array(rows["verdict"].to_pylist(), object)
    counts, reason = Counter(verdicts.tolist()), rows["unjudged"][0].as_py()
    if reason is not None:
        return CensusVariant(change, unjudged=reason)
    return CensusVariant(
        change,
        counts["enriched"],
        counts["enriched"] + counts["open"],
        counts["not enriched"],
        counts["facets alike"],
        counts["open"],
        int(np.count_nonzero(enriched & (verdicts == "enriched"))),
    )
