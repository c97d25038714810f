"""The `ModelStore` of one model in the database, through which the catalog reads and writes the model's records."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from extract.units import Architecture, Layer, Unit
from graph import answers, saved, verification
from graph.connection.database import Database
from graph.cypher.contributions import INDUCED_EDGES, INPUTS, OUTPUTS
from graph.cypher.enrichment import ENRICHMENT_BY_EVIDENCE, ENRICHMENT_BY_WEIGHTS, VERDICTS
from graph.cypher.flags import FLAG, FLAGS, IMAGE
from graph.cypher.labels import ANNOTATE, ANNOTATIONS, SENSITIVE, UNIT_ANNOTATIONS
from graph.cypher.layers import ACTIVITIES, LAYERS, SHARES
from graph.cypher.models import SWEEPS
from graph.cypher.probes import DEPICTION, FACET_PROBES, READERS, TOP_PROBES, WORDS
from graph.cypher.trace import DOWNSTREAM, UPSTREAM
from graph.cypher.units import LABELLED, UNITS
from graph.errors import AnnotationSuperseded, DatabaseDamaged, ModelMissing, NotExtracted
from graph.nearest_layer import nearest_source, nearest_target
from graph.records import (
    NO_FILTERS,
    Annotation,
    Contribution,
    Depiction,
    EvidenceTerms,
    FacetProbe,
    Filters,
    Flag,
    LayerCard,
    Measure,
    ModelCard,
    Rows,
    SavedCircuit,
    SearchHit,
    Share,
    Sweep,
    TopProbe,
    TraceEdge,
    UnitCard,
    Verdict,
    VerdictCount,
    WeightTerms,
    WordResponse,
)
from graph.search import LIMIT, NEAREST, search


class ModelStore:
    """One model in a database; `graph.store.Store.model` opens it.

    `card` describes the model as it was when it was opened.
    """

    def __init__(self, database: Database, card: ModelCard) -> None:
        self.database, self.card = database, card

    @property
    def id(self) -> str:
        """The model's id, such as `RN50:openai`."""
        return self.card.id

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.card.architecture

    def _key(self, unit: Unit) -> str:
        """Return the unit's key in the database."""
        return f"{self.id}/{unit}"

    def _keys(self, units: Iterable[Unit]) -> list[str]:
        """Return the keys of several units, each key once."""
        return list(map(self._key, dict.fromkeys(units)))

    # ---- units

    def unit(self, unit: Unit) -> UnitCard:
        """Read a unit. Raises UnknownUnit if the model does not have this unit."""
        return self.units([unit])[0]

    def units(self, units: Iterable[Unit]) -> list[UnitCard]:
        """Read units in the order of the arguments, each once. Raises UnknownUnit for a unit that the model lacks."""
        units = list(dict.fromkeys(units))
        rows = self.database.read(UNITS, keys=self._keys(units))
        cards = {card.id: card for card in map(answers.unit, rows)}
        for unit in units:
            if unit not in cards:
                self.architecture.unit(str(unit))  # raises UnknownUnit if the network has no such unit
                verification.refuse_missing(self.database, self.id)
                raise DatabaseDamaged(f"The database lost unit {unit} of {self.id}. Load the model again.")
        return [cards[unit] for unit in units]

    def labelled(self, text: str = "", limit: int | None = None) -> list[UnitCard]:
        """Return at most `limit` units, by layer and channel, with a current label that contains `text` in any case."""
        rows = self.database.read(LABELLED, model=self.id, containing=text)
        return self.units(sorted(map(answers.unit_id, rows))[:limit])

    def adds(self, unit: Unit) -> dict[str, Unit]:
        """Return the two units that a sum's unit adds up, keyed `shortcut` and `conv`; nothing for any other unit."""
        return self.architecture.addends(unit)

    def top_probes(self, unit: Unit, limit: int = 8) -> list[TopProbe]:
        """Return a unit's top probes, `limit` for each branch of a sum's unit; none if the unit was not measured."""
        return self.top_probes_of([unit], limit).get(unit, [])

    def top_probes_of(self, units: Iterable[Unit], limit: int = 8) -> dict[Unit, list[TopProbe]]:
        """Return the top probes of several units, keyed by unit; units without top probes are left out."""
        return answers.top_probes(self.database.read(TOP_PROBES, keys=self._keys(units), limit=limit))

    def facet_probes(self, pictures: Iterable[str], words: Iterable[str]) -> list[FacetProbe]:
        """Return the held-out probes that show these concepts, as pictures or as rasterised words."""
        named = {"pictures": list(pictures), "words": list(words)}
        return [FacetProbe(**row) for row in self.database.read(FACET_PROBES, model=self.id, **named)]

    def depiction(self, unit: Unit) -> Depiction | None:
        """Return a unit's feature visualisation, or None if there is none."""
        rows = self.database.read(DEPICTION, key=self._key(unit))
        return Depiction(**rows[0]) if rows else None

    def words(self, unit: Unit, limit: int = 10) -> list[WordResponse]:
        """Return the words that drive a unit most; none if no words were shown or the unit responds to all alike."""
        rows = self.database.read(WORDS, key=self._key(unit), limit=limit)
        return [answers.word_response(row) for row in rows]

    def readers(self, word: str, layer: Layer | None = None, limit: int = 10) -> list[WordResponse]:
        """Return each layer's `limit` units that a word drives most above strings of its length; NotExtracted."""
        name = None if layer is None else str(layer)
        rows = self.database.read(READERS, key=f"{self.id}/{word}", layer=name, limit=limit)
        if not rows:
            raise NotExtracted(
                f"No unit is known to read {word!r}; {self.id} was shown {self.card.words:,} words. Show it any other "
                "word with `circuits difference`."
            )
        return [answers.word_response(row) for row in rows]

    # ---- contributions

    def inputs(
        self,
        unit: Unit,
        limit: int = 10,
        source: Layer | None = None,
        direct: bool = False,
        by: Measure = "magnitude",
    ) -> list[Contribution]:
        """Return the strongest stored edges from a layer into a unit, `limit` excitatory and `limit` inhibitory ones.

        The layer is `source`; if that is None, the nearest layer (see `graph.nearest_layer`). `direct` keeps only edges
        over one convolution; if `source` is None, from every layer. `by` orders the edges by magnitude or by absolute
        mean, and the strongest by either are stored for each pair of layers. Raises UnknownUnit.
        """
        if source is None and not direct:
            source = nearest_source(self.sweeps(target=unit.layer))
        layer = None if source is None else str(source.as_source)
        return self._strongest(INPUTS, unit, layer=layer, direct=direct, by=by, limit=limit)

    def outputs(
        self,
        unit: Unit,
        limit: int = 10,
        target: Layer | None = None,
        direct: bool = False,
        by: Measure = "magnitude",
    ) -> list[Contribution]:
        """Return the strongest stored edges out of a unit, as `inputs`; a branch has the edges of its block's sum."""
        if target is None and not direct:
            target = nearest_target(self.sweeps(source=unit.layer))
        layer = None if target is None else str(target)
        unit = Unit(unit.layer.as_source, unit.channel)
        return self._strongest(OUTPUTS, unit, layer=layer, direct=direct, by=by, limit=limit)

    def _strongest(self, text: str, unit: Unit, **parameters: object) -> list[Contribution]:
        key = self._key(unit)
        rows = self.database.read(text, key=key, **parameters)
        if not rows:
            self.unit(unit)
        return list(map(answers.contribution, rows))

    def contributions_among(self, units: Iterable[Unit]) -> list[Contribution]:
        """Return every stored edge between two of these units, the strongest first."""
        return list(map(answers.contribution, self.database.read(INDUCED_EDGES, keys=self._keys(units))))

    def upstream(self, units: Iterable[Unit], limit: int, least: float = 0.0, scaled: bool = False) -> list[TraceEdge]:
        """Return the `limit` strongest direct edges into each unit; `scaled` weights them by the source's activity."""
        parameters = {"keys": self._keys(units), "limit": limit, "least": least, "scaled": scaled}
        rows = self.database.read(UPSTREAM, **parameters)
        return list(map(answers.trace_edge, rows))

    def downstream(self, units: Iterable[Unit], limit: int, least: float = 0.0) -> list[TraceEdge]:
        """Return the `limit` strongest direct edges out of each unit; conv and shortcut units have none."""
        rows = self.database.read(DOWNSTREAM, keys=self._keys(units), limit=limit, least=least)
        return list(map(answers.trace_edge, rows))

    def sweeps(self, target: Layer | None = None, source: Layer | None = None) -> list[Sweep]:
        """Return the pairs of layers whose expanded weights were computed, starting with the last target.

        `target` and `source` select the pairs with that layer. As a source, a branch has the pairs of its block's sum.
        """
        ends = {"target": None if target is None else str(target)}
        ends |= {"source": None if source is None else str(source.as_source)}
        return [answers.sweep(row) for row in self.database.read(SWEEPS, model=self.id, **ends)]

    # ---- searching, and whole layers

    def search(
        self, text: str = "", filters: Filters = NO_FILTERS, limit: int = LIMIT, nearest: int = NEAREST
    ) -> list[SearchHit]:
        """Find units that pass the filters and are labelled with a text or respond to it; see `graph.search`."""
        return search(self.database, self.id, self.architecture.layers, text, filters, limit, nearest)

    def layers(self, layer: Layer | None = None) -> list[LayerCard]:
        """Count the labelled, measured and tested units of each layer, in forward order; or of one layer."""
        name = None if layer is None else str(layer)
        rows = self.database.read(LAYERS, model=self.id, layer=name)
        return sorted(map(answers.layer, rows), key=lambda card: card.layer)

    def share_counts(
        self, share: Share = "share_exact", bins: int = 20, layer: Layer | None = None
    ) -> dict[Layer, tuple[int, ...]]:
        """Count each measured layer's units by their share: below 0, in each of the bins from 0 to 1, and above 1."""
        name = None if layer is None else str(layer)
        rows = self.database.read(SHARES, model=self.id, layer=name, share=share, bins=bins)
        return answers.share_counts(rows, bins)

    def activities(self, layer: Layer) -> dict[int, tuple[float, float | None]]:
        """Return each channel's mean activation over the probes and its standard deviation; nothing if not measured."""
        rows = self.database.read(ACTIVITIES, model=self.id, layer=str(layer))
        return {row["channel"]: (row["mean"], row["sd"]) for row in rows}

    # ---- labels

    def annotate(self, *annotations: Annotation, entries: int | None = None) -> None:
        """Append annotations to the history and update the current labels: either all of them or none.

        An annotation whose id exists already is not written again. If `entries` is passed, the history of each unit
        must still have that many entries. Raises UnknownUnit; ModelMissing for an annotation of another model;
        AnnotationSuperseded if an entry to supersede is missing or was changed meanwhile, or if a history has grown.
        """
        if others := {annotation.model for annotation in annotations} - {self.id}:
            raise ModelMissing(f"{self.id} takes no labels of {', '.join(sorted(others))}. Open that model for them.")
        rows = [_annotate_row(annotation) | {"entries": entries} for annotation in annotations]
        if rows and not self.database.write_idempotent(ANNOTATE, model=self.id, rows=rows):
            self.units(self.architecture.unit(annotation.unit) for annotation in annotations)
            raise _superseded(annotations)

    def annotations(self, unit: Unit | None = None) -> list[Annotation]:
        """Return the history of one unit or of all units, oldest first, even of units that the model no longer has."""
        if unit is None:
            rows = self.database.read(ANNOTATIONS, model=self.id)
        else:
            rows = self.database.read(UNIT_ANNOTATIONS, model=self.id, unit=str(unit))
        return [answers.annotation(row) for row in rows]

    def sensitive(self) -> frozenset[str]:
        """Return the texts of current labels that are marked sensitive."""
        return frozenset(row["text"] for row in self.database.read(SENSITIVE, model=self.id))

    def flag(self, flag: Flag) -> None:
        """Append a flag without checking that the unit, image or word exists. Raises ModelMissing."""
        properties = vars(flag) | {"at": flag.at.astimezone(UTC)}
        if not self.database.write_idempotent(FLAG, model=self.id, id=flag.id, properties=properties):
            verification.refuse_missing(self.database, self.id)

    def flags(self) -> list[Flag]:
        """Return every flag, oldest first; the last flag of a kind and name decides. Flags outlive a reload."""
        return [answers.flag(row) for row in self.database.read(FLAGS, model=self.id)]

    def has_image(self, image: str) -> bool:
        """Return whether the database holds an image of this id: a top probe, a held-out probe or a visualisation."""
        return bool(self.database.read(IMAGE, key=f"{self.id}/{image}"))

    # ---- enrichment

    def enrichment_by_weights(
        self, layer: Layer, source: Layer, strongest: int = 20, limit: int = 20
    ) -> list[WeightTerms]:
        """Compare the branches of a sum's units by their inputs from one layer, the most dissimilar units first.

        For each branch, its `strongest` stored inputs from `source` are compared; units without such inputs into one of
        the branches are left out. Raises NotExtracted if weights from `source` into both branches were not extracted,
        or if `layer` is not a sum.
        """
        branches = self._branches(layer)
        swept = [{s.source for s in self.sweeps(branch)} for branch in branches]
        common = set.intersection(*swept) if swept else set()
        if source.as_source not in common:
            sources = ", ".join(map(str, sorted(common)))
            extracted = f"Name a source that was extracted: {sources}"
            way = extracted if sources else "Extract its branches as targets, then load again"
            raise NotExtracted(f"Weights from {source} into both branches of {layer} were not extracted. {way}.")
        rows = self.database.read(
            ENRICHMENT_BY_WEIGHTS,
            model=self.id,
            layer=str(layer),
            branches=list(map(str, branches)),
            source=str(source.as_source),
            strongest=strongest,
            limit=limit,
        )
        return [answers.weight_terms(row) for row in rows]

    def enrichment_by_evidence(
        self,
        layer: Layer,
        limit: int = 20,
        verdict: Verdict | None = None,
        q: float | None = None,
        concept_difference: float | None = None,
        modality_difference: float | None = None,
        examples: int = 8,
    ) -> list[EvidenceTerms]:
        """Find a sum's units with a verdict (None: any, or none) whose branches differ enough in concept or modality.

        `q` is the largest q accepted, the differences are the least accepted. Units are ordered by the smaller of both
        branches' lower bounds of specificity, largest first, then by channel. Raises NotExtracted without probes.
        """
        if not self.card.images:
            raise NotExtracted(f"{self.id} was shown no probes. Show it probes, then load the extraction again.")
        self._branches(layer)
        rows = self.database.read(
            ENRICHMENT_BY_EVIDENCE,
            model=self.id,
            layer=str(layer),
            limit=limit,
            verdict=verdict,
            q=q,
            concept_difference=concept_difference,
            modality_difference=modality_difference,
            examples=examples,
        )
        return [answers.evidence_terms(row) for row in rows]

    def verdicts(self, layer: Layer) -> list[VerdictCount]:
        """Count a sum's units by their verdict, by their ablation result, and by the reason if they have no verdict."""
        self._branches(layer)
        rows = self.database.read(VERDICTS, model=self.id, layer=str(layer))
        return [VerdictCount(**row) for row in rows]

    def _branches(self, layer: Layer) -> list[Layer]:
        architecture = self.architecture
        architecture.check(layer)
        if layer.role != "sum":
            raise NotExtracted(f"{layer} is not a sum, and only a sum has two branches. Try {layer.output}.")
        branches = architecture.branches(layer)
        return [branches["shortcut"], branches["conv"]]

    # ---- saved circuits

    def saved_circuits(self) -> list[SavedCircuit]:
        """Return the model's saved circuits, sorted by name."""
        return saved.saved_circuits(self.database, self.id)

    def save_circuit(
        self, circuit: SavedCircuit, identity: str, content: str, roles: Mapping[str, str], replace: bool = False
    ) -> bool:
        """Save a circuit's content, linked to its units by roles; False if its name is taken and not replaced."""
        return saved.save_circuit(self.database, circuit, identity, content, roles, replace)

    def circuit_content(self, name: str) -> str | None:
        """Return the content of the circuit saved under a name, or None if there is no such circuit."""
        return saved.circuit_content(self.database, self.id, name)

    def remove_circuit(self, name: str, author: str) -> bool:
        """Remove a saved circuit, which becomes an earlier version. Returns False if there is no such circuit."""
        return saved.remove_circuit(self.database, self.id, name, author)

    # ---- the console

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's read-only Cypher; see `Database.query`."""
        return self.database.query(text, parameters, timeout=timeout, limit=limit)


def _annotate_row(annotation: Annotation) -> dict[str, Any]:
    """Return the row of ANNOTATE that writes an annotation."""
    return {
        "key": f"{annotation.model}/{annotation.unit}",
        "id": annotation.id,
        "properties": vars(annotation) | {"at": annotation.at.astimezone(UTC)},
        "supersedes": annotation.supersedes,
        "undoing": annotation.action in ("undo", "redo"),
        "stands": annotation.action != "redo",
    }


def _superseded(annotations: Iterable[Annotation]) -> AnnotationSuperseded:
    entries = ", ".join(f"{a.supersedes} of {a.unit}" for a in annotations if a.supersedes)
    if not entries:
        units = ", ".join(sorted({a.unit for a in annotations}))
        return AnnotationSuperseded(
            f"Somebody annotated {units} meanwhile. Nothing was written. Read the history, then try again."
        )
    return AnnotationSuperseded(
        f"One of these annotations does not exist, or somebody changed it meanwhile: {entries}. Nothing was written. "
        "Read the history, then try again if the change is still right."
    )
