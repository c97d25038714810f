"""Draw units, labels and probes as HTML: thumbnails, chips, lists of contributions. All text is escaped here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from catalog.enrichment import Candidate
from catalog.formats import coverage, has_bar, interval, meaning, printed, title
from catalog.hiding.veil import Veil
from catalog.search_reason import reason
from catalog.verdict_texts import badge, facet_lines
from extract.units import Architecture, Unit
from graph.records import (
    Annotation,
    Contribution,
    Depiction,
    EvidenceTerms,
    FacetProbe,
    Match,
    Measure,
    SearchHit,
    TopProbe,
    UnitCard,
    WordResponse,
)

STYLE = Path(__file__).with_name("cards.css").read_text(encoding="utf-8")  # for a page that shows cards
BRANCHES = {
    "unit": "what the unit passes on, after its ReLU",
    "sum": "what the unit does: both branches added, after the ReLU",
    "shortcut": "what comes over the residual shortcut alone",
    "conv": "what the block's own convolutions add",
}
FEW = 8  # concepts of a facet that are named or shown
_NOTHING = '<p class="quiet">Not measured. Extract the network with <code>--probes</code> to show it probes.</p>'
_NO_EDGES = (
    '<p class="quiet">The catalog has none: the unit is at an end of the network, or its layers are not among the '
    "extracted <code>--targets</code>.</p>"
)
_NO_PICTURE = '<span class="none"></span>'
_UNKNOWN: Mapping[str, float | None] = MappingProxyType({})


@dataclass(frozen=True)
class Gallery:
    """Drawings of units behind one veil, as safe HTML. `address` returns the URL of a unit's page (None: no links)."""

    veil: Veil
    address: Callable[[Unit], str] | None = None

    def link(self, unit: Unit, text: str, kind: str = "") -> str:
        """Link a text to a unit's page; without `address` the text is not a link."""
        if self.address is None:
            return f'<span class="{kind}">{escape(text)}</span>'
        page = escape(self.address(unit))
        return f'<a class="{kind}" href="{page}" data-unit="{unit}">{escape(text)}</a>'

    def pill(self, unit: Unit) -> str:
        """Draw a unit's id as a pill, linked to the unit's page."""
        return self.link(unit, str(unit), "pill")

    def over(self, *units: Unit | str) -> "Gallery":
        """Return a gallery whose veil also hides everything if one of these units is flagged."""
        return replace(self, veil=self.veil.over(*units))

    def label(self, text: str) -> str:
        """Draw a label as a chip."""
        kind = "chip hidden" if self.veil.hides(text) else "chip"
        safe_text = escape(self.veil.label(text))
        return f'<span class="{kind}" title="{safe_text}">{safe_text}</span>'

    def labels(self, texts: Iterable[str]) -> str:
        """Draw labels as chips, side by side."""
        return "".join(map(self.label, texts))

    def title(self, card: UnitCard) -> str:
        """Draw a unit's id, linked to the unit's page, with its verdict and labels."""
        name = self.link(card.id, str(card.id))
        chips = badge(card.findings["verdict"]) + self.over(card.id).labels(card.labels)
        return f'<div class="heading"><h1>{name}</h1><div>{chips}</div></div>'

    def heading(self, card: UnitCard, architecture: Architecture) -> str:
        """Draw a unit's id, verdict and labels, with links to the previous and the next channel."""
        channels = architecture.channels(card.layer)
        near = ((card.channel - 1, "\u2039 {}"), (card.channel + 1, "{} \u203a"))
        links = [self.link(Unit(card.layer, c), text.format(c)) for c, text in near if 0 <= c < channels]
        return (
            f'<div class="heading"><h1>{card.id}</h1><div>{badge(card.findings["verdict"])}'
            f"{self.over(card.id).labels(card.labels)}</div>"
            f'<div class="near">{"".join(links)}</div></div>'
        )

    def annotation(self, label: Annotation) -> str:
        """Draw a current label with its branch, facet, modality, confidence, author, date and evidence."""
        facet, evidence = (
            self.veil.annotation_text(label, label.facet),
            self.veil.annotation_text(label, label.evidence),
        )
        about = (label.branch, facet and f"facet {facet}", label.modality and f"as {label.modality}")
        sure = "" if label.confidence is None else f"{label.confidence:.0%} sure"
        details = ", ".join(filter(None, (*about, sure, f"by {label.author}", f"{label.at:%d %b %Y}", evidence)))
        return f'{self.over(label.unit).label(label.text)}<div class="quiet">{escape(details)}</div>'

    def picture(self, example: TopProbe | FacetProbe) -> str:
        """Draw a probe's thumbnail; its tooltip says what the probe is, and how far a top probe drives its unit."""
        caption, source = escape(self.veil.caption(example)), escape(f"{example.modality}, {example.source}")
        tooltip = f"{caption} ({source})"
        if isinstance(example, TopProbe):
            tooltip += f": {example.z:.1f} standard deviations above the mean over all probes"
        return f'<img src="{escape(self.veil.picture(example))}" alt="{caption}" title="{tooltip}" loading="lazy">'

    def row(self, examples: Iterable[TopProbe | FacetProbe]) -> str:
        """Draw probes side by side, each with its caption."""
        figures = (
            f"<figure>{self.picture(e)}<figcaption>{escape(self.veil.caption(e))}</figcaption></figure>"
            for e in examples
        )
        return f'<div class="row">{"".join(figures)}</div>'

    def branches(
        self, units: Mapping[str, Unit], examples: Sequence[TopProbe], statistics: Mapping[str, float | None] = _UNKNOWN
    ) -> str:
        """Draw a row of top probes for each branch, with the share of probes that the rows have in common.

        `units` maps each branch to its unit; `statistics` are those of the sum's unit.
        """
        if not examples:
            return _NOTHING
        whole = self.over(*list(units.values())[:1])  # the unit that these rows belong to
        rows = (
            f'<div class="branch"><div>{self._head(b, u)}{_overlaps(b, statistics)}</div>'
            f"{whole.over(u)._of(b, examples)}</div>"
            for b, u in units.items()
        )
        return f'<div class="branches" {_columns(examples)}>{"".join(rows)}</div>'

    def facets(
        self,
        units: Mapping[str, Unit],
        labels: Iterable[str],
        summary: str,
        examples: Sequence[TopProbe],
        verdict: str | None = None,
    ) -> str:
        """Draw the top probes of a sum unit's two branches side by side, under a summary of the unit.

        `units` maps each branch to its unit.
        """
        whole = self.over(units["sum"])
        halves = "".join(
            f"<div>{self._head(b, u)}{whole.over(u)._of(b, examples)}</div>" for b, u in units.items() if b != "sum"
        )
        return (
            f'<div class="card" {_columns(examples)}><div class="top">{self.pill(units["sum"])}{badge(verdict)}'
            f"{whole.labels(labels)}"
            f'<span class="quiet">{escape(summary)}</span></div><div class="halves">{halves}</div></div>'
        )

    def candidate(self, candidate: Candidate[Any], examples: Sequence[TopProbe]) -> str:
        """Draw a candidate for an enrichment circuit: its two facets, under the criteria that the candidate met."""
        units = {"sum": candidate.unit, "shortcut": candidate.shortcut, "conv": candidate.conv}
        lines, verdict = ["; ".join(candidate.criteria)], None
        if isinstance(candidate.terms, EvidenceTerms):
            lines = [*(f"{line}." for line in lines if line), *self._brought(candidate.terms)]
            verdict = candidate.terms.verdict
        return self.facets(units, candidate.labels, " ".join(lines), examples, verdict)

    def _brought(self, terms: EvidenceTerms) -> list[str]:
        veil = self.veil.over(terms.unit, terms.shortcut, terms.conv)
        return facet_lines(terms.concepts_shortcut, terms.concepts_conv, veil, FEW)

    def depiction(self, unit: Unit, depiction: Depiction) -> str:
        """Draw a unit's feature visualisation."""
        name = escape(f"feature visualisation of {unit}")
        return (
            f'<img class="depiction" src="{escape(self.veil.depiction(unit, depiction))}" alt="{name}" title="{name}">'
        )

    def words(self, readings: Iterable[WordResponse]) -> str:
        """Draw words in a line, in the order given; each tooltip says how strongly the word drives the unit."""
        chips = (
            f'<span class="chip" title="{escape(_strength(reading))}">'
            f"{escape(self.veil.over(reading.unit).label(reading.word))}</span>"
            for reading in readings
        )
        return f"<div>{''.join(chips)}</div>"

    def contributions(
        self, edges: Sequence[Contribution], end: str, thumbnails: Mapping[Unit, TopProbe], by: Measure = "magnitude"
    ) -> str:
        """Draw the units at one end (`source` or `target`) of edges: first excitatory, then inhibitory, by strength."""
        if not edges:
            return _NO_EDGES
        heads = "".join(f'<span title="{escape(meaning(word))}">{word}</span>' for word in ("magnitude", "mean"))
        size = {edge: abs(getattr(edge, by)) for edge in edges}
        heaviest = max(size.values()) or 1.0
        ordered = sorted(edges, key=lambda edge: (edge.mean < 0, -size[edge]))
        rows = "".join(self._contribution(edge, end, thumbnails, size[edge] / heaviest) for edge in ordered)
        return f'<div class="edges"><div class="edge heads">{3 * "<span></span>"}{heads}</div>{rows}</div>'

    def units(self, cards: Iterable[UnitCard], thumbnails: Mapping[Unit, TopProbe]) -> str:
        """Draw units in a grid, each with its picture and labels."""
        named = (
            (c.id, f'<div class="names">{self.pill(c.id)} {self.over(c.id).labels(c.labels)}</div>') for c in cards
        )
        cells = "".join(f"<div>{self._small(unit, thumbnails)}{names}</div>" for unit, names in named)
        return f'<div class="units">{cells}</div>'

    def search_hits(self, hits: Iterable[SearchHit], thumbnails: Mapping[Unit, TopProbe]) -> str:
        """Draw the units that a search found, in a grid: each with its picture, its labels and why it was found."""
        cells = "".join(
            f'<div>{self._small(hit.unit.id, thumbnails)}<div><div class="names">{self.pill(hit.unit.id)} '
            f"{self.over(hit.unit.id).labels(hit.unit.labels)}</div>{self.over(hit.unit.id)._why(hit.matches)}</div></div>"
            for hit in hits
        )
        return f'<div class="units">{cells}</div>'

    def _why(self, matches: Iterable[Match]) -> str:
        reasons = escape(
            "; ".join(dict.fromkeys(reason(match, self.veil) for match in matches if match.kind != "label"))
        )
        return f'<div class="quiet why" title="{reasons}">{reasons}</div>'

    def rises(self, cards: Iterable[UnitCard], rises: Sequence[float], thumbnails: Mapping[Unit, TopProbe]) -> str:
        """Draw units, each with how far a probe raises it; `cards` and `rises` come highest rise first."""
        rows = (
            f'<div class="edge excites">{self._bar(c.id, c.labels, thumbnails, rise / rises[0], f"{rise:+.3f}")}</div>'
            for c, rise in zip(cards, rises, strict=True)
        )
        return f'<div class="edges">{"".join(rows)}</div>'

    def _head(self, branch: str, unit: Unit) -> str:
        return f'<div class="head" title="{escape(BRANCHES[branch])}"><b>{branch}</b>{self.pill(unit)}</div>'

    def _of(self, branch: str, examples: Iterable[TopProbe]) -> str:
        return self.row(example for example in examples if example.branch == branch)

    def _small(self, unit: Unit, thumbnails: Mapping[Unit, TopProbe]) -> str:
        return self.over(unit).picture(thumbnails[unit]) if unit in thumbnails else _NO_PICTURE

    def _contribution(self, edge: Contribution, end: str, thumbnails: Mapping[Unit, TopProbe], share: float) -> str:
        unit, labels = (edge.source, edge.source_labels) if end == "source" else (edge.target, edge.target_labels)
        kind, sign = ("excites", "+") if edge.mean >= 0 else ("inhibits", "\u2212")
        weight = f"<b>{sign}</b>{edge.magnitude:.3g}"
        number = f'<span class="number">{edge.mean:+.3g}</span>'
        return f'<div class="edge {kind}">{self._bar(unit, labels, thumbnails, share, weight)}{number}</div>'

    def _bar(
        self, unit: Unit, labels: Iterable[str], thumbnails: Mapping[Unit, TopProbe], share: float, value: str
    ) -> str:
        """Draw a unit, and a value on a bar that fills this share of the width."""
        names = self.over(unit).labels(labels)
        return (
            f'{self._small(unit, thumbnails)}{self.pill(unit)}<span class="names">{names}</span>'
            f'<span class="bar"><i style="width:{share:.1%}"></i>{value}</span>'
        )


def _overlaps(branch: str, statistics: Mapping[str, float | None]) -> str:
    """Draw the share of top probes that a branch has in common with the sum, and conv also with the shortcut."""
    partners = {
        "shortcut": {"overlap_shortcut": "the sum"},
        "conv": {"overlap_conv": "the sum", "overlap": "the shortcut"},
    }
    return "".join(
        f'<div class="quiet shares" title="{escape(meaning(name))}">{value:.0%} shared with {partner}</div>'
        for name, partner in partners.get(branch, {}).items()
        if (value := statistics.get(name)) is not None
    )


def _strength(reading: WordResponse) -> str:
    over = "" if reading.z is None else f", {reading.z:+.1f} standard deviations from letter strings of its length"
    return f"mean activation {reading.value:.3g}{over}"


def _columns(examples: Iterable[TopProbe]) -> str:
    """Return a style with as many columns as the longest row has pictures, so that the rows align."""
    return f'style="--columns:{max(Counter(e.branch for e in examples).values(), default=1)}"'


def _scale(value: float) -> str:
    return f'<span class="scale"><i style="width:{min(max(value, 0.0), 1.0):.1%}"></i></span>'


def _interval(column: str, values: Mapping[str, float]) -> str:
    """Return a number's interval as text; empty if the number has none."""
    ends = [values[end] for end in interval(column) or () if end in values]
    low_and_high = " to ".join(printed(column, end) for end in ends)
    return f"; {coverage(column)} % interval {low_and_high}" if len(ends) == 2 else ""


def terms(values: Mapping[str, float]) -> str:
    """Draw numbers as safe HTML, each with its name, its meaning, and a bar if its highest value is 1."""
    rows = (
        f'<div class="term"><span>{escape(title(column))}</span><span class="number">{printed(column, value)}</span>'
        f"{_scale(value) if has_bar(column) else '<span></span>'}"
        f'<span class="quiet">{escape(meaning(column))}{_interval(column, values)}</span></div>'
        for column, value in values.items()
        if not _interval(column.rpartition("_")[0], values)
    )
    return f'<div class="terms">{"".join(rows)}</div>'


_NOTEBOOK = (  # a notebook's own colours are unknown, so these are see-through
    "--violet: #6d4aff; --text: inherit; --line: rgba(128, 128, 128, .35); --ground: rgba(128, 128, 128, .12); "
    "--paper: transparent; --link: #6d4aff; --green: #23934a; --red: #cf3a32; --gray: #808088; "
    "display: grid; gap: 12px; font-size: 0.93rem;"
)


def framed(markup: str, title: str = "") -> str:
    """Wrap safe markup in a frame with its style, for a notebook; the style applies only inside the frame."""
    head = f"<b>{escape(title)}</b>" if title else ""
    style = f"<style>.clip-circuits {{ {STYLE} }}</style>"
    return f'<div class="clip-circuits" style="{_NOTEBOOK}">{style}{head}{markup}</div>'


def cells(rows: Sequence[Mapping[str, object]], veil: Veil, columns: Sequence[str] = ()) -> str:
    """Draw rows as a plain table behind the veil, as safe HTML; empty columns are left out."""
    names = [column for column in columns or dict.fromkeys(chain.from_iterable(rows)) if _filled(column, rows)]
    head = "".join(f'<th title="{escape(meaning(column))}">{escape(column)}</th>' for column in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(column, veil.value(row.get(column))))}</td>' for column in names)}</tr>"
        for row in rows
    )
    return f'<table class="cells"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _filled(column: str, rows: Sequence[Mapping[str, object]]) -> bool:
    return any(row.get(column) not in (None, "", []) for row in rows)


def _cell(column: str, value: object) -> str:
    if isinstance(value, float):
        return printed(column, value, number=".4g")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
