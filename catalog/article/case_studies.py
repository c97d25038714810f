"""Save the case studies of the enrichment circuits article as circuits of any network, with that network's weights.

Units, edges and names are in case_studies.json. The article's names for units become the notes of a circuit's nodes;
they become labels only on request.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from pydantic import TypeAdapter

from catalog.circuits import saved
from catalog.circuits.build import adds, assemble, edge_of
from catalog.circuits.circuit import Circuit, Plain, Role
from catalog.errors import CircuitError, LabelError
from catalog.hiding.veil import HIDDEN
from catalog.labels import bulk
from catalog.labels import files as label_files
from catalog.labels.bulk import Plan
from catalog.labels.labels import Labels
from extract.errors import UnknownUnit
from extract.units import ARCHITECTURES, Layer, Unit
from graph.model_store import ModelStore
from graph.records import Contribution, Sweep

KIND = "case study"
ImportOutcome = Literal["saved", "replaced", "unchanged", "not saved"]


@dataclass(frozen=True)
class Study:
    """A circuit of the article: its units, the last one first, and edges as (source, target, the article's words)."""

    name: str
    sentence: str
    units: tuple[Unit, ...]
    edges: tuple[tuple[Unit, Unit, str], ...] = ()


@dataclass(frozen=True)
class Studies:
    """The circuits of an article on one model; `labels` are entries of a label file, `source` names the article."""

    model: str
    authors: str
    source: str
    circuits: tuple[Study, ...]
    labels: tuple[dict[str, Any], ...]

    def notes(self) -> dict[Unit, str]:
        """Return the article's name of each unit, with `HIDDEN` in place of a name that is marked sensitive."""
        names: dict[Unit, list[str]] = {}
        for entry in self.labels:
            names.setdefault(Unit.parse(entry["unit"]), []).append(HIDDEN if entry.get("sensitive") else entry["text"])
        return {unit: "; ".join(texts) for unit, texts in names.items()}


@dataclass(frozen=True)
class StudiedEdge:
    """An edge that the article names, with this network's numbers.

    `article` is what the article says of the edge. `weights` is "stored", or the reason why the edge is not stored;
    magnitude, mean and rank are None then. `rank_in` is the rank by magnitude among the target's inputs from the
    source's layer.
    """

    circuit: str
    source: Unit
    target: Unit
    article: str
    weights: str
    magnitude: float | None = None
    mean: float | None = None
    rank_in: int | None = None


@dataclass(frozen=True)
class CaseStudy:
    """An imported case study: the outcome of saving its circuit, its edges, and the units that the network lacks."""

    circuit: str
    outcome: ImportOutcome
    units: int
    left_out: tuple[Unit, ...]
    edges: tuple[StudiedEdge, ...]


@dataclass(frozen=True)
class ImportedStudies:
    """All imported case studies, the number of labels added, and whether this may be the article's network."""

    studies: tuple[CaseStudy, ...]
    labels: int
    network_of_article: bool


@dataclass(frozen=True)
class _Overlay:
    """A case study before saving, as a circuit of those of its units that the network has."""

    circuit: Circuit
    left_out: tuple[Unit, ...]
    edges: tuple[StudiedEdge, ...]


def article() -> Studies:
    """Read the case studies of the enrichment circuits article."""
    content = json.loads(files("catalog.article").joinpath("case_studies.json").read_text(encoding="utf-8"))
    return TypeAdapter(Studies).validate_python(content)


def import_studies(
    store: ModelStore, studies: Studies, author: str | None = None, labels: bool = False
) -> ImportedStudies:
    """Save every case study of which the network has units; a saved circuit that is equal already stays unchanged.

    `labels` also labels the units, under the article's authors. Raises LabelError for labels on a network that cannot
    be the article's, CircuitError if a circuit of the user has the name of a case study; nothing is written then.
    """
    same_network = _may_be(store, studies.model)
    if labels and not same_network:
        raise LabelError(
            f"The article labels units of {studies.model}, but {store.id} is another network, whose units have other "
            f"meanings. Import the circuits without labels, or open {studies.model}."
        )
    kinds, notes = _kinds(store, studies), studies.notes()
    overlays = [_overlay(store, studies, study, notes) for study in studies.circuits]
    cases = tuple(_case(store, overlay, kinds) for overlay in overlays)
    plan = _labels(store, studies) if labels else Plan(())
    for overlay, case in zip(overlays, cases, strict=True):  # all is read before anything is written
        if case.outcome in ("saved", "replaced"):
            saved.save(store, overlay.circuit, case.circuit, author, replace=case.outcome == "replaced")
    bulk.apply(Labels(store), plan, skip=True)
    return ImportedStudies(cases, len(plan.new), same_network)


def _may_be(store: ModelStore, model: str) -> bool:
    """Check whether the store's model is, or may be, this model: the name of a weights file does not tell."""
    name, _, _ = model.partition(":")
    return store.id == model or ("@" in store.id and ARCHITECTURES.get(name) == store.architecture)


def _kinds(store: ModelStore, studies: Studies) -> dict[str, str]:
    """Return the kinds of circuits saved under the studies' names. Raises CircuitError for one of another kind."""
    names = {study.name for study in studies.circuits}
    kinds = {circuit.name: circuit.kind for circuit in store.saved_circuits() if circuit.name in names}
    if own := [name for name, kind in kinds.items() if kind != KIND]:
        raise CircuitError(
            f"A saved circuit has the name {own[0]!r}, but is not a case study. Nothing was imported. Save that "
            "circuit under another name and remove it under this one, then import again."
        )
    return kinds


def _overlay(store: ModelStore, studies: Studies, study: Study, notes: Mapping[Unit, str]) -> _Overlay:
    units = [unit for unit in study.units if _has(store, unit)]
    left_out = tuple(unit for unit in study.units if unit not in units)
    stored = {(c.source, c.target): c for c in store.contributions_among(units)}
    edges = tuple(_studied(store, study, stored, left_out))
    contributions = [edge_of(stored[edge.source, edge.target]) for edge in edges if edge.magnitude is not None]
    settings: dict[str, Plain] = {"source": studies.source, "source_model": studies.model, "article": study.sentence}
    settings |= _lacking(left_out, edges)
    sums = [edge for unit in units for edge in adds(store.architecture, unit) if edge.source in units]
    circuit = assemble(store, study.name, KIND, _roles(store, units), [*sums, *contributions], settings, notes=notes)
    return _Overlay(circuit, left_out, edges)


def _case(store: ModelStore, overlay: _Overlay, kinds: Mapping[str, str]) -> CaseStudy:
    circuit = overlay.circuit
    outcome: ImportOutcome = "saved"
    if not circuit.units:
        outcome = "not saved"
    elif circuit.name in kinds:
        outcome = "unchanged" if saved.open_circuit(store, circuit.name) == circuit else "replaced"
    return CaseStudy(circuit.name, outcome, len(circuit.units), overlay.left_out, overlay.edges)


def _has(store: ModelStore, unit: Unit) -> bool:
    try:
        return store.architecture.unit(str(unit)) == unit
    except UnknownUnit:
        return False


def _studied(
    store: ModelStore, study: Study, stored: Mapping[tuple[Unit, Unit], Contribution], left_out: Iterable[Unit]
) -> Iterator[StudiedEdge]:
    for source, target, article_says in study.edges:
        if edge := stored.get((source, target)):
            numbers = edge.magnitude, edge.mean, edge.rank_in
            yield StudiedEdge(study.name, source, target, article_says, "stored", *numbers)
        elif missing := [str(unit) for unit in (source, target) if unit in left_out]:
            yield StudiedEdge(study.name, source, target, article_says, f"no unit {' and '.join(missing)}")
        else:
            yield StudiedEdge(study.name, source, target, article_says, _why_not(store, source.layer, target.layer))


def _why_not(store: ModelStore, source: Layer, target: Layer) -> str:
    """Say why an edge between two layers is not stored."""
    sweep: Sweep | None = next(iter(store.sweeps(target, source)), None)
    if sweep is None:
        return "not computed"
    return f"not among the strongest, magnitude at most {sweep.cutoff_magnitude:.3g}"


def _lacking(left_out: Iterable[Unit], edges: Iterable[StudiedEdge]) -> dict[str, Plain]:
    """Return as settings the units that were left out and the edges that are not stored."""
    missing = [f"{edge.source} to {edge.target} ({edge.weights})" for edge in edges if edge.magnitude is None]
    lists = {"units_left_out": list(map(str, left_out)), "edges_not_stored": missing}
    return {name: ", ".join(texts) for name, texts in lists.items() if texts}


def _roles(store: ModelStore, units: list[Unit]) -> dict[Unit, Role]:
    """Return each unit's role: the first is the `sum`, its addends are its branches, and all others are inputs."""
    branches = [] if not units else adds(store.architecture, units[0])
    roles: dict[Unit, Role] = dict.fromkeys(units, "input")
    roles |= {edge.source: edge.branch for edge in branches if edge.branch and edge.source in roles}
    return roles | dict.fromkeys(units[:1], "sum")


def _labels(store: ModelStore, studies: Studies) -> Plan:
    """Plan the labels of the article's authors that the model does not have yet."""
    entries = label_files.decode(json.dumps(studies.labels).encode(), "json", store.id, studies.authors).entries
    return label_files.importing(Labels(store), entries, both=True)
