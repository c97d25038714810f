"""The picture that stands for a unit: the probe that it answers to most, behind the veil."""

from collections.abc import Iterable

from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import ProbeBranch, TopProbe

_ROWS: dict[str, ProbeBranch] = {"sum": "sum", "conv": "conv", "downsample": "shortcut"}


def row(unit: Unit) -> ProbeBranch:
    """Which examples are a unit's own: of its sum's those of a branch, or inside a conv branch the unit's."""
    return _ROWS.get(unit.layer.role, "unit")


def examples(store: ModelStore, unit: Unit, limit: int = 8) -> list[TopProbe]:
    """The probes that a unit answers to most: a sum's with those of its branches, a branch's as its sum has them."""
    own = row(unit)
    return [example for example in store.top_probes(_holder(unit), limit) if own in ("sum", example.branch)]


def thumbnails(store: ModelStore, units: Iterable[str]) -> dict[str, TopProbe]:
    """The probe that each unit answers to most, for those where this was measured."""
    shown = {name: Unit.parse(name) for name in units}
    found = store.top_probes_of(map(_holder, shown.values()), limit=1)
    own = {name: [e for e in found.get(_holder(unit), []) if e.branch == row(unit)] for name, unit in shown.items()}
    return {name: examples[0] for name, examples in own.items() if examples}


def _holder(unit: Unit) -> Unit:
    """The unit that holds a unit's examples: its sum, or inside a conv branch itself."""
    return unit if row(unit) == "unit" else Unit(unit.layer.output, unit.channel)
