"""Records as tables for the terminal, one function a kind, or as JSON; a table hides what is sensitive."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalog.circuits.circuit import Circuit, CircuitEdge
from catalog.enrichment import Candidate
from catalog.formats import header
from catalog.hiding.veil import Veil
from catalog.labels.bulk import Conflict
from catalog.search import reason
from extract.responses.levels import Estimate
from extract.units import Unit, microscope_url
from graph.connection.servers import Capabilities
from graph.cypher.named_query import NamedQuery
from graph.records import (
    Annotation,
    Contribution,
    EvidenceTerms,
    Flag,
    Histogram,
    ModelCard,
    ProbeSummary,
    SavedCircuit,
    SearchHit,
    TopProbe,
    UnitCard,
    WeightTerms,
    WordResponse,
    as_json,
)

if TYPE_CHECKING:
    from extract.ablation.calibration import Agreement

_PICTURES = ("thumbnail", "picture")  # fields that no terminal shows


def show(*parts: Table) -> None:
    """Print tables one below the other; what is no terminal has room enough."""
    Console(width=get_terminal_size((140, 0)).columns).print(*parts, sep="\n")


def show_json(content: object) -> None:
    """Print records as JSON, without their pictures; dates as text."""
    typer.echo(json.dumps(as_json(content, _PICTURES), indent=1, ensure_ascii=False))


def show_rows(records: Sequence[Any], table: Table, as_json: bool) -> None:
    """Print records as JSON, or else the table made of them."""
    if as_json:
        show_json(records)
    else:
        show(table)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table of anything; text is shown as it is and never taken for markup or terminal commands.

    Columns with nothing in them are left out; the first, a name, is never broken.
    """
    made = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    filled = [i for i in range(len(columns)) if not cells or any(row[i].plain for row in cells)]
    for i in filled:
        made.add_column(Text(columns[i]), overflow="fold", no_wrap=i == 0)
    for row in cells:
        made.add_row(*(row[i] for i in filled))
    return made


def server(version: str, can: Capabilities) -> Table:
    """What answers, and what it can."""
    facts = [
        ("server", f"{can.name} {version}"),
        (
            "keeps a user's Cypher from writing",
            "by read mode" if can.refuses_writes_in_read_mode else "by a user's rights",
        ),
        ("ends a query in time", "by itself" if can.minds_timeouts else "when told to"),
        ("full-text and relationship indexes", "yes" if can.further_indexes else "no"),
    ]
    return table("Server", ("", ""), facts)


def models(held: Iterable[tuple[ModelCard, str]]) -> Table:
    """The models that a database holds, and what is wrong with any."""
    rows = [(c.id, c.units, c.edges, c.labelled, c.images, problem or "all is there") for c, problem in held]
    return table("Held", ("model", "units", "edges", "labelled units", "images", "counted again"), rows)


def measured(model: ModelCard) -> Table:
    """What the numbers of a model were measured on."""
    return table("Measured on", ("",), [(line,) for line in model.measured])


def unit(card: UnitCard, adds: dict[str, Unit], veil: Veil) -> Table:
    """What a unit is and what was measured on it."""
    facts: list[tuple[str, object]] = [("model", card.model), ("labels", veil.over(card.id).labels(card.labels))]
    facts += adds.items()
    facts += [(name, value) for name, value in card.statistics.items() if value is not None]
    if card.histogram is not None:
        facts += [("mean on probes", card.histogram.mean), ("standard deviation", card.histogram.sd)]
    facts.append(("Microscope", microscope_url(card.model, card.id)))
    return table(str(card.id), ("", ""), [fact for fact in facts if fact[1] not in (None, "")])


def contributions(title: str, found: Iterable[Contribution], sources: bool, veil: Veil) -> Table:
    """Contributions from their sources, or else into their targets."""
    rows = [
        (
            c.source if sources else c.target,
            veil.over(c.source).labels(c.source_labels) if sources else veil.over(c.target).labels(c.target_labels),
            *(c.magnitude, c.mean, c.span, "direct" if c.direct else "", c.rank_in, c.rank_out),
        )
        for c in found
    ]
    return table(title, ("unit", "labels", "magnitude", "mean", "span", "", "rank in", "rank out"), rows)


def examples(found: Sequence[TopProbe], units: Mapping[str, Unit], veil: Veil) -> Table:
    """What every branch answers to most, one branch a row; `units` gives the unit of each branch."""
    branches = dict.fromkeys(example.branch for example in found)
    veils = {branch: veil.over(str(units[branch])) if branch in units else veil for branch in branches}
    rows = [
        (branch, ", ".join(f"{veils[branch].caption(e)} ({e.modality})" for e in found if e.branch == branch))
        for branch in branches
    ]
    return table("Top examples", ("branch", "probes"), rows)


def words(found: Iterable[WordResponse], veil: Veil) -> Table:
    """The words that a unit answers to most."""
    return table("Top words", ("word", "value", "z"), [(veil.over(r.unit).label(r.word), r.value, r.z) for r in found])


def circuit(traced: Circuit, veil: Veil) -> Table:
    """A circuit's edges, the most influential first where that was told."""
    labels = {node.id: veil.over(node.id).labels(node.labels) for node in traced.units}
    rows = [
        (e.source, labels[e.source], e.target, labels[e.target], e.branch or "", *_weights(e), e.influence)
        for e in sorted(traced.edges, key=lambda edge: -(edge.influence or 0.0))
    ]
    return table(traced.name, ("source", "labels", "target", "labels", "adds", "magnitude", "mean", "influence"), rows)


def _weights(edge: CircuitEdge) -> tuple[object, object]:
    return ("", "") if edge.kind == "ADDS" else (edge.magnitude, edge.mean)


def kept(found: Iterable[SavedCircuit]) -> Table:
    """The circuits that were kept."""
    rows = [(c.name, c.kind, c.units, c.author, f"{c.at:%Y-%m-%d %H:%M}") for c in found]
    return table("Kept", ("name", "kind", "units", "by", "at"), rows)


def readers(found: Iterable[WordResponse], veil: Veil) -> Table:
    """The units that answer to a word most."""
    rows = [(r.unit, veil.over(r.unit).labels(r.labels), r.value, r.z, r.rank) for r in found]
    return table("Units that read it", ("unit", "labels", "value", "z", "rank in layer"), rows)


def found(units: Iterable[SearchHit], veil: Veil) -> Table:
    """Units that a search found, and why."""
    rows = [_found(each, veil.over(each.unit.id)) for each in units]
    return table("", ("unit", "labels", "why"), rows)


def _found(found: SearchHit, veil: Veil) -> tuple[str, str, str]:
    why = dict.fromkeys(reason(match, veil) for match in found.matches)
    return str(found.unit.id), veil.labels(found.unit.labels), "; ".join(why)


def spread(found: Histogram) -> Table:
    """How a unit's activation is spread over the probes, bin by bin."""
    width = (found.high - found.low) / len(found.counts)
    rows = [(found.low + k * width, found.low + (k + 1) * width, n) for k, n in enumerate(found.counts)]
    return table("Distribution", ("from", "to", "probes"), rows)


def histogram(unit: str, mean: float, sd: float, rows: Iterable[dict[str, float]]) -> Table:
    """How many probes lie where."""
    title = f"Activation of {unit}: mean {mean:.4g}, standard deviation {sd:.4g}"
    return table(title, ("from", "to", "probes"), [tuple(row.values()) for row in rows])


def estimates(found: Iterable[Estimate]) -> Table:
    """How probable each category is at each level."""
    rows = [(e.level, e.category, f"{e.n} of {e.of}", e.probability, e.low, e.high) for e in found]
    return table("Sorted", ("level", "category", "images", "probability", "at least", "at most"), rows)


_BY_EVIDENCE = (
    *("concept_difference", "modality_difference", "reach_shortcut", "reach_conv", "q"),
    *("effect_shortcut", "effect_conv", "verdict", "share_exact"),
)
_BY_WEIGHTS = ("cosine", "shortcut_strength", "conv_strength")


def by_evidence(found: Iterable[Candidate[EvidenceTerms]], veil: Veil) -> Table:
    """Candidates with what either branch answers to; the share over the shortcut stands last, as no criterion."""
    rows = [
        (
            *(c.unit, veil.over(c.unit).labels(c.labels)),
            _shown(c.terms.shortcut_examples, veil.over(c.unit, c.shortcut)),
            _shown(c.terms.conv_examples, veil.over(c.unit, c.conv)),
            *(getattr(c.terms, column) for column in _BY_EVIDENCE),
        )
        for c in found
    ]
    columns = ("unit", "labels", "shortcut answers to", "conv answers to", *map(header, _BY_EVIDENCE))
    return table("Enrichment by evidence", columns, rows)


def by_weights(found: Iterable[Candidate[WeightTerms]], veil: Veil) -> Table:
    """Candidates with how either branch is wired from one common layer."""
    rows = [
        (
            *(c.unit, veil.over(c.unit).labels(c.labels), c.shortcut, c.conv, c.terms.source_layer, c.terms.shared),
            *(getattr(c.terms, column) for column in _BY_WEIGHTS),
            c.order,
        )
        for c in found
    ]
    columns = ("unit", "labels", "shortcut", "conv", "inputs from", *map(header, ("shared", *_BY_WEIGHTS, "order")))
    return table("Enrichment by weights", columns, rows)


def rises(word: str, baseline: str, found: Iterable[Mapping[str, Any]]) -> Table:
    """Units with how far a word raises their activation over a baseline."""
    return table("", ("unit", f"{word} over {baseline}"), [(row["unit"], row["rise"]) for row in found])


def sections(about: str, content: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Table]:
    """What an attack or an ablation changes, one table a kind of thing; kinds without rows are left out."""
    return [
        table(f"{name} {about}", tuple(rows[0]), [tuple(row.values()) for row in rows])
        for name, rows in content.items()
        if rows
    ]


def agreements(found: Iterable["Agreement"]) -> Table:
    """How well static edges agree with measured ones, a line a layer pair and kind of edges."""
    rows = [
        (f"{a.source} to {a.target}", a.chosen, a.n, a.left_out, a.means, a.zeros, a.magnitudes, a.signs) for a in found
    ]
    agree = ("rho of means", "under zero", "rho of magnitudes", "signs agree")
    return table("Expanded weights against ablation", ("layers", "edges", "measured", "left out", *agree), rows)


def queries(found: Iterable[NamedQuery]) -> Table:
    """Queries by name, with what they answer and their parameters; one without a default has to be given."""
    rows = [
        (
            *(q.name, q.description, q.author),
            ", ".join(f"{name}={_cell(q.defaults[name])}" if name in q.defaults else name for name in q.parameters),
        )
        for q in found
    ]
    return table("Queries", ("name", "answers", "by", "parameters"), rows)


def annotations(found: Iterable[Annotation], veil: Veil) -> Table:
    """Labels, or a history of what became of them."""
    rows = [
        (
            *(
                a.unit,
                a.action,
                veil.annotation_text(a, a.text),
                a.branch,
                veil.annotation_text(a, a.facet),
                a.modality,
                a.author,
                a.source,
            ),
            *(a.confidence, veil.annotation_text(a, a.evidence), f"{a.at:%Y-%m-%d %H:%M}", a.id),
        )
        for a in found
    ]
    columns = ("unit", "", "text", "branch", "facet", "modality", "author", "source")
    return table("Labels", (*columns, "confidence", "evidence", "at", "id"), rows)


def conflicts(found: Iterable[Conflict], veil: Veil) -> Table:
    """What a file says beside what the catalog says."""
    rows = [
        (
            *(c.entry.unit, veil.annotation_text(c.entry, c.entry.text), c.entry.author),
            "changed here since" if c.changed_since else veil.annotation_text(c.current, c.current.text),
            *(c.current.author, c.current.branch, veil.annotation_text(c.current, c.current.facet), c.current.id),
        )
        for c in found
    ]
    return table("In conflict", ("unit", "file", "by", "catalog", "by", "branch", "facet", "id"), rows)


def flags(found: Iterable[Flag], veil: Veil) -> Table:
    """What people flagged, oldest first."""
    rows = [
        (
            veil.label(f.name) if f.kind == "word" else f.name,
            f.kind,
            "sensitive" if f.sensitive else "cleared",
            f.author,
            f"{f.at:%Y-%m-%d %H:%M}",
        )
        for f in found
    ]
    return table("Flags", ("name", "kind", "", "by", "at"), rows)


def _shown(examples: Iterable[ProbeSummary], veil: Veil, most: int = 3) -> str:
    """The first few different things, words in quotation marks."""
    told = ((e.modality, veil.caption(e)) for e in examples)
    seen = dict.fromkeys(f"“{caption}”" if modality == "word" else caption for modality, caption in told)
    return ", ".join(list(seen)[:most])


def _cell(value: object) -> Text:
    if value is None:
        return Text("")
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
    return Text("".join("\N{REPLACEMENT CHARACTER}" if _commands(letter) else letter for letter in text))


def _commands(letter: str) -> bool:
    """Whether a terminal may take the letter for a command."""
    return letter != "\n" and unicodedata.category(letter) == "Cc"
