"""Read the top probes of units, the first one as a unit's thumbnail, and the probes that show a facet."""

from collections.abc import Iterable, Mapping

from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import FacetProbe, ProbeBranch, TopProbe

_ROWS: dict[str, ProbeBranch] = {"sum": "sum", "conv": "conv", "downsample": "shortcut"}
_OPEN, _CLOSE = "\u201c\u201d"  # quotation marks around a word


def branch_of(unit: Unit) -> ProbeBranch:
    """Return the branch name that a unit's top probes are stored under, which is `unit` inside a conv branch."""
    return _ROWS.get(unit.layer.role, "unit")


def top_probes(store: ModelStore, unit: Unit, limit: int = 8) -> list[TopProbe]:
    """Return the top probes of a unit; for a sum's unit also those of its branches."""
    own = branch_of(unit)
    return [probe for probe in store.top_probes(_holder(unit), limit) if own in ("sum", probe.branch)]


def thumbnails(store: ModelStore, units: Iterable[Unit]) -> dict[Unit, TopProbe]:
    """Return the first top probe of each unit; units without top probes are left out."""
    units = list(units)
    probes = store.top_probes_of(map(_holder, units), limit=1)
    own = {unit: [p for p in probes.get(_holder(unit), []) if p.branch == branch_of(unit)] for unit in units}
    return {unit: first[0] for unit, first in own.items() if first}


def facet_probes(store: ModelStore, facets: Mapping[str, Iterable[str]]) -> dict[str, list[FacetProbe]]:
    """Return a held-out probe of each concept of every facet; concepts without a stored probe are left out.

    Concepts are named as in the census, that is with words in quotation marks.
    """
    names = list(dict.fromkeys(name for concepts in facets.values() for name in concepts))
    words = [name for name in names if name.startswith(_OPEN)]
    pictures = [name for name in names if name not in words]
    probes: dict[str, FacetProbe] = {}
    plain = [word.removeprefix(_OPEN).removesuffix(_CLOSE) for word in words]
    for probe in store.facet_probes(pictures, plain) if names else ():
        name = f"{_OPEN}{probe.concept}{_CLOSE}" if probe.modality == "word" else probe.concept
        probes.setdefault(name, probe)
    return {branch: [probes[name] for name in concepts if name in probes] for branch, concepts in facets.items()}


def _holder(unit: Unit) -> Unit:
    """Return the unit that stores a unit's top probes: its sum's, or the unit itself inside a conv branch."""
    return unit if branch_of(unit) == "unit" else Unit(unit.layer.output, unit.channel)
