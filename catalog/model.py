"""One model of a catalog: its units, circuits and labels, searches over them, and the network itself."""

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

    `card` describes the model as it was when it was opened; `refresh` asks anew. What is sensitive is asked for at each
    use, so that what somebody flags is hidden from then on.
    """

    def __init__(self, store: Store, of: ModelStore, folders: ExtractionFolders) -> None:
        self._all, self._store, self._folders = store, of, folders

    # ---- what it is

    @property
    def id(self) -> str:
        """Its id, such as `RN50:openai`."""
        return self._store.id

    @property
    def card(self) -> ModelCard:
        """Its shape, weights and counts."""
        return self._store.card

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self._store.architecture

    @property
    def measured(self) -> tuple[str, ...]:
        """On what its numbers were measured, kind by kind."""
        return self.card.measured

    def refresh(self) -> "Model":
        """Ask for the card anew; the model itself.

        Raises ModelMissing where it is gone, DatabaseDamaged for lost data.
        """
        self._store = self._all.model(self.id)
        return self

    def verify(self) -> bool:
        """Read all of it, both ways along its edges, and compare it with what was loaded; see `Catalog.verify`."""
        self._all.verify(self.id)
        return self._all.verify_numbers(self.id)

    def veil(self, revealed: bool = False) -> Veil:
        """What hides the sensitive as people have flagged it by now; `revealed` hides nothing."""
        return Veil.of(self._store, revealed)

    # ---- units

    def unit(self, name: Unit | str) -> UnitView:
        """A unit by its id, its page on Microscope, or a module such as layer4.2.act3:34. Raises UnknownUnit."""
        return UnitView(self._store, self.architecture.unit(str(name), self.id))

    def units(self, names: Iterable[Unit | str]) -> Table[UnitCard]:
        """Units in the order asked for. Raises UnknownUnit."""
        units = [self.architecture.unit(str(name), self.id) for name in names]
        return self._unit_table("Units", self._store.units(units))

    def labelled(self, text: str = "", limit: int | None = None) -> Table[UnitCard]:
        """The units with a current label that contains this text, in any case; by layer and channel."""
        return self._unit_table("Labelled units", self._store.labelled(text, limit))

    def thumbnails(self, units: Iterable[Unit | str]) -> dict[Unit, TopProbe]:
        """The probe that each unit answers to most, for those where this was measured."""
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
        """Units by labels, by what their top probes show, by the words that drive them, and by numbers.

        `at_least` and `at_most` bound statistics by name; a unit that lacks one does not pass. UnknownStatistic.
        """
        filters = Filters(self._layer(layer), labelled, modality, at_least or {}, at_most or {})

        def draw(hits: Sequence[SearchHit], veil: Veil) -> str:
            return Gallery(veil).search_hits(hits, self.thumbnails(each.unit.id for each in hits))

        return Table(f"Search for {text!r}", self._store.search(text, filters, limit), self.veil, draw)

    def units_reading(self, word: str, layer: Layer | str | None = None, limit: int = 10) -> Table[WordResponse]:
        """The units that a word drives most above letter strings of its length, `limit` a layer.

        Raises NotExtracted.
        """

        def draw(readings: Sequence[WordResponse], veil: Veil) -> str:
            cards = self._store.units(reading.unit for reading in readings)
            return Gallery(veil).units(cards, self.thumbnails(card.id for card in cards))

        return Table(f"Units reading {word!r}", self._store.readers(word, self._layer(layer), limit), self.veil, draw)

    # ---- layers

    @property
    def layers(self) -> Table[LayerCard]:
        """How much is known about the units of every layer, in forward order."""
        return Table(f"Layers of {self.id}", self._store.layers())

    def layer(self, name: Layer | str) -> LayerCard:
        """How much is known about the units of one layer. Raises UnknownUnit."""
        return self._store.layers(self._layer(name))[0]

    def sweeps(self, target: Layer | str | None = None, source: Layer | str | None = None) -> Table[Sweep]:
        """The pairs of layers whose expanded weights were computed, into a target or from a source; last first."""
        return Table("Layer pairs computed", self._store.sweeps(self._layer(target), self._layer(source)))

    def share_counts(
        self, share: Share = "share_exact", bins: int = 20, layer: Layer | str | None = None
    ) -> dict[Layer, tuple[int, ...]]:
        """How many units of every measured layer have a share below 0, in each bin from 0 to 1, and above 1."""
        return self._store.share_counts(share, bins, self._layer(layer))

    def activities(self, layer: Layer | str) -> dict[int, tuple[float, float | None]]:
        """By channel the mean and standard deviation over the probes of a layer's units; empty where not measured."""
        return self._store.activities(self.architecture.layer(str(layer)))

    # ---- what the extraction folders at hand hold

    @property
    def extractions(self) -> tuple[ExtractionView, ...]:
        """Its extraction folders: the one it was loaded from, and those in the directory of CIRCUITS_EXTRACTIONS.

        That is here unless set; those beside the database count too. A folder of other weights is left out, and so is a
        damaged one.
        """
        return self._folders.of(self.card)

    @property
    def away(self) -> str:
        """Say where the folder is that a number needs, while no extraction folder is at hand; empty where one is."""
        if self.extractions:
            return ""
        before = ""
        if folder := self.card.folder:
            state = "cannot be read as its extraction now" if is_readable(Path(folder) / "manifest.json") else "is away"
            before = f"The model was loaded from {printable(folder)}, which {state}. "
        return f"{before}Put its extraction folder into the one that CIRCUITS_EXTRACTIONS names, or else here."

    def stored_kernel(self, source: Unit | str, target: Unit | str) -> Kernel | None:
        """The expanded weight of a direct edge as an extraction folder at hand has it; None where none has.

        `LiveNetwork.expanded_weight` computes any. Raises NoPath where no edge leads from source to target.
        """
        kernels = (folder.kernel(source, target) for folder in self.extractions)
        return next((kernel for kernel in kernels if kernel is not None), None)

    def weight_summaries(self, layer: Layer | str) -> Table[WeightSummary]:
        """How the weights of a layer's units are distributed, by other layer; of the first folder at hand with any."""
        tables = (folder.weight_summaries(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table(f"Distribution of the weights of {layer}", ()))

    def macroscopic(self, layer: Layer | str) -> "Macroscopic | None":
        """The macroscopic claims of the first folder at hand that holds dense matrices into a layer; None without."""
        into = self.architecture.layer(str(layer))
        claims = (folder.macroscopic() for folder in self.extractions)
        return next((claim for claim in claims if into in claim.targets), None)

    def sensitivity(self, layer: Layer | str | None = None) -> "Table[CensusVariant]":
        """The census of a sum with one thing changed at a time, of the first folder at hand that has it; see there."""
        tables = (folder.sensitivity(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table("The census with one thing changed at a time", ()))

    def pairings(self, layer: Layer | str | None = None) -> "Table[PairingComparison]":
        """A sum beside its branches paired anew, of the first folder at hand that has it; see `ExtractionView`."""
        tables = (folder.pairings(layer) for folder in self.extractions)
        return next((table for table in tables if table), Table("Beside its branches paired anew", ()))

    def verdicts(self, unit: Unit | str) -> dict[str, str]:
        """A unit's verdict by what is changed in the census, of the first folder at hand that has it; else empty."""
        verdicts = (folder.verdicts(unit) for folder in self.extractions)
        return next((by_change for by_change in verdicts if by_change), {})

    def versatility(self, unit: Unit | str) -> "Table[Versatility]":
        """What a unit receives from each layer below and contributes to each above, in sums over all its edges.

        Of the first folder at hand that holds dense matrices, since the database has but the strongest edges; else
        empty. Raises UnknownUnit.
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
        """Units of a sum layer (None: the last) with this verdict of the census (None: any); see `by_evidence`.

        Raises NotExtracted where nothing was measured or judged.
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
        """Units of a sum layer whose branches have different strongest inputs from one layer: a screen, no test.

        Raises NotExtracted where these weights were not extracted.
        """
        candidates = enrichment.by_weights(self._store, self._layer(layer), self._layer(source), strongest, limit)
        return self._candidate_table("Candidates by weights", candidates)

    def tally(self, layer: Layer | str | None = None) -> Tally:
        """The verdicts of a sum layer (None: the last) in numbers."""
        return enrichment.tally(self._store, self._layer(layer))

    # ---- circuits

    def induced_subgraph(self, units: Iterable[Unit | str]) -> CircuitView:
        """Units, every kept edge between two of them, and the residual sums of which they hold both ends."""
        return self.circuit(
            local.induced_subgraph(self._store, [self.architecture.unit(str(unit), self.id) for unit in units])
        )

    def circuit(self, record: Circuit | CircuitView) -> CircuitView:
        """A circuit of this model, such as one read from a file, as one that has its pictures and can be saved."""
        return CircuitView(record.record if isinstance(record, CircuitView) else record, self._store)

    @property
    def saved_circuits(self) -> Table[SavedCircuit]:
        """The circuits saved in the database, by name."""
        return Table(f"Saved circuits of {self.id}", saved_circuits.saved_circuits(self._store), self.veil)

    def open_circuit(self, name: str) -> CircuitView:
        """A saved circuit with its units' labels as they are now.

        Raises CircuitError where there is none of this name.
        """
        return self.circuit(saved_circuits.open_circuit(self._store, name))

    def remove_circuit(self, name: str, author: str | None = None) -> None:
        """Remove a saved circuit; `restore_circuit` brings it back. Raises CircuitError where there is none."""
        saved_circuits.remove(self._store, name, author)

    @property
    def earlier_circuits(self) -> Table[EarlierCircuit]:
        """The saved circuits that were replaced or removed, the last first."""
        return Table(f"Earlier circuits of {self.id}", saved_circuits.earlier_circuits(self._store), self.veil)

    def restore_circuit(self, name: str, version: str | None = None, author: str | None = None) -> SavedCircuit:
        """Save again what was replaced or removed last under a name, or the version of this id.

        What has the name now becomes an earlier version. Raises CircuitError where there is none.
        """
        return saved_circuits.restore(self._store, name, version, author)

    def import_case_studies(self, author: str | None = None, labels: bool = False) -> ImportedStudies:
        """Save the article's case studies over this network, each with what the weights say of its edges.

        Imported again, only what differs is replaced. `labels` labels the units too, under the article's authors.
        Raises LabelError for labels on another network, CircuitError where an own circuit has the name of one.
        """
        return case_studies.import_studies(self._store, case_studies.article(), author, labels)

    # ---- what people say

    @property
    def labels(self) -> ModelLabels:
        """Its labels: current ones, the history, many at once, files, and which units to look at next."""
        return ModelLabels(self._store)

    def flag(self, kind: FlagKind, name: Unit | str, sensitive: bool = True, author: str | None = None) -> Flag:
        """Say that a unit, an image or a word is sensitive, or that it is not; `author` None takes the login name.

        Raises UnknownUnit, LabelError for an image that the model does not have or for a broken rule.
        """
        return Flags(self._store).set(kind, str(name), sensitive, author)

    @property
    def flags(self) -> Table[Flag]:
        """Every flag, oldest first: of one kind and name the last holds."""
        return Table(f"Flags of {self.id}", Flags(self._store).history(), self.veil)

    # ---- the network itself

    def word_image(self, text: str) -> "Image":
        """A text as the network is shown it. Raises WordsError for one that cannot be set."""
        side = self.architecture.image_size
        return rasterise(text, side, usual_lettering(side))

    def network(self) -> "LiveNetwork":
        """The network that the model was extracted from, its weights checked against the card.

        Raises TorchMissing; WeightsError where the weights cannot be had or are others than those in the catalog.
        """
        with torch_needed():
            from catalog.live_network import LiveNetwork  # reaches torch, and all else here does without
        return LiveNetwork.of(self.id, self.card.weights_sha256)

    def __repr__(self) -> str:
        """Its id and size."""
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
