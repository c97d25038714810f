"""Which probes show what a unit does: its top, middle, low and random ones, from what lies on the disk."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa

from extract.folder.activations import blocks, moments
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, TOP_PROBES
from extract.ranking import lowest, top
from extract.units import Layer

FEW = 8  # of the middle, low and random examples
KINDS = ("top", "middle", "low", "random")


@dataclass(frozen=True)
class RankedProbes:
    """Some probes of every unit, each (units, length), in the order of their rank where `valid`."""

    probes: np.ndarray  # int, places among all probes
    values: np.ndarray  # mean over positions
    z: np.ndarray  # standard deviations above the mean over all probes
    at: np.ndarray  # int, position of the map
    valid: np.ndarray  # bool

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The lists of some units, then of others."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def only(self, units: slice) -> Self:
        """The lists of some units."""
        return type(self)(*(getattr(self, field.name)[units] for field in fields(self)))


def lists(extraction: Extraction, layer: Layer, held_out: np.ndarray) -> dict[str, RankedProbes]:
    """The lists of every kind of a layer's units, from which probes are held out (probes,); discovery probes alone."""
    parts: dict[str, list[RankedProbes]] = {kind: [] for kind in KINDS}
    mean, sd = moments(extraction, layer)
    for units in blocks(len(mean), len(held_out)):
        values, at = (extraction.activations(layer, units, kind) for kind in ("value", "at"))  # (probes, units) each
        assert values is not None  # noqa: S101, moments come from the same files
        assert at is not None  # noqa: S101
        for kind, each in listed(values.T, at.T, mean[units], sd[units], held_out).items():
            parts[kind].append(each)
    return {kind: RankedProbes.joined(each) for kind, each in parts.items()}


def listed(
    values: np.ndarray, at: np.ndarray, mean: np.ndarray, sd: np.ndarray, held_out: np.ndarray
) -> dict[str, RankedProbes]:
    """The lists of units from what they do, and where, (units, probes); from their mean and deviation (units,).

    A top list ends at the mean over all probes: a unit that answers to three probes has three top examples. A unit
    without deviation has no lists. Equals keep the order of the probes.
    """
    discovery = np.flatnonzero(~held_out)
    exact = values[:, discovery].astype(np.float32)  # (units, d)
    centre = np.median(exact, axis=1, keepdims=True) if len(discovery) else exact
    drawn = np.random.default_rng(0).permutation(len(discovery))[:FEW]
    chosen = {
        "top": top(exact, TOP_PROBES),
        "middle": lowest(np.abs(exact - centre), FEW),
        "low": lowest(exact, FEW),
        "random": np.broadcast_to(drawn, (len(exact), len(drawn))),
    }

    def made(kind: str, places: np.ndarray) -> RankedProbes:
        probes = discovery[places]  # (units, length)
        some = np.take_along_axis(values, probes, axis=1)
        z = (some - mean[:, None]) / sd[:, None]
        valid = z > 0 if kind == "top" else np.isfinite(z)
        return RankedProbes(probes, some.astype(np.float32), z, np.take_along_axis(at, probes, axis=1), valid)

    return {kind: made(kind, places) for kind, places in chosen.items()}


def table(found: dict[str, RankedProbes], layer: Layer, branch: str, columns: int, names: "pa.Array[Any]") -> pa.Table:
    """Rows of the examples table by kind, channel and rank; `names` are the ids of all probes, `columns` the map's."""
    return pa.concat_tables([_rows(kind, each, layer, branch, columns, names) for kind, each in found.items()])


def _rows(kind: str, each: RankedProbes, layer: Layer, branch: str, columns: int, names: "pa.Array[Any]") -> pa.Table:
    channel, rank = np.nonzero(each.valid)
    at = each.at[channel, rank]
    same = {"layer": str(layer), "branch": branch, "kind": kind}
    cells: dict[str, Any] = {name: pa.array([text] * len(channel), pa.string()) for name, text in same.items()}
    cells |= {"channel": channel, "rank": rank + 1, "probe": names.take(pa.array(each.probes[channel, rank]))}
    cells |= {"value": each.values[channel, rank], "z": each.z[channel, rank]}
    cells |= {"row": at // columns, "column": at % columns}
    schema = SCHEMAS["examples"]
    return pa.table({name: cells[name] for name in schema.names}).cast(schema)
