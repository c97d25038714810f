"""The top probes of units, and the one probe that stands for each: its first."""

from collections.abc import Iterable

from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import ProbeBranch, TopProbe

_ROWS: dict[str, ProbeBranch] = {"sum": "sum", "conv": "conv", "downsample": "shortcut"}


def branch_of(unit: Unit) -> ProbeBranch:
    """The branch whose top probes are a unit's own: one of its sum's, or `unit` inside a conv branch."""
    return _ROWS.get(unit.layer.role, "unit")


def top_probes(store: ModelStore, unit: Unit, limit: int = 8) -> list[TopProbe]:
    """The top probes of a unit: a sum's with those of its branches, a branch's as its sum has them."""
    own = branch_of(unit)
    return [probe for probe in store.top_probes(_holder(unit), limit) if own in ("sum", probe.branch)]


def thumbnails(store: ModelStore, units: Iterable[Unit]) -> dict[Unit, TopProbe]:
    """The first top probe of each unit; units without any are left out."""
    units = list(units)
    probes = store.top_probes_of(map(_holder, units), limit=1)
    own = {unit: [p for p in probes.get(_holder(unit), []) if p.branch == branch_of(unit)] for unit in units}
    return {unit: first[0] for unit, first in own.items() if first}


def _holder(unit: Unit) -> Unit:
    """The unit whose top probes hold those of a unit: its sum, or inside a conv branch itself."""
    return unit if branch_of(unit) == "unit" else Unit(unit.layer.output, unit.channel)
