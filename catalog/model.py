"""One model of a catalog: its units, circuits, labels and searches, and the way to the live network."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import enrichment, top_probes
from catalog.article import case_studies
from catalog.article.case_studies import ImportedStudies
from catalog.cards import Gallery
from catalog.circuit_view import CircuitView
from catalog.circuits import local
from catalog.circuits import saved as saved_circuits
from catalog.circuits.circuit import Circuit
from catalog.enrichment import Candidate, Tally, Terms
from catalog.errors import torch_needed
from catalog.extraction_folders import ExtractionFolders, is_readable
from catalog.extraction_view import ExtractionView
from catalog.hiding.flags import Flags
from catalog.hiding.veil import Veil
from catalog.kernel import Kernel
from catalog.model_labels import ModelLabels
from catalog.table import Table
from catalog.unit_view import UnitView
from catalog.weight_summaries import WeightSummary
from extract.printable import printable
from extract.probes.rasterised_words import rasterise, usual_lettering
from extract.units import Architecture, Layer, Unit
from graph.model_store import ModelStore
from graph.records import (
    EarlierCircuit,
    EvidenceTerms,
    Filters,
    Flag,
    FlagKind,
    LayerCard,
    Modality,
    ModelCard,
    SavedCircuit,
    SearchHit,
    Share,
    Sweep,
    TopProbe,
    UnitCard,
    Verdict,
    WeightTerms,
    WordResponse,
)
from graph.search import LIMIT
from graph.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from catalog.live_network import LiveNetwork
    from catalog.macroscopic.macroscopic import Macroscopic
    from catalog.macroscopic.versatility import Versatility
    from extract.folder.census_variants import CensusVariant, PairingComparison

_DRAWN = 10  # candidates that a notebook shows with pictures


class Model:
    """One model of a catalog; `Catalog.model` opens it. Methods take units and layers as text too.

    `card` describes the model as it was when it was opened; `refresh` reads the card again. Flags and sensitive labels
    are read at each use, so that whatever somebody flags is hidden from then on.
    """

    def __init__(self, store: Store, of: ModelStore, folders: ExtractionFolders) -> None:
        self._all, self._store, self._folders = store, of, folders

    # ---- what it is

    @property
    def id(self) -> str:
        """The model's id, such as `RN50:openai`."""
        return self._store.id

    @property
    def card(self) -> ModelCard:
        """The model's shape, weights hash and counts."""
        return self._store.card

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self._store.architecture

    @property
    def measured(self) -> tuple[str, ...]:
        """For each kind of numbers, a text that says what they were measured on."""
        return self.card.measured

    def refresh(self) -> "Model":
        """Read the card again, and return the model itself.

        Raises ModelMissing if the model is gone, DatabaseDamaged for lost data.
        """
        self._store = self._all.model(self.id)
        return self

    def verify(self) -> bool:
        """Read the whole model and compare it with what was loaded; see `Catalog.verify`."""
        self._all.verify(self.id)
        return self._all.verify_numbers(self.id)

    def veil(self, revealed: bool = False) -> Veil:
        """Return the veil that hides sensitive content by the current flags and labels; `revealed` hides nothing."""
        return Veil.of(self._store, revealed)

    # ---- units

    def unit(self, name: Unit | str) -> UnitView:
        """Return a unit by its id, its Microscope URL, or a module such as layer4.2.act3:34. Raises UnknownUnit."""
        return UnitView(self._store, self.architecture.unit(str(name), self.id))

    def units(self, names: Iterable[Unit | str]) -> Table[UnitCard]:
        """Return the cards of these units, in this order. Raises UnknownUnit."""
        units = [self.architecture.unit(str(name), self.id) for name in names]
        return self._unit_table("Units", self._store.units(units))

    def labelled(self, text: str = "", limit: int | None = None) -> Table[UnitCard]:
        """Return the units with a current label that contains this text, ignoring case; in order of layer, channel."""
        return self._unit_table("Labelled units", self._store.labelled(text, limit))

    def thumbnails(self, units: Iterable[Unit | str]) -> dict[Unit, TopProbe]:
        """Return the first top probe of each unit; units without measured probes are left out."""
        return top_probes.thumbnails(self._store, [self.architecture.unit(str(unit)) for unit in units])

    def search(
        self,
        text: str = "",
        layer: Layer | str | None = None,
        labelled: bool | None = None,
        modality: Modality | None = None,
        at_least: Mapping[str, float] | None = None,
        at_most: Mapping[str, float] | None = None,
        limit: int = LIMIT,
    ) -> Table[SearchHit]:
        """Find units by their labels, what their top probes show, the words that drive them, and their numbers.

        `at_least` and `at_most` bound statistics by name; a unit that lacks a bounded statistic does not pass. Raises
        UnknownStatistic.
        """
        filters = Filters(self._layer(layer), labelled, modality, at_least or {}, at_most or {})

        def draw(hits: Sequence[SearchHit], veil: Veil) -> str:
            return Gallery(veil).search_hits(hits, self.thumbnails(each.unit.id for each in hits))

        return Table(f"Search for {text!r}", self._store.search(text, filters, limit), self.veil, draw)

    def units_reading(self, word: str, layer: Layer | str | None = None, limit: int = 10) -> Table[WordResponse]:
        """Return the `limit` units of each layer that a word drives furthest above letter strings of the same length.

        Raises NotExtracted if no unit is known to read the word.
        """

        def draw(readings: Sequence[WordResponse], veil: Veil) -> str:
            cards = self._store.units(reading.unit for reading in readings)
            return Gallery(veil).units(cards, self.thumbnails(card.id for card in cards))

        return Table(f"Units reading {word!r}", self._store.readers(word, self._layer(layer), limit), self.veil, draw)

    # ---- layers

    @property
    def layers(self) -> Table[LayerCard]:
        """The number of units with a label, with each kind of number and with a verdict, for each layer in order."""
        return Table(f"Layers of {self.id}", self._store.layers())

    def layer(self, name: Layer | str) -> LayerCard:
        """Count the units of one layer with a label, each kind of number or a verdict. Raises UnknownUnit."""
        return self._store.layers(self._layer(name))[0]

    def sweeps(self, target: Layer | str | None = None, source: Layer | str | None = None) -> Table[Sweep]:
        """List the layer pairs whose weights were computed, into a target or from a source, last target first."""
        return Table("Layer pairs computed", self._store.sweeps(self._layer(target), self._layer(source)))

    def share_counts(
        self, share: Share = "share_exact", bins: int = 20, layer: Layer | str | None = None
    ) -> dict[Layer, tuple[int, ...]]:
        """Count the units of every measured layer by their share: below 0, in each of `bins` from 0 to 1, above 1."""
        return self._store.share_counts(share, bins, self._layer(layer))

    def activities(self, layer: Layer | str) -> dict[int, tuple[float, float | None]]:
        """Return each unit's mean and standard deviation over the probes, keyed by channel; empty if not measured."""
        return self._store.activities(self.architecture.layer(str(layer)))

    # ---- what the available extraction folders hold

    @property
    def extractions(self) -> tuple[ExtractionView, ...]:
        """The model's available extraction folders: first the one it was loaded from.

        The others lie in the directory of CIRCUITS_EXTRACTIONS (by default the current one), or beside the database. A
        folder of other weights, or a damaged one, is left out.
        """
        return self._folders.of(self.card)

    @property
    def away(self) -> str:
        """A text that says why no extraction folder is available and where to put one; empty if one is available."""
        if self.extractions:
            return ""
        before = ""
        if folder := self.card.folder:
            there = is_readable(Path(folder) / "manifest.json")
            state = "can no longer be read as its extraction" if there else "is missing"
            before = f"The model was loaded from {printable(folder)}, which {state}. "
        return (
            f"{before}Put its extraction folder into the folder that CIRCUITS_EXTRACTIONS names, by default the "
            "current one."
        )

    def stored_kernel(self, source: Unit | str, target: Unit | str) -> Kernel | None:
        """Read the expanded weight of a direct edge from an available extraction folder; None if no folder holds it.

        `LiveNetwork.expanded_weight` computes any expanded weight. Raises NoPath if no path leads from source to
        target.
        """
        kernels = (folder.kernel(source, target) for folder in self.extractions)
        return next((kernel for kernel in kernels if kernel is not None), None)

    def weight_summaries(self, layer: Layer | str) -> Table[WeightSummary]:
        """Summarise a layer's weights with each other layer, from the first available folder; empty without one."""
        tables = (folder.weight_summaries(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table(f"Distribution of the weights of {layer}", ()))

    def macroscopic(self, layer: Layer | str) -> "Macroscopic | None":
        """Return the macroscopic claims of the first available folder with dense matrices into a layer, or None."""
        into = self.architecture.layer(str(layer))
        claims = (folder.macroscopic() for folder in self.extractions)
        return next((claim for claim in claims if into in claim.targets), None)

    def sensitivity(self, layer: Layer | str | None = None) -> "Table[CensusVariant]":
        """Read the census of a sum with one thing changed at a time, from the first available folder that has it."""
        tables = (folder.sensitivity(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table("The census with one thing changed at a time", ()))

    def pairings(self, layer: Layer | str | None = None) -> "Table[PairingComparison]":
        """Read the comparison of a sum with branches paired anew, from the first available folder that has it."""
        tables = (folder.pairings(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table("Beside its branches paired anew", ()))

    def verdicts(self, unit: Unit | str) -> dict[str, str]:
        """Read a unit's verdicts by what was changed in the census, from the first available folder that has any."""
        verdicts = (folder.verdicts(unit) for folder in self.extractions)
        return next((by_change for by_change in verdicts if by_change), {})

    def versatility(self, unit: Unit | str) -> "Table[Versatility]":
        """Summarise what a unit receives from each layer below and contributes to each above, over all its edges.

        The numbers come from the first available folder with dense matrices, because the database holds only the
        strongest edges; without such a folder the table is empty. Raises UnknownUnit.
        """
        named = self.architecture.unit(str(unit), self.id)
        tables = (folder.macroscopic().versatility(named) for folder in self.extractions)
        return Table(f"Versatility of {named}", next((rows for rows in tables if rows), []))

    # ---- enrichment circuits

    def candidates(
        self,
        layer: Layer | str | None = None,
        limit: int = 20,
        verdict: Verdict | None = "enriched",
        q: float | None = None,
        concepts: float = 0.0,
        modalities: float = 0.0,
    ) -> Table[Candidate[EvidenceTerms]]:
        """Find units of a sum layer (None: the last) with this census verdict (None: any, or none).

        See `catalog.enrichment.by_evidence`. Raises NotExtracted if nothing was measured or judged.
        """
        candidates = enrichment.by_evidence(self._store, self._layer(layer), limit, verdict, q, concepts, modalities)
        return self._candidate_table("Candidates by evidence", candidates)

    def candidates_by_weights(
        self,
        layer: Layer | str | None = None,
        source: Layer | str | None = None,
        strongest: int = enrichment.STRONGEST,
        limit: int = 20,
    ) -> Table[Candidate[WeightTerms]]:
        """Find units of a sum layer whose branches have different strongest inputs: a screen, not a test.

        See `catalog.enrichment.by_weights`. Raises NotExtracted if these weights were not extracted.
        """
        candidates = enrichment.by_weights(self._store, self._layer(layer), self._layer(source), strongest, limit)
        return self._candidate_table("Candidates by weights", candidates)

    def tally(self, layer: Layer | str | None = None) -> Tally:
        """Count the verdicts of a sum layer (None: the last)."""
        return enrichment.tally(self._store, self._layer(layer))

    # ---- circuits

    def induced_subgraph(self, units: Iterable[Unit | str]) -> CircuitView:
        """Return the circuit of these units, with all stored edges and residual sums between two of them."""
        return self.circuit(
            local.induced_subgraph(self._store, [self.architecture.unit(str(unit), self.id) for unit in units])
        )

    def circuit(self, record: Circuit | CircuitView) -> CircuitView:
        """Bind a circuit, such as one read from a file, to this model, so that it has pictures and can be saved."""
        return CircuitView(record.record if isinstance(record, CircuitView) else record, self._store)

    @property
    def saved_circuits(self) -> Table[SavedCircuit]:
        """The circuits saved in the database, by name."""
        return Table(f"Saved circuits of {self.id}", saved_circuits.saved_circuits(self._store), self.veil)

    def open_circuit(self, name: str) -> CircuitView:
        """Open a saved circuit; its units have their current labels.

        Raises CircuitError if no circuit is saved under this name.
        """
        return self.circuit(saved_circuits.open_circuit(self._store, name))

    def remove_circuit(self, name: str, author: str | None = None) -> None:
        """Remove a saved circuit; `restore_circuit` restores it. Raises CircuitError if there is none of this name."""
        saved_circuits.remove(self._store, name, author)

    @property
    def earlier_circuits(self) -> Table[EarlierCircuit]:
        """The saved circuits that were replaced or removed, latest first."""
        return Table(f"Earlier circuits of {self.id}", saved_circuits.earlier_circuits(self._store), self.veil)

    def restore_circuit(self, name: str, version: str | None = None, author: str | None = None) -> SavedCircuit:
        """Restore the circuit that was last replaced or removed under a name, or the version with this id.

        The circuit that has the name now becomes an earlier version. Raises CircuitError if there is no such version.
        """
        return saved_circuits.restore(self._store, name, version, author)

    def import_case_studies(self, author: str | None = None, labels: bool = False) -> ImportedStudies:
        """Save the article's case studies as circuits of this model, with this model's weights on their edges.

        A repeated import replaces only circuits that differ. `labels` also labels units, under the article's authors.
        Raises LabelError for labels on another network, CircuitError if another circuit has a case study's name.
        """
        return case_studies.import_studies(self._store, case_studies.article(), author, labels)

    # ---- what people say

    @property
    def labels(self) -> ModelLabels:
        """The labels of the model: current ones, the history, bulk labelling, files, and which units to label next."""
        return ModelLabels(self._store)

    def flag(self, kind: FlagKind, name: Unit | str, sensitive: bool = True, author: str | None = None) -> Flag:
        """Flag a unit, an image or a word as sensitive, or as not sensitive; `author` None takes the login name.

        Raises UnknownUnit; LabelError for an image that the model does not have or a text that breaks a rule.
        """
        return Flags(self._store).set(kind, str(name), sensitive, author)

    @property
    def flags(self) -> Table[Flag]:
        """Every flag, oldest first; of several flags with the same kind and name, the last decides."""
        return Table(f"Flags of {self.id}", Flags(self._store).history(), self.veil)

    # ---- the network itself

    def word_image(self, text: str) -> "Image":
        """Render a text as the image that the network is shown. Raises WordsError for one that cannot be rendered."""
        side = self.architecture.image_size
        return rasterise(text, side, usual_lettering(side))

    def network(self) -> "LiveNetwork":
        """Open the live network that the model was extracted from, after checking its weights against the card.

        Raises TorchMissing; WeightsError if the weights are not available or are not those in the catalog.
        """
        with torch_needed():
            from catalog.live_network import LiveNetwork  # imports torch, which nothing else here needs
        return LiveNetwork.of(self.id, self.card.weights_sha256)

    def __repr__(self) -> str:
        """Return the model's id and size, as text."""
        return f"<model {self.id}: {self.card.units:,} units, {self.card.edges:,} edges>"

    def _layer(self, layer: Layer | str | None) -> Layer | None:
        return None if layer is None else self.architecture.layer(str(layer))

    def _unit_table(self, title: str, cards: Iterable[UnitCard]) -> Table[UnitCard]:
        def draw(drawn: Sequence[UnitCard], veil: Veil) -> str:
            return Gallery(veil).units(drawn, self.thumbnails(card.id for card in drawn))

        return Table(title, cards, self.veil, draw)

    def _candidate_table(self, title: str, records: Iterable[Candidate[Terms]]) -> Table[Candidate[Terms]]:
        def draw(candidates: Sequence[Candidate[Terms]], veil: Veil) -> str:
            first = candidates[:_DRAWN]
            probes = self._store.top_probes_of((each.unit for each in first), limit=4)
            return "".join(Gallery(veil).candidate(each, probes.get(each.unit, [])) for each in first)

        return Table(title, records, self.veil, draw)
