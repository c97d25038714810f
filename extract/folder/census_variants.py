"""What a folder keeps beside its census: the verdicts with one thing changed at a time, and branches paired anew.

Both tables lie beside the part of the census that they vary, under its name: a census of other probes has none.
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
    """How many units of a sum have each verdict with one thing changed, of the first variant nothing.

    `not_excluded` counts the enriched and the open: with `enriched` it is a band. `stay_enriched` counts the units that
    are enriched with nothing changed too. `unjudged` says why there is no census with this change; the counts are 0.
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
    """A mean over units, as the network pairs their branches and as paired anew, with the sd over pairings.

    `p` is the share of pairings whose mean is as high, of so many `draws`. `stratum` is None where the mean is over all
    units of the sum.
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
    """The file of a table that varies the census of a sum; the digest is of how. CensusError for a sum without one."""
    return f"{_beginning(extraction, layer, table)}{digest}.parquet"


def of_sum(extraction: Extraction, layer: Layer, table: str) -> set[str]:
    """All files of a table that vary a census of a sum, earlier ones too."""
    return {name for name in extraction.under(f"{table}.parquet") if _is_of(name, layer)}


def current(extraction: Extraction, layer: Layer, table: str) -> set[str]:
    """The files of a table that vary the present census of a sum."""
    if not of_sum(extraction, layer, "census"):
        return set()
    beginning = _beginning(extraction, layer, table)
    return {name for name in extraction.under(f"{table}.parquet") if name.startswith(beginning)}


def variants(extraction: Extraction, layer: Layer) -> list[CensusVariant]:
    """How the verdicts of a sum are spread with one thing changed at a time; empty where that was not computed."""
    rows = _rows(extraction, layer, VARIANTS)
    by_change = dict.fromkeys(map(str, rows["change"].to_pylist()))
    judged = {change: rows.filter(pc.field("change") == change) for change in by_change}
    first = next(iter(judged.values()), rows)
    enriched = np.array(first["verdict"].to_pylist(), object) == "enriched"
    return [_counted(change, own, enriched) for change, own in judged.items()]


def verdicts_by_change(extraction: Extraction, unit: Unit) -> dict[str, str]:
    """A unit's verdict by what is changed; without those of which there is no census."""
    rows = _rows(extraction, unit.layer, VARIANTS).filter(pc.field("channel") == unit.channel)
    return {row["change"]: row["verdict"] for row in rows.to_pylist() if row["verdict"]}


def pairing_comparisons(
    extraction: Extraction, layer: Layer, drawn: tuple[int, int] | None = None
) -> list[PairingComparison]:
    """A sum beside its branches paired anew in the draws of a seed, by default the most; empty where never."""
    rows = _rows(extraction, layer, PAIRINGS).to_pylist()
    wanted = drawn or max(((row["draws"], row["seed"]) for row in rows), default=None)
    names = [field.name for field in fields(PairingComparison)]
    return [PairingComparison(**{n: row[n] for n in names}) for row in rows if (row["draws"], row["seed"]) == wanted]


def _rows(extraction: Extraction, layer: Layer, table: str) -> pa.Table:
    names = sorted(current(extraction, layer, table))
    return pa.concat_tables([SCHEMAS[table].empty_table(), *map(extraction.part, names)])


def _beginning(extraction: Extraction, layer: Layer, table: str) -> str:
    """How the names of the table's files begin that vary the present census of a sum."""
    if not (judged := of_sum(extraction, layer, "census")):
        raise CensusError(f"{extraction.path} holds no census of {layer}. Show the network probes with it measured.")
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
