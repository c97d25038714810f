"""A unit to work with: what it answers to, what feeds it and what it feeds, what people call it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Unpack

from catalog import cards, charts, top_probes
from catalog.cards import Gallery
from catalog.circuit_view import CircuitView
from catalog.circuits import local, trace
from catalog.circuits.trace import Direction, Tracing
from catalog.evidence_figure import draw_evidence
from catalog.hiding.flags import Flags
from catalog.hiding.veil import Veil
from catalog.labels.history import standing
from catalog.labels.labels import Details, Labels
from catalog.table import Table, annotation_rows
from catalog.verdict_texts import facet_names
from extract.units import Layer, Unit, microscope_url
from graph.model_store import ModelStore
from graph.records import (
    Annotation,
    Branch,
    Contribution,
    Depiction,
    FacetProbe,
    Flag,
    Histogram,
    Measure,
    TopProbe,
    UnitCard,
    WordResponse,
)


class UnitView:
    """A unit of one model.

    `card` is what the catalog says of the unit, as it was when first asked for, or since this object last changed it;
    `refresh` asks anew. Whatever is shown in a notebook hides what is sensitive as people have flagged it by then.
    """

    def __init__(self, store: ModelStore, unit: Unit) -> None:
        self.id, self._store = unit, store

    # ---- what it is

    @property
    def layer(self) -> Layer:
        """Where in the network it stands."""
        return self.id.layer

    @cached_property
    def card(self) -> UnitCard:
        """The unit's numbers, verdicts and labels, as the database has them."""
        return self._store.unit(self.id)

    def refresh(self) -> "UnitView":
        """Forget the card, so that it is asked for anew; the unit itself."""
        self.__dict__.pop("card", None)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The texts of its current labels."""
        return self.card.labels

    @property
    def statistics(self) -> dict[str, float | None]:
        """What was measured on it, by name; None where it was not."""
        return self.card.statistics

    @property
    def findings(self) -> dict[str, str | None]:
        """What the census and ablation say of it, and why where they say nothing."""
        return self.card.findings

    @property
    def histogram(self) -> Histogram | None:
        """How its activation is spread over the probes."""
        return self.card.histogram

    @property
    def microscope_url(self) -> str | None:
        """Its page on OpenAI Microscope, for a model that stands there."""
        return microscope_url(self._store.id, self.id)

    @property
    def branches(self) -> dict[str, "UnitView"]:
        """The units that a sum's unit adds up, `shortcut` and `conv`; empty for any other unit."""
        return {branch: UnitView(self._store, unit) for branch, unit in self._store.adds(self.id).items()}

    @property
    def probe_rows(self) -> dict[str, Unit]:
        """Whose top probes `top_probes` gives: the unit's own row, then of a sum those of its branches."""
        return {top_probes.branch_of(self.id): self.id} | self._store.adds(self.id)

    @property
    def previous(self) -> "UnitView | None":
        """The unit of the channel before."""
        return self._beside(-1)

    @property
    def next(self) -> "UnitView | None":
        """The unit of the channel after."""
        return self._beside(1)

    # ---- what feeds it and what it feeds

    def inputs(
        self, limit: int = 10, source: Layer | str | None = None, direct: bool = False, by: Measure = "magnitude"
    ) -> Table[Contribution]:
        """The strongest edges into it: `limit` excitatory and `limit` inhibitory ones, so twice as many in all.

        They come from one layer, the `source`, or else the nearest: magnitudes of different layers do not compare, and
        the far ones are the largest and the least to be believed. `direct` takes those over one convolution; `by`
        orders them by magnitude or by the mean without its sign.
        """
        edges = self._store.inputs(self.id, limit, self._layer(source), direct, by)
        return self._edges("Inputs", "source", edges, limit, by)

    def outputs(
        self, limit: int = 10, target: Layer | str | None = None, direct: bool = False, by: Measure = "magnitude"
    ) -> Table[Contribution]:
        """The strongest edges out of it into one layer, the `target` or else the nearest, as `inputs`."""
        edges = self._store.outputs(self.id, limit, self._layer(target), direct, by)
        return self._edges("Outputs", "target", edges, limit, by)

    def _edges(
        self, title: str, end: str, edges: Sequence[Contribution], limit: int, by: Measure
    ) -> Table[Contribution]:
        def draw(edges: Sequence[Contribution], veil: Veil) -> str:
            thumbnails = top_probes.thumbnails(self._store, (getattr(edge, end) for edge in edges))
            return Gallery(veil).contributions(edges, end, thumbnails, by)

        return Table(f"{title} of {self.id}, {limit} of each sign", edges, self._veil, draw)

    # ---- what it answers to

    def top_probes(self, limit: int = 8) -> Table[TopProbe]:
        """The probes that it answers to most, `limit` a row; a sum's with those of its branches."""

        def draw(probes: Sequence[TopProbe], veil: Veil) -> str:
            return Gallery(veil).branches(self.probe_rows, probes)

        return Table(f"Top probes of {self.id}", top_probes.top_probes(self._store, self.id, limit), self._veil, draw)

    def facet_probes(self) -> dict[str, list[FacetProbe]]:
        """By branch, a held-out probe of each concept of its facet, best first; empty without a verdict."""
        return top_probes.facet_probes(self._store, facet_names(self.findings))

    def top_words(self, limit: int = 10) -> Table[WordResponse]:
        """The words that drive it most; empty where none were shown or it tells none apart."""
        words = self._store.words(self.id, limit)
        return Table(f"Top words of {self.id}", words, self._veil, lambda words, veil: Gallery(veil).words(words))

    @property
    def depiction(self) -> Depiction | None:
        """Its feature visualisation, if there is one."""
        return self._store.depiction(self.id)

    # ---- its circuits

    def neighbourhood(self, limit: int = 10) -> CircuitView:
        """The unit, its `limit` strongest inputs and outputs of each sign, and the residual sums it stands in."""
        return CircuitView(local.neighbourhood(self._store, self.id, limit), self._store)

    def enrichment_circuit(self, limit: int = 5) -> CircuitView:
        """A sum's unit, its two branches, and the `limit` strongest direct inputs of each sign of either branch.

        Raises CircuitError for a unit that is no sum.
        """
        return CircuitView(local.enrichment_circuit(self._store, self.id, limit), self._store)

    def trace(
        self,
        direction: Direction = "backward",
        steps: int = 3,
        strongest: int = 5,
        least: float = 0.0,
        nodes: float = 1.0,
        edges: float = 1.0,
        scaled: bool = False,
    ) -> CircuitView:
        """What leads to the unit, step by step, or with `forward` where it leads; see `catalog.circuits.trace.Tracing`.

        Raises CircuitError where nothing does, NotExtracted for a scaled trace where no activity was measured.
        """
        follow = trace.backward if direction == "backward" else trace.forward
        tracing = Tracing(steps, strongest, least, nodes, edges, scaled)
        return CircuitView(follow(self._store, self.id, tracing), self._store)

    # ---- what people say of it

    def label(
        self,
        text: str,
        branch: Branch = "sum",
        facet: str | None = None,
        modality: str | None = None,
        confidence: float | None = None,
        sensitive: bool = False,
        evidence: str | None = None,
        author: str | None = None,
    ) -> Annotation:
        """Label the unit, or one of its branches; the label that says the same already is given back.

        `confidence` lies between 0 and 1; `evidence` is a short text or a link; `author` None takes the login name.
        Raises LabelError for what breaks a rule.
        """
        labels, source = Labels(self._store), "human"
        return self._changed(
            labels.add(self.id, text, author, branch, facet, modality, source, confidence, sensitive, evidence)
        )

    def amend(
        self, label: str, text: str | None = None, author: str | None = None, **details: Unpack[Details]
    ) -> Annotation:
        """Put a current label, named by its text or id, in other words, or change what else it says."""
        return self._changed(self._labels.amend(self.id, label, text, author, **details))

    def reject(self, label: str, reason: str | None = None, author: str | None = None) -> Annotation:
        """Say that somebody's label is wrong; the history keeps it and the objection."""
        return self._changed(self._labels.reject(self.id, label, reason, author))

    def withdraw(self, label: str, author: str | None = None) -> Annotation:
        """Take a label of one's own back; the history keeps it."""
        return self._changed(self._labels.withdraw(self.id, label, author))

    def undo(self, entry: str | None = None, author: str | None = None) -> Annotation:
        """Undo the last change of its labels, or the entry with this id. An undo can be undone too."""
        return self._changed(self._labels.undo(self.id, entry, author))

    @property
    def last_change(self) -> Annotation | None:
        """The latest entry in effect, which `undo` takes back; None where there is none."""
        return next(reversed(standing(self._labels.history(self.id))), None)

    @property
    def history(self) -> Table[Annotation]:
        """Every label and what became of it, oldest first."""
        return Table(f"History of {self.id}", self._labels.history(self.id), self._veil, annotation_rows)

    def flag(self, sensitive: bool = True, author: str | None = None) -> Flag:
        """Say that its pictures and labels are sensitive, or that they are not."""
        return Flags(self._store).set("unit", str(self.id), sensitive, author)

    # ---- how it is shown

    def __repr__(self) -> str:
        """The unit and its model."""
        return f"<unit {self.id} of {self._store.id}>"

    def _repr_html_(self) -> str:
        gallery, card = Gallery(self._veil()), self.card
        probes, words = top_probes.top_probes(self._store, self.id), self._store.words(self.id)
        measured = {name: value for name, value in card.statistics.items() if value is not None}
        parts = [gallery.title(card), gallery.branches(self.probe_rows, probes, card.statistics)]
        parts += [gallery.words(words)] if words else []
        parts += [charts.activation_chart(card.histogram, self.id)] if card.histogram else []
        if self.layer.role == "sum":
            parts.insert(2, draw_evidence(gallery, card, self.probe_rows, self.facet_probes()))
        parts += [cards.terms(measured)]
        return cards.framed("".join(parts))

    def _veil(self) -> Veil:
        return Veil.of(self._store)

    @property
    def _labels(self) -> Labels:
        return Labels(self._store)

    def _changed(self, annotation: Annotation) -> Annotation:
        self.refresh()
        return annotation

    def _layer(self, layer: Layer | str | None) -> Layer | None:
        return None if layer is None else self._store.architecture.layer(str(layer))

    def _beside(self, step: int) -> "UnitView | None":
        channel = self.id.channel + step
        if 0 <= channel < self._store.architecture.channels(self.layer):
            return UnitView(self._store, Unit(self.layer, channel))
        return None
