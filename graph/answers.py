"""Make records from the rows of an answer, and parse the texts of units and layers in them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from extract.folder.statistics import FINDINGS, HISTOGRAM, STATISTICS
from extract.units import Layer, Unit
from graph.records import (
    Annotation,
    Contribution,
    EarlierCircuit,
    EvidenceTerms,
    Flag,
    Histogram,
    LayerCard,
    ModelCard,
    ProbeSummary,
    SavedCircuit,
    Sweep,
    TopProbe,
    TraceEdge,
    UnitCard,
    WeightTerms,
    WordResponse,
)

Row = Mapping[str, Any]


def model(row: Row) -> ModelCard:
    """Make the card of a model from a row of MODELS."""
    return ModelCard(**_named(ModelCard, row) | {name: tuple(row[name]) for name in ("blocks", "measured")})


def unit(row: Row) -> UnitCard:
    """Make the card of a unit from a row of UNITS or of a search; a property that the unit lacks is None."""
    properties = row["statistics"]
    measured: dict[str, Any] = {
        "statistics": {name: properties.get(name) for name in STATISTICS},
        "findings": {name: properties.get(name) for name in FINDINGS},
        "histogram": _histogram(properties),
    }
    return UnitCard(**_named(UnitCard, row) | measured | {"labels": _labels(row["labels"])})


def unit_id(row: Row) -> Unit:
    """Parse the unit of a row of LABELLED."""
    return Unit.parse(row["id"])


def _histogram(properties: Row) -> Histogram | None:
    if properties.get("histogram") is None:
        return None
    counts, low, high, mean = (properties[name] for name in HISTOGRAM[:-1])
    return Histogram(tuple(counts), low, high, mean, properties.get(HISTOGRAM[-1]))


def contribution(row: Row) -> Contribution:
    """Make a contribution from a row of INPUTS, OUTPUTS or INDUCED_EDGES."""
    labels = {name: _labels(row[name]) for name in ("source_labels", "target_labels")}
    return Contribution(**_named(Contribution, row) | labels)


def trace_edge(row: Row) -> TraceEdge:
    """Make the edge of a trace from a row of UPSTREAM or DOWNSTREAM."""
    return TraceEdge(Contribution(**_named(Contribution, row)), row["weight"], row["total"])


def word_response(row: Row) -> WordResponse:
    """Make a unit's response to a word from a row of WORDS or READERS."""
    return WordResponse(**_named(WordResponse, row) | {"labels": _labels(row.get("labels", ()))})


def layer(row: Row) -> LayerCard:
    """Make the card of a layer from a row of LAYERS."""
    return LayerCard(**_named(LayerCard, row))


def top_probes(rows: Iterable[Row]) -> dict[Unit, list[TopProbe]]:
    """Group the rows of TOP_PROBES by unit."""
    groups = groupby(rows, key=itemgetter("unit"))
    return {Unit.parse(text): [TopProbe(**_named(TopProbe, row)) for row in group] for text, group in groups}


def share_counts(rows: Iterable[Row], bins: int) -> dict[Layer, tuple[int, ...]]:
    """Count units for each layer from the rows of SHARES: below 0, in each of the bins, and above 1."""
    counts: dict[Layer, tuple[int, ...]] = {}
    for text, group in groupby(rows, key=itemgetter("layer")):
        units = {row["bin"]: row["units"] for row in group}
        counts[Layer.parse(text)] = tuple(units.get(place, 0) for place in range(-1, bins + 1))
    return dict(sorted(counts.items()))


def sweep(row: Row) -> Sweep:
    """Make the record of a swept pair of layers from a row of SWEEPS."""
    return Sweep(**_named(Sweep, row))


def annotation(row: Row) -> Annotation:
    """Make an annotation from a row of ANNOTATIONS or UNIT_ANNOTATIONS."""
    return Annotation(**{**row, "at": utc(row["at"])})


def saved_circuit(row: Row) -> SavedCircuit:
    """Make the record of a saved circuit from a row of SAVED_CIRCUITS."""
    return SavedCircuit(**{**row, "at": utc(row["at"])})


def earlier_circuit(row: Row) -> EarlierCircuit:
    """Make the record of an earlier circuit from a row of EARLIER_CIRCUITS."""
    return EarlierCircuit(**{**row, "at": utc(row["at"]), "removed_at": utc(row["removed_at"])})


def flag(row: Row) -> Flag:
    """Make a flag from a row of FLAGS."""
    return Flag(**{**row, "at": utc(row["at"])})


def weight_terms(row: Row) -> WeightTerms:
    """Turn a row of ENRICHMENT_BY_WEIGHTS into terms that compare the inputs of a sum's two branches."""
    return WeightTerms(**_named(WeightTerms, row) | {"labels": _labels(row["labels"])})


def evidence_terms(row: Row) -> EvidenceTerms:
    """Make the evidence on a sum's unit from a row of ENRICHMENT_BY_EVIDENCE."""
    probes = {
        name: tuple(ProbeSummary(*values) for values in row[name]) for name in ("shortcut_examples", "conv_examples")
    }
    columns = _named(EvidenceTerms, row) | probes | {"labels": _labels(row["labels"])}
    evidence = {
        field.name: row["evidence"].get(field.name) for field in fields(EvidenceTerms) if field.name not in columns
    }
    return EvidenceTerms(**columns, **evidence)


def _named(record: type, row: Row) -> dict[str, Any]:
    """Return the values of a row for which the record has a field, with the texts of units and layers parsed."""
    parse: dict[Any, Callable[[str], Unit | Layer]] = {Unit: Unit.parse, Layer: Layer.parse}
    parsers = {field.name: parse.get(field.type) for field in fields(record) if field.name in row}
    return {name: parser(row[name]) if parser else row[name] for name, parser in parsers.items()}


def _labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each text once, in alphabetical order."""
    return tuple(sorted(set(texts)))


def utc(text: str) -> datetime:
    """Parse a time in UTC. A time without a zone counts as UTC, because the embedded server drops the zone."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
