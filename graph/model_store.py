"""What the catalog asks of one model in the graph, as verbs that answer in records."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from extract.units import Architecture, Layer, Unit
from graph import rows as answers
from graph import saved
from graph.connection.database import Database
from graph.cypher.contributions import INDUCED_EDGES, INPUTS, OUTPUTS
from graph.cypher.enrichment import ENRICHMENT_BY_EVIDENCE, ENRICHMENT_BY_WEIGHTS, VERDICTS
from graph.cypher.flags import FLAG, FLAGS, IMAGE
from graph.cypher.labels import ANNOTATE, ANNOTATIONS, SENSITIVE, UNIT_ANNOTATIONS
from graph.cypher.layers import ACTIVITIES, LAYERS, SHARES
from graph.cypher.models import SWEEPS
from graph.cypher.probes import DEPICTION, READERS, TOP_PROBES, WORDS
from graph.cypher.trace import DOWNSTREAM, UPSTREAM
from graph.cypher.units import LABELLED, UNITS
from graph.errors import AnnotationSuperseded, DatabaseDamaged, ModelMissing, NotExtracted
from graph.records import (
    NO_FILTERS,
    Annotation,
    Contribution,
    Depiction,
    EvidenceTerms,
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
        """The unit's key in the database."""
        return f"{self.id}/{unit}"

    def _keys(self, units: Iterable[Unit]) -> list[str]:
        """The keys of several units, each once."""
        return list(map(self._key, dict.fromkeys(units)))

    # ---- units

    def unit(self, unit: Unit) -> UnitCard:
        """A unit; else UnknownUnit."""
        return self.units([unit])[0]

    def units(self, units: Iterable[Unit]) -> list[UnitCard]:
        """Units in the order asked for; UnknownUnit if the model lacks one."""
        units = list(dict.fromkeys(units))
        rows = self.database.read(UNITS, keys=self._keys(units))
        cards = {card.id: card for card in map(answers.unit, rows)}
        for unit in units:
            if unit not in cards:
                self.architecture.unit(str(unit))  # says what is unknown
                raise DatabaseDamaged(f"{self.id} has a unit {unit}, but the database lost it. Load the model again.")
        return [cards[unit] for unit in units]

    def labelled(self, text: str = "", limit: int | None = None) -> list[UnitCard]:
        """The units with a current label that contains this text, in any case; by layer and channel, the first ones."""
        rows = self.database.read(LABELLED, model=self.id, containing=text)
        return self.units(sorted(map(answers.unit_id, rows))[:limit])

    def adds(self, unit: Unit) -> dict[str, Unit]:
        """The units added up in a sum's unit, as `shortcut` and `conv`; empty for what is no sum."""
        return self.architecture.addends(unit)

    def top_probes(self, unit: Unit, limit: int = 8) -> list[TopProbe]:
        """The probes that each branch of a sum's unit answers to most, `limit` each; empty where not measured."""
        return self.top_probes_of([unit], limit).get(unit, [])

    def top_probes_of(self, units: Iterable[Unit], limit: int = 8) -> dict[Unit, list[TopProbe]]:
        """The same of several units; a unit without any is left out."""
        return answers.top_probes(self.database.read(TOP_PROBES, keys=self._keys(units), limit=limit))

    def depiction(self, unit: Unit) -> Depiction | None:
        """A unit's feature visualisation, if there is one."""
        rows = self.database.read(DEPICTION, key=self._key(unit))
        return Depiction(**rows[0]) if rows else None

    def words(self, unit: Unit, limit: int = 10) -> list[WordResponse]:
        """The words that drive a unit most; empty where none were shown or the unit tells none apart."""
        rows = self.database.read(WORDS, key=self._key(unit), limit=limit)
        return [answers.word_response(row) for row in rows]

    def readers(self, word: str, layer: Layer | None = None, limit: int = 10) -> list[WordResponse]:
        """The units that a word drives most above letter strings of its length, `limit` a layer; else NotExtracted."""
        name = None if layer is None else str(layer)
        rows = self.database.read(READERS, key=f"{self.id}/{word}", layer=name, limit=limit)
        if not rows:
            raise NotExtracted(
                f"No unit is known to read {word!r}: {self.card.words:,} words were shown to {self.id}. "
                "`circuits difference` shows it any other."
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
        """The strongest edges into a unit, `limit` excitatory and `limit` inhibitory; UnknownUnit.

        By magnitude, or by the mean without its sign: of either kind the strongest of each layer pair are kept.
        """
        layer = None if source is None else str(_as_source(source))
        return self._strongest(INPUTS, unit, layer=layer, direct=direct, by=by, limit=limit)

    def outputs(
        self,
        unit: Unit,
        limit: int = 10,
        target: Layer | None = None,
        direct: bool = False,
        by: Measure = "magnitude",
    ) -> list[Contribution]:
        """The strongest edges out of a unit, as `inputs`; out of a branch they are those of its block's output."""
        layer = None if target is None else str(target)
        unit = Unit(_as_source(unit.layer), unit.channel)
        return self._strongest(OUTPUTS, unit, layer=layer, direct=direct, by=by, limit=limit)

    def _strongest(self, text: str, unit: Unit, **parameters: object) -> list[Contribution]:
        key = self._key(unit)
        rows = self.database.read(text, key=key, **parameters)
        if not rows:
            self.unit(unit)
        return list(map(answers.contribution, rows))

    def contributions_among(self, units: Iterable[Unit]) -> list[Contribution]:
        """Every kept edge between two of these units, the strongest first."""
        return list(map(answers.contribution, self.database.read(INDUCED_EDGES, keys=self._keys(units))))

    def upstream(self, units: Iterable[Unit], limit: int, least: float = 0.0, scaled: bool = False) -> list[TraceEdge]:
        """The strongest direct edges into each unit, `limit` of any sign; `scaled` by the source's activity."""
        asked = {"keys": self._keys(units), "limit": limit, "least": least, "scaled": scaled}
        rows = self.database.read(UPSTREAM, **asked)
        return list(map(answers.trace_edge, rows))

    def downstream(self, units: Iterable[Unit], limit: int, least: float = 0.0) -> list[TraceEdge]:
        """The strongest direct edges out of each unit; out of a conv or shortcut unit there are none but ADDS."""
        rows = self.database.read(DOWNSTREAM, keys=self._keys(units), limit=limit, least=least)
        return list(map(answers.trace_edge, rows))

    def sweeps(self, target: Layer | None = None, source: Layer | None = None) -> list[Sweep]:
        """The pairs of layers whose expanded weights were computed, those into a target or from a source, last first.

        Out of a branch they are those of its block's output.
        """
        ends = {"target": None if target is None else str(target)}
        ends |= {"source": None if source is None else str(_as_source(source))}
        return [answers.sweep(row) for row in self.database.read(SWEEPS, model=self.id, **ends)]

    # ---- searching, and whole layers

    def search(
        self, text: str = "", filters: Filters = NO_FILTERS, limit: int = LIMIT, nearest: int = NEAREST
    ) -> list[SearchHit]:
        """Units that pass the filters and answer to a text, or are labelled so; see `graph.search`."""
        return search(self.database, self.id, self.architecture.layers, text, filters, limit, nearest)

    def layers(self, layer: Layer | None = None) -> list[LayerCard]:
        """How much is known about the units of every layer, or of one; in forward order."""
        name = None if layer is None else str(layer)
        rows = self.database.read(LAYERS, model=self.id, layer=name)
        return sorted(map(answers.layer, rows), key=lambda card: card.layer)

    def share_counts(
        self, share: Share = "share_exact", bins: int = 20, layer: Layer | None = None
    ) -> dict[Layer, tuple[int, ...]]:
        """How many units of every measured layer have a share below 0, in each bin from 0 to 1, and above 1."""
        asked = {"layer": None if layer is None else str(layer), "share": share, "bins": bins}
        rows = self.database.read(SHARES, model=self.id, **asked)
        return answers.share_counts(rows, bins)

    def activities(self, layer: Layer) -> dict[int, tuple[float, float | None]]:
        """By channel the mean and standard deviation over the probes of a layer's units; empty where not measured."""
        rows = self.database.read(ACTIVITIES, model=self.id, layer=str(layer))
        return {row["channel"]: (row["mean"], row["sd"]) for row in rows}

    # ---- labels

    def annotate(self, *annotations: Annotation) -> None:
        """Append to the history and bring the labels that hold up to date: all of it, or nothing.

        The same id twice counts once. Raises UnknownUnit; ModelMissing for an annotation of another model; or
        AnnotationSuperseded where what one of them is about is not there, or was changed since somebody looked.
        """
        if others := {annotation.model for annotation in annotations} - {self.id}:
            raise ModelMissing(f"{self.id} takes no labels of {', '.join(sorted(others))}. Open that model for them.")
        rows = [_annotating(annotation) for annotation in annotations]
        if rows and not self.database.write(ANNOTATE, model=self.id, rows=rows):
            self.units(self.architecture.unit(annotation.unit) for annotation in annotations)
            raise _superseded(annotations)

    def annotations(self, unit: Unit | None = None) -> list[Annotation]:
        """The history of a model or of one unit, oldest first; also of units that the model no longer has."""
        if unit is None:
            rows = self.database.read(ANNOTATIONS, model=self.id)
        else:
            rows = self.database.read(UNIT_ANNOTATIONS, model=self.id, unit=str(unit))
        return [answers.annotation(row) for row in rows]

    def sensitive(self) -> frozenset[str]:
        """The current labels that somebody marked sensitive."""
        return frozenset(row["text"] for row in self.database.read(SENSITIVE, model=self.id))

    def flag(self, flag: Flag) -> None:
        """Append a flag; ModelMissing. Whether there is what it names is not looked at."""
        properties = vars(flag) | {"at": flag.at.astimezone(UTC)}
        if not self.database.write(FLAG, model=self.id, id=flag.id, properties=properties):
            raise ModelMissing(f"The database holds no model {self.id!r} any more. Load it again.")

    def flags(self) -> list[Flag]:
        """Every flag, oldest first: of those of one kind and name the last holds. They outlive a reload."""
        return [answers.flag(row) for row in self.database.read(FLAGS, model=self.id)]

    def has_image(self, image: str) -> bool:
        """Whether an image of this id is an example or a depiction of some unit."""
        return bool(self.database.read(IMAGE, key=f"{self.id}/{image}"))

    # ---- enrichment

    def enrichment_by_weights(
        self, layer: Layer, source: Layer, strongest: int = 20, limit: int = 20
    ) -> list[WeightTerms]:
        """Sum units whose branches take the least alike inputs from one layer, the most dissimilar first.

        A branch is known by its `strongest` kept inputs from `source`; a unit without any in one branch is left out.
        Raises NotExtracted where the layer's branches have no such inputs in common.
        """
        branches = self._branches(layer)
        swept = [{s.source for s in self.sweeps(branch)} for branch in branches]
        common = set.intersection(*swept) if swept else set()
        if _as_source(source) not in common:
            known = ", ".join(map(str, sorted(common)))
            raise NotExtracted(
                f"Weights from {source} into both branches of {layer} were not extracted. "
                + (f"Those from here were: {known}." if known else "Extract its branches as targets, then load again.")
            )
        rows = self.database.read(
            ENRICHMENT_BY_WEIGHTS,
            model=self.id,
            layer=str(layer),
            branches=list(map(str, branches)),
            source=str(_as_source(source)),
            strongest=strongest,
            limit=limit,
        )
        return [answers.weight_terms(row) for row in rows]

    def enrichment_by_evidence(
        self,
        layer: Layer,
        limit: int = 20,
        concept_difference: float | None = None,
        modality_difference: float | None = None,
        reach: float = 0.5,
        q: float | None = None,
        examples: int = 8,
    ) -> list[EvidenceTerms]:
        """Sum units whose branches differ by either of the least differences, and which both facets reach.

        Differences and reach are those of the evidence table (a percentile from 0 to 1), `q` the most that the tests
        may leave; None also takes units that were not tested. Ordered by difference in modality, then in concept, then
        by the weaker reach. Raises NotExtracted where no probes were measured.
        """
        if not self.card.images:
            raise NotExtracted(f"No probes were measured for {self.id}. Measure them, then load the extraction again.")
        self._branches(layer)
        rows = self.database.read(
            ENRICHMENT_BY_EVIDENCE,
            model=self.id,
            layer=str(layer),
            limit=limit,
            concept_difference=concept_difference,
            modality_difference=modality_difference,
            reach=reach,
            q=q,
            examples=examples,
        )
        return [answers.evidence_terms(row) for row in rows]

    def verdicts(self, layer: Layer, q: float) -> dict[tuple[bool | None, Verdict | None], int]:
        """How many units of a sum are candidates at this q (None: were not tested), by verdict (None: none)."""
        self._branches(layer)
        rows = self.database.read(VERDICTS, model=self.id, layer=str(layer), q=q)
        return {(row["candidate"], row["verdict"]): row["units"] for row in rows}

    def _branches(self, layer: Layer) -> list[Layer]:
        architecture = self.architecture
        architecture.check(layer)
        if layer.role != "sum":
            raise NotExtracted(f"{layer} is no sum, and only a sum has two branches. Try {layer.output}.")
        branches = architecture.branches(layer)
        return [branches["shortcut"], branches["conv"]]

    # ---- saved circuits

    def saved_circuits(self) -> list[SavedCircuit]:
        """The model's saved circuits, by name."""
        return saved.saved_circuits(self.database, self.id)

    def save_circuit(
        self, circuit: SavedCircuit, identity: str, content: str, roles: Mapping[str, str], replace: bool = False
    ) -> bool:
        """Save a circuit's content, tied to its units by their roles; whether its name was free, or is replaced."""
        return saved.save_circuit(self.database, circuit, identity, content, roles, replace)

    def circuit_content(self, name: str) -> str | None:
        """The content saved under a name; None where nothing was."""
        return saved.circuit_content(self.database, self.id, name)

    def remove_circuit(self, name: str) -> bool:
        """Remove a saved circuit; whether there was one."""
        return saved.remove_circuit(self.database, self.id, name)

    # ---- the console

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """A user's own Cypher, read-only; see `Database.query`."""
        return self.database.query(text, parameters, timeout=timeout, limit=limit)


def _as_source(layer: Layer) -> Layer:
    """Both branches pass on to their block's output unchanged, so as a source they have its expanded weights."""
    return layer.output if layer.role in ("conv", "downsample") else layer


def _annotating(annotation: Annotation) -> dict[str, Any]:
    """A row of ANNOTATE."""
    return {
        "key": f"{annotation.model}/{annotation.unit}",
        "id": annotation.id,
        "properties": vars(annotation) | {"at": annotation.at.astimezone(UTC)},
        "supersedes": annotation.supersedes,
        "undoing": annotation.action in ("undo", "redo"),
        "stands": annotation.action != "redo",
    }


def _superseded(annotations: Iterable[Annotation]) -> AnnotationSuperseded:
    about = ", ".join(f"{a.supersedes} of {a.unit}" for a in annotations if a.supersedes)
    return AnnotationSuperseded(
        f"One of these annotations is not there to supersede, or somebody changed it meanwhile: {about}. Nothing was "
        "written; look at the history, and say it again if it still holds."
    )
