"""What the catalog asks of the graph, as verbs that answer in records."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Any

from extract.units import Layer, Unit
from graph import rows as answers
from graph.connection.database import Database
from graph.connection.read_only import Rows
from graph.cypher import labels as label_queries
from graph.cypher import layers as layer_queries
from graph.cypher import trace as trace_queries
from graph.cypher import units as queries
from graph.errors import AnnotationSuperseded, DatabaseDamaged, ModelMissing, NotExtracted, SchemaUnfit
from graph.schema import (
    VERSION,
    Annotation,
    Contribution,
    Depiction,
    EvidenceTerms,
    Example,
    Flag,
    LayerCard,
    Lead,
    Measure,
    ModelCard,
    Reading,
    Share,
    Sweep,
    UnitCard,
    Verdict,
    WeightTerms,
)
from graph.search import ANY, LIMIT, Found, Wanted, search
from graph.verification import Counting


class CircuitStore:
    """The circuits in a database.

    A model is counted when it is first asked for, and one that lost data is refused. An embedded server would serve
    files that were cut short, so there all is counted and summed along the edges, once for every start of the server:
    before the model is used, or with `behind` meanwhile, so that it is refused as soon as the damage is found.
    """

    def __init__(self, database: Database, behind: bool = False) -> None:
        self.database = database
        self._counting = Counting(database, behind)

    # ---- models

    def models(self) -> list[ModelCard]:
        """Every model that is wholly loaded, in the order of their names; SchemaUnfit."""
        return [answers.model(row) for row in self._models() if row["complete"]]

    def model(self, name: str | None) -> ModelCard:
        """A model by its name, or the only one there; else ModelMissing. DatabaseDamaged for lost data; SchemaUnfit."""
        rows = {row["id"]: row for row in self._models()}
        if not rows:
            raise ModelMissing("The database holds no model yet. `circuits demo` or `circuits load` puts one in.")
        if name is None and len(rows) > 1:
            raise ModelMissing(f"The database holds several models: {', '.join(rows)}. Name one of them with --model.")
        row = rows.get(name) if name else next(iter(rows.values()))
        if row is None:
            raise ModelMissing(
                f"The database holds no model {name!r}, but {', '.join(rows)}. Name one of them, or load it."
            )
        if not row["complete"]:
            raise DatabaseDamaged(
                f"{row['id']} was not loaded to the end. Load it again: it goes on where it stopped; labels are kept."
            )
        self._counting.once(row["id"], row["verified"])
        return answers.model(row)

    def _models(self) -> list[dict[str, Any]]:
        rows = self.database.read(queries.MODELS)
        for row in rows:
            if row["version"] != VERSION:
                way = "`circuits migrate` brings it up" if row["version"] < VERSION else "Update clip-circuits"
                raise SchemaUnfit(
                    f"The database has schema {row['version']}, and ours is {VERSION}. {way}; all in it is kept."
                )
        return rows

    def counting(self, model: str) -> bool:
        """Whether a model is in use that is still being counted behind it."""
        return self._counting.under_way(model)

    def verify(self, model: str) -> None:
        """Count and sum all of a model, both ways along its edges; DatabaseDamaged where it is not what was loaded."""
        if not self._counting.whole(model):
            self.model(model)  # says that it is not there

    # ---- units

    def unit(self, model: str, unit: Unit) -> UnitCard:
        """A unit; else UnknownUnit."""
        return self.units(model, [unit])[0]

    def units(self, model: str, units: Iterable[Unit]) -> list[UnitCard]:
        """Units in the order asked for; UnknownUnit if the model lacks one."""
        asked = {f"{model}/{unit}": unit for unit in units}
        found = {row["key"]: answers.unit(row) for row in self.database.read(queries.UNITS, keys=list(asked))}
        for key, unit in asked.items():
            if key not in found:
                self.model(model).architecture.unit(str(unit))  # says what is unknown
                raise DatabaseDamaged(f"{model} has a unit {unit}, but the database lost it. Load the model again.")
        return [found[key] for key in asked]

    def labelled(self, model: str, text: str = "", limit: int | None = None) -> list[UnitCard]:
        """The units with a current label that contains this text, in any case; by layer and channel, the first ones."""
        rows = self.database.read(queries.LABELLED, model=model, containing=text)
        return self.units(model, sorted(Unit.parse(row["id"]) for row in rows)[:limit])

    def adds(self, model: str, unit: Unit) -> dict[str, Unit]:
        """The units added up in a sum's unit, as `shortcut` and `conv`; empty for what is no sum."""
        rows = self.database.read(queries.ADDS, key=f"{model}/{unit}")
        return {row["branch"]: Unit.parse(row["id"]) for row in rows}

    def examples(self, model: str, unit: Unit, limit: int = 8) -> list[Example]:
        """The probes that each branch of a sum's unit answers to most, `limit` each; empty where not measured."""
        return self.examples_of(model, [unit], limit).get(unit, [])

    def examples_of(self, model: str, units: Iterable[Unit], limit: int = 8) -> dict[Unit, list[Example]]:
        """The same of several units; a unit without any is left out."""
        keys = [f"{model}/{unit}" for unit in dict.fromkeys(units)]
        rows = self.database.read(queries.EXAMPLES, keys=keys, limit=limit)
        groups = groupby(rows, key=lambda row: row.pop("unit"))
        return {Unit.parse(unit): [Example(**row) for row in group] for unit, group in groups}

    def depiction(self, model: str, unit: Unit) -> Depiction | None:
        """A unit's feature visualisation, if there is one."""
        rows = self.database.read(queries.DEPICTION, key=f"{model}/{unit}")
        return Depiction(**rows[0]) if rows else None

    def words(self, model: str, unit: Unit, limit: int = 10) -> list[Reading]:
        """The words that drive a unit most; empty where none were shown or the unit tells none apart."""
        rows = self.database.read(queries.WORDS, key=f"{model}/{unit}", limit=limit)
        return [answers.reading(row) for row in rows]

    def readers(self, model: str, word: str, layer: Layer | None = None, limit: int = 10) -> list[Reading]:
        """The units that a word drives most above letter strings of its length, `limit` a layer; else NotExtracted."""
        name = None if layer is None else str(layer)
        rows = self.database.read(queries.READERS, key=f"{model}/{word}", layer=name, limit=limit)
        if not rows:
            shown = self.model(model).words
            raise NotExtracted(
                f"No unit is known to read {word!r}: {shown:,} words were shown to {model}. "
                "`circuits difference` shows it any other."
            )
        return [answers.reading(row) for row in rows]

    # ---- contributions

    def inputs(
        self,
        model: str,
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
        return self._strongest(queries.INPUTS, model, unit, layer=layer, direct=direct, by=by, limit=limit)

    def outputs(
        self,
        model: str,
        unit: Unit,
        limit: int = 10,
        target: Layer | None = None,
        direct: bool = False,
        by: Measure = "magnitude",
    ) -> list[Contribution]:
        """The strongest edges out of a unit, as `inputs`; out of a branch they are those of its block's output."""
        layer = None if target is None else str(target)
        unit = Unit(_as_source(unit.layer), unit.channel)
        return self._strongest(queries.OUTPUTS, model, unit, layer=layer, direct=direct, by=by, limit=limit)

    def _strongest(self, text: str, model: str, unit: Unit, **parameters: object) -> list[Contribution]:
        key = f"{model}/{unit}"
        rows = self.database.read(text, key=key, **parameters)
        if not rows:
            self.unit(model, unit)
        return list(map(answers.contribution, rows))

    def contributions_among(self, model: str, units: Iterable[Unit]) -> list[Contribution]:
        """Every kept edge between two of these units, the strongest first."""
        keys = [f"{model}/{unit}" for unit in dict.fromkeys(units)]
        return [answers.contribution(row) for row in self.database.read(queries.AMONG, keys=keys)]

    def upstream(
        self, model: str, units: Iterable[Unit], limit: int, least: float = 0.0, scaled: bool = False
    ) -> list[Lead]:
        """The strongest direct edges into each unit, `limit` of any sign; `scaled` by the source's activity."""
        keys = [f"{model}/{unit}" for unit in units]
        rows = self.database.read(trace_queries.UPSTREAM, keys=keys, limit=limit, least=least, scaled=scaled)
        return list(map(answers.lead, rows))

    def downstream(self, model: str, units: Iterable[Unit], limit: int, least: float = 0.0) -> list[Lead]:
        """The strongest direct edges out of each unit; out of a conv or shortcut unit there are none but ADDS."""
        keys = [f"{model}/{unit}" for unit in units]
        rows = self.database.read(trace_queries.DOWNSTREAM, keys=keys, limit=limit, least=least)
        return list(map(answers.lead, rows))

    def sweeps(self, model: str, target: Layer | None = None, source: Layer | None = None) -> list[Sweep]:
        """The pairs of layers whose expanded weights were computed, those into a target or from a source, last first.

        Out of a branch they are those of its block's output.
        """
        ends = {"target": None if target is None else str(target)}
        ends |= {"source": None if source is None else str(_as_source(source))}
        return [answers.sweep(row) for row in self.database.read(queries.SWEEPS, model=model, **ends)]

    # ---- searching, and whole layers

    def search(self, model: str, text: str = "", wanted: Wanted = ANY, limit: int = LIMIT) -> list[Found]:
        """Units that answer to a text, or are labelled so, among those that are wanted; see `graph.search`."""
        return search(self.database, model, self.model(model).architecture.layers, text, wanted, limit)

    def layers(self, model: str, layer: Layer | None = None) -> list[LayerCard]:
        """How much is known about the units of every layer, or of one; in forward order."""
        name = None if layer is None else str(layer)
        cards = [LayerCard(**row) for row in self.database.read(layer_queries.LAYERS, model=model, layer=name)]
        return sorted(cards, key=lambda card: Layer.parse(card.layer))

    def share_counts(
        self, model: str, share: Share = "share_exact", bins: int = 20, layer: Layer | None = None
    ) -> dict[str, tuple[int, ...]]:
        """How many units of every measured layer have a share below 0, in each bin from 0 to 1, and above 1."""
        asked = {"layer": None if layer is None else str(layer), "share": share, "bins": bins}
        found: dict[str, tuple[int, ...]] = {}
        for name, rows in groupby(self.database.read(layer_queries.SHARES, model=model, **asked), itemgetter("layer")):
            units = {row["bin"]: row["units"] for row in rows}
            found[name] = tuple(units.get(place, 0) for place in range(-1, bins + 1))
        return dict(sorted(found.items(), key=lambda item: Layer.parse(item[0])))

    def activities(self, model: str, layer: Layer) -> dict[int, tuple[float, float | None]]:
        """By channel the mean and standard deviation over the probes of a layer's units; empty where not measured."""
        rows = self.database.read(layer_queries.ACTIVITIES, model=model, layer=str(layer))
        return {row["channel"]: (row["mean"], row["sd"]) for row in rows}

    # ---- labels

    def annotate(self, *annotations: Annotation) -> None:
        """Append to one model's history and bring the labels that hold up to date: all of it, or nothing.

        The same id twice counts once. Raises UnknownUnit, or AnnotationSuperseded where what one of them is about is
        not there, or was changed since somebody looked.
        """
        for model in {annotation.model for annotation in annotations}:
            rows = [_annotating(annotation) for annotation in annotations if annotation.model == model]
            if not self.database.write(label_queries.ANNOTATE, model=model, rows=rows):
                self.units(model, [Unit.parse(annotation.unit) for annotation in annotations])
                raise _superseded(annotations)

    def annotations(self, model: str, unit: Unit | None = None) -> list[Annotation]:
        """The history of a model or of one unit, oldest first; also of units that the model no longer has."""
        if unit is None:
            rows = self.database.read(label_queries.ANNOTATIONS, model=model)
        else:
            rows = self.database.read(label_queries.UNIT_ANNOTATIONS, model=model, unit=str(unit))
        return [answers.annotation(row) for row in rows]

    def sensitive(self, model: str) -> frozenset[str]:
        """The current labels that somebody marked sensitive."""
        return frozenset(row["text"] for row in self.database.read(label_queries.SENSITIVE, model=model))

    def flag(self, flag: Flag) -> None:
        """Append a flag; ModelMissing. Whether there is what it names is not looked at."""
        properties = asdict(flag) | {"at": flag.at.astimezone(UTC)}
        if not self.database.write(label_queries.FLAG, model=flag.model, id=flag.id, properties=properties):
            self.model(flag.model)

    def flags(self, model: str) -> list[Flag]:
        """Every flag, oldest first: of those of one kind and name the last holds. They outlive a reload."""
        return [answers.flag(row) for row in self.database.read(label_queries.FLAGS, model=model)]

    def has_image(self, model: str, image: str) -> bool:
        """Whether an image of this id is an example or a depiction of some unit."""
        return bool(self.database.read(label_queries.IMAGE, key=f"{model}/{image}"))

    # ---- enrichment

    def enrichment_by_weights(
        self, model: str, layer: Layer, source: Layer, strongest: int = 20, limit: int = 20
    ) -> list[WeightTerms]:
        """Sum units whose branches take the least alike inputs from one layer, the most dissimilar first.

        A branch is known by its `strongest` kept inputs from `source`; a unit without any in one branch is left out.
        Raises NotExtracted where the layer's branches have no such inputs in common.
        """
        branches = self._branches(model, layer)
        swept = [{s.source for s in self.sweeps(model, branch)} for branch in branches]
        common = set.intersection(*swept) if swept else set()
        if str(_as_source(source)) not in common:
            known = ", ".join(sorted(common, key=Layer.parse))
            raise NotExtracted(
                f"Weights from {source} into both branches of {layer} were not extracted. "
                + (f"Those from here were: {known}." if known else "Extract its branches as targets, then load again.")
            )
        rows = self.database.read(
            queries.ENRICHMENT_BY_WEIGHTS,
            model=model,
            layer=str(layer),
            branches=list(map(str, branches)),
            source=str(_as_source(source)),
            strongest=strongest,
            limit=limit,
        )
        return [answers.weight_terms(row) for row in rows]

    def enrichment_by_evidence(
        self,
        model: str,
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
        if not self.model(model).images:
            raise NotExtracted(f"No probes were measured for {model}. Measure them, then load the extraction again.")
        self._branches(model, layer)
        rows = self.database.read(
            queries.ENRICHMENT_BY_EVIDENCE,
            model=model,
            layer=str(layer),
            limit=limit,
            concept_difference=concept_difference,
            modality_difference=modality_difference,
            reach=reach,
            q=q,
            examples=examples,
        )
        return [answers.evidence_terms(row) for row in rows]

    def verdicts(self, model: str, layer: Layer, q: float) -> dict[tuple[bool | None, Verdict | None], int]:
        """How many units of a sum are candidates at this q (None: were not tested), by verdict (None: none)."""
        self._branches(model, layer)
        rows = self.database.read(queries.VERDICTS, model=model, layer=str(layer), q=q)
        return {(row["candidate"], row["verdict"]): row["units"] for row in rows}

    def _branches(self, model: str, layer: Layer) -> list[Layer]:
        architecture = self.model(model).architecture
        architecture.check(layer)
        if layer.role != "sum":
            raise NotExtracted(f"{layer} is no sum, and only a sum has two branches. Try {layer.output}.")
        branches = architecture.branches(layer)
        return [branches["shortcut"], branches["conv"]]

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
        "properties": asdict(annotation) | {"at": annotation.at.astimezone(UTC)},
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
