"""Messages about what a census of enrichment is taken of, and its settings."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from extract.enrichment.census import census
from extract.enrichment.census_settings import CensusSettings
from tests.builders.planted_arrays import World, world
from tests.faults.advice.messages import Act, Advice, Table


@cache
def _planted() -> World:
    return world(7, units=2, kinds=("clear", "noise"))


def taken(**changes: Callable[[Any], object]) -> Act:
    """A census of a planted world, whose parts of these names are changed first."""

    def take() -> object:
        parts = {name: getattr(_planted(), name) for name in ("shortcut", "conv", "probes", "embeddings", "covariates")}
        return census(**parts | {name: change(parts[name]) for name, change in changes.items()})

    return take


def with_column(name: str, values: Callable[[int], list[Any]]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        others = table.drop([name]) if name in table.column_names else table
        return others.append_column(name, pa.array(values(table.num_rows)))

    return change


def doubled(table: pa.Table) -> pa.Table:
    return table.append_column(table.column_names[0], table[table.column_names[0]])


def first(rows: int) -> Callable[[Any], Any]:
    return lambda part: part[:rows]


def with_a_hole(maps: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(maps))[:, None, None] == 3, np.nan, maps)


PARTS = ("shortcut", "conv", "probes", "embeddings", "covariates")
WHOLE = taken()
TABLE = Table(
    (
        *(
            f"extract.enrichment.{name}"
            for name in ("census", "census_passes", "census_probes", "census_settings", "pairings")
        ),
        "extract.folder.census_variants",
    ),
    (
        Advice("Give both maps of the same units", taken(conv=lambda maps: maps[:, :1]), WHOLE),
        Advice(
            "Give maps of (images, units, positions)",
            taken(shortcut=lambda maps: maps[..., 0], conv=lambda maps: maps[..., 0]),
            taken(shortcut=lambda maps: maps[..., :1], conv=lambda maps: maps[..., :1]),
        ),
        Advice(
            "holds NaN or infinite numbers. Leave out",
            taken(conv=with_a_hole),
            taken(**{name: lambda part: part[4:] for name in PARTS}),
        ),
        Advice("have probes in both splits", taken(**dict.fromkeys(PARTS, first(30))), WHOLE),
        Advice("probes has no column", taken(probes=lambda table: table.drop(["split"])), WHOLE),
        Advice("probes has no row", taken(**dict.fromkeys(PARTS, first(0))), WHOLE),
        Advice(
            "rows without a source",
            taken(probes=with_column("source", lambda rows: [None, *["noto"] * (rows - 1)])),
            taken(probes=with_column("source", lambda rows: ["noto"] * rows)),
        ),
        Advice("Give one row for each probe.", taken(covariates=first(10)), WHOLE),
        Advice("Two covariates have the same name", taken(covariates=doubled), WHOLE),
        Advice("Give one row of finite numbers", taken(embeddings=first(10)), WHOLE),
        Advice(
            "probes has the {name}",
            taken(probes=with_column("split", lambda rows: ["test"] * rows)),
            WHOLE,
        ),
        Advice(
            "Give numbers, null where it does not apply",
            taken(covariates=with_column("ink", lambda rows: ["much"] * rows)),
            taken(covariates=with_column("ink", lambda rows: [None, *[0.5] * (rows - 1)])),
        ),
        Advice(
            "holds infinite numbers. Put null",
            taken(covariates=with_column("ink", lambda rows: [np.inf, *[0.5] * (rows - 1)])),
            taken(covariates=with_column("ink", lambda rows: [None, *[0.5] * (rows - 1)])),
        ),
        Advice("The sizes of the facets are", lambda: CensusSettings(sizes=(2,)), lambda: CensusSettings(sizes=(4,))),
        Advice("The level of the tests", lambda: CensusSettings(level=2), lambda: CensusSettings(level=0.05)),
    ),
    elsewhere=dict.fromkeys(
        ("is not a sum. Name one", "holds no census"), "tests/extract/enrichment/test_sensitivity.py"
    )
    | {"bytes. Allow more": "tests/extract/enrichment/test_pairings.py"},
)
