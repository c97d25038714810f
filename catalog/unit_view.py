"""A unit to work with: its top probes, its inputs and outputs, its circuits and its labels."""

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

    `card` holds the unit's numbers, verdict and labels. The card is read at its first use, and again after this object
    changes a label or `refresh` is called. What a notebook shows of the unit hides sensitive content by the flags of
    that moment.
    """

    def __init__(self, store: ModelStore, unit: Unit) -> None:
        self.id, self._store = unit, store

    # ---- what it is

    @property
    def layer(self) -> Layer:
        """The layer of the unit."""
        return self.id.layer

    @cached_property
    def card(self) -> UnitCard:
        """The unit's numbers, verdict and labels, as the database has them."""
        return self._store.unit(self.id)

    def refresh(self) -> "UnitView":
        """Forget the card, so that its next use reads it again; return this object."""
        self.__dict__.pop("card", None)
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The texts of the unit's current labels."""
        return self.card.labels

    @property
    def statistics(self) -> dict[str, float | None]:
        """The unit's statistics by name; None for one that was not measured."""
        return self.card.statistics

    @property
    def findings(self) -> dict[str, str | None]:
        """The texts of census and ablation by name: verdict, facets and so on, or the reason why there are none."""
        return self.card.findings

    @property
    def histogram(self) -> Histogram | None:
        """The distribution of the unit's activation over the probes; None if not measured."""
        return self.card.histogram

    @property
    def microscope_url(self) -> str | None:
        """The URL of the unit on OpenAI Microscope; None for a model that Microscope does not have."""
        return microscope_url(self._store.id, self.id)

    @property
    def branches(self) -> dict[str, "UnitView"]:
        """The two units that a sum's unit adds, keyed `shortcut` and `conv`; empty for any other unit."""
        return {branch: UnitView(self._store, unit) for branch, unit in self._store.adds(self.id).items()}

    @property
    def probe_rows(self) -> dict[str, Unit]:
        """The units whose top probes `top_probes` returns: this unit, then for a sum's unit its two branches."""
        return {top_probes.branch_of(self.id): self.id} | self._store.adds(self.id)

    @property
    def previous(self) -> "UnitView | None":
        """The unit of the previous channel; None for the first."""
        return self._beside(-1)

    @property
    def next(self) -> "UnitView | None":
        """The unit of the next channel; None for the last."""
        return self._beside(1)

    # ---- what feeds it and what it feeds

    def inputs(
        self, limit: int = 10, source: Layer | str | None = None, direct: bool = False, by: Measure = "magnitude"
    ) -> Table[Contribution]:
        """Return the strongest edges into the unit: `limit` excitatory and `limit` inhibitory ones.

        All come from one layer, `source` or else the nearest, because magnitudes of different layers do not compare:
        those of far layers are the largest and the least reliable. `direct` takes only edges over one convolution; `by`
        orders edges by magnitude or by absolute mean.
        """
        edges = self._store.inputs(self.id, limit, self._layer(source), direct, by)
        return self._edges("Inputs", "source", edges, limit, by)

    def outputs(
        self, limit: int = 10, target: Layer | str | None = None, direct: bool = False, by: Measure = "magnitude"
    ) -> Table[Contribution]:
        """Return the strongest edges out of the unit into one layer, `target` or else the nearest; see `inputs`."""
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
        """Return the unit's `limit` top probes; for a sum's unit, also `limit` of each branch."""

        def draw(probes: Sequence[TopProbe], veil: Veil) -> str:
            return Gallery(veil).branches(self.probe_rows, probes)

        return Table(f"Top probes of {self.id}", top_probes.top_probes(self._store, self.id, limit), self._veil, draw)

    def facet_probes(self) -> dict[str, list[FacetProbe]]:
        """Return a held-out probe of each concept of each facet, keyed by branch, best first; empty if unjudged."""
        return top_probes.facet_probes(self._store, facet_names(self.findings))

    def top_words(self, limit: int = 10) -> Table[WordResponse]:
        """Return the words that drive the unit most; empty if no words were shown, or all drive the unit alike."""
        words = self._store.words(self.id, limit)
        return Table(f"Top words of {self.id}", words, self._veil, lambda words, veil: Gallery(veil).words(words))

    @property
    def depiction(self) -> Depiction | None:
        """The unit's feature visualisation; None if there is none."""
        return self._store.depiction(self.id)

    # ---- its circuits

    def neighbourhood(self, limit: int = 10) -> CircuitView:
        """Return the unit, its `limit` strongest inputs and outputs of each sign, and the residual sums it is in."""
        return CircuitView(local.neighbourhood(self._store, self.id, limit), self._store)

    def enrichment_circuit(self, limit: int = 5) -> CircuitView:
        """Return a sum's unit, its two branches, and the `limit` strongest direct inputs of each sign of each branch.

        Raises CircuitError for a unit that is not a sum's.
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
        """Trace the edges that lead to the unit, step by step, or with `forward` those that lead out of it.

        `catalog.circuits.trace.Tracing` explains the arguments. Raises CircuitError if there are no such edges,
        NotExtracted for a scaled trace if no activity was measured.
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
        """Label the unit or one of its branches, and return the new entry, or the current label that says the same.

        `confidence` lies between 0 and 1; `evidence` is a short text or a link; `author` None takes the login name.
        Raises LabelError for a value that breaks a rule.
        """
        labels, source = Labels(self._store), "human"
        return self._changed(
            labels.add(self.id, text, author, branch, facet, modality, source, confidence, sensitive, evidence)
        )

    def amend(
        self, label: str, text: str | None = None, author: str | None = None, **details: Unpack[Details]
    ) -> Annotation:
        """Change the text or the details of a current label; `label` is its text or id."""
        return self._changed(self._labels.amend(self.id, label, text, author, **details))

    def reject(self, label: str, reason: str | None = None, author: str | None = None) -> Annotation:
        """Reject somebody's label as wrong; the history keeps both the label and the objection."""
        return self._changed(self._labels.reject(self.id, label, reason, author))

    def withdraw(self, label: str, author: str | None = None) -> Annotation:
        """Withdraw one's own label; the history keeps the label."""
        return self._changed(self._labels.withdraw(self.id, label, author))

    def undo(self, entry: str | None = None, author: str | None = None) -> Annotation:
        """Undo the last change of the unit's labels, or the entry with this id. An undo can be undone too."""
        return self._changed(self._labels.undo(self.id, entry, author))

    @property
    def last_change(self) -> Annotation | None:
        """The latest history entry in effect, which `undo` would undo; None if there is none."""
        return next(reversed(standing(self._labels.history(self.id))), None)

    @property
    def history(self) -> Table[Annotation]:
        """Every entry of the unit's label history, oldest first."""
        return Table(f"History of {self.id}", self._labels.history(self.id), self._veil, annotation_rows)

    def flag(self, sensitive: bool = True, author: str | None = None) -> Flag:
        """Flag the unit, with its pictures and labels, as sensitive, or as not sensitive."""
        return Flags(self._store).set("unit", str(self.id), sensitive, author)

    # ---- how it is shown

    def __repr__(self) -> str:
        """Return the unit's id and its model's, as text."""
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
