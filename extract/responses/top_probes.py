"""Rank probes by activation: the top, middle, low and random probes of every unit, from an extraction folder."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa

from extract.folder.activations import blocks, moments
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, TOP_PROBES
from extract.ranking import lowest, top
from extract.units import Layer

FEW = 8  # middle, low and random probes
KINDS = ("top", "middle", "low", "random")


@dataclass(frozen=True)
class RankedProbes:
    """Ranked probes of each unit; all arrays are (units, length), padded where `valid` is False."""

    probes: np.ndarray  # int, places among all probes
    values: np.ndarray  # mean over positions
    z: np.ndarray  # standard deviations above the mean over all probes
    at: np.ndarray  # int, position on the map
    valid: np.ndarray  # bool

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Concatenate the lists of several runs of units."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def only(self, units: slice) -> Self:
        """Select the lists of a slice of units."""
        return type(self)(*(getattr(self, field.name)[units] for field in fields(self)))

    def first(self, length: int) -> Self:
        """Return the first `length` probes of every list."""
        return type(self)(*(np.ascontiguousarray(getattr(self, field.name)[:, :length]) for field in fields(self)))


def lists(
    extraction: Extraction, layer: Layer, held_out: np.ndarray, length: int = TOP_PROBES
) -> dict[str, RankedProbes]:
    """Rank the discovery probes of a layer's units, keyed by kind of list; `held_out` is bool (probes,).

    `length` is the length of the top lists.
    """
    parts: dict[str, list[RankedProbes]] = {kind: [] for kind in KINDS}
    mean, sd = moments(extraction, layer)
    for units in blocks(len(mean), len(held_out)):
        values, at = (extraction.activations(layer, units, kind) for kind in ("value", "at"))  # (probes, units) each
        assert values is not None  # noqa: S101, moments come from the same files
        assert at is not None  # noqa: S101
        for kind, ranked in listed(values.T, at.T, mean[units], sd[units], held_out, length).items():
            parts[kind].append(ranked)
    return {kind: RankedProbes.joined(runs) for kind, runs in parts.items()}


def listed(
    values: np.ndarray, at: np.ndarray, mean: np.ndarray, sd: np.ndarray, held_out: np.ndarray, length: int = TOP_PROBES
) -> dict[str, RankedProbes]:
    """Rank probes for units, keyed by kind of list, from `values` and the positions `at` of the peaks (units, probes).

    `mean` and `sd` are over all probes, (units,). A top list ends at the mean over all probes: a unit that responds to
    three probes has three top probes. A unit without deviation has no lists. Equal activations keep the order of the
    probes.
    """
    discovery = np.flatnonzero(~held_out)
    exact = values[:, discovery].astype(np.float64)  # (units, d); float64 keeps the two beside a median equally near
    centre = np.median(exact, axis=1, keepdims=True) if len(discovery) else exact
    random = np.random.default_rng(0).permutation(len(discovery))[:FEW]
    orders = {
        "top": top(exact, length),
        "middle": lowest(np.abs(exact - centre), FEW),
        "low": lowest(exact, FEW),
        "random": np.broadcast_to(random, (len(exact), len(random))),
    }

    def ranked(kind: str, places: np.ndarray) -> RankedProbes:
        probes = discovery[places]  # (units, length)
        activations = np.take_along_axis(values, probes, axis=1)
        z = (activations - mean[:, None]) / sd[:, None]
        valid = z > 0 if kind == "top" else np.isfinite(z)
        return RankedProbes(probes, activations.astype(np.float32), z, np.take_along_axis(at, probes, axis=1), valid)

    return {kind: ranked(kind, places) for kind, places in orders.items()}


def table(lists: dict[str, RankedProbes], layer: Layer, branch: str, columns: int, names: "pa.Array[Any]") -> pa.Table:
    """Make the rows of the table `examples`, one for each kind, channel and rank.

    `names` are the ids of all probes, and `columns` is the number of columns of the map.
    """
    return pa.concat_tables([_rows(kind, ranked, layer, branch, columns, names) for kind, ranked in lists.items()])


def _rows(kind: str, ranked: RankedProbes, layer: Layer, branch: str, columns: int, names: "pa.Array[Any]") -> pa.Table:
    channel, rank = np.nonzero(ranked.valid)
    at = ranked.at[channel, rank]
    shared = {"layer": str(layer), "branch": branch, "kind": kind}
    cells: dict[str, Any] = {name: pa.array([text] * len(channel), pa.string()) for name, text in shared.items()}
    cells |= {"channel": channel, "rank": rank + 1, "probe": names.take(pa.array(ranked.probes[channel, rank]))}
    cells |= {"value": ranked.values[channel, rank], "z": ranked.z[channel, rank]}
    cells |= {"row": at // columns, "column": at % columns}
    schema = SCHEMAS["examples"]
    return pa.table({name: cells[name] for name in schema.names}).cast(schema)
