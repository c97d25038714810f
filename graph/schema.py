"""The graph: its kinds, what holds them apart, and the records in which the store answers.

    (:Schema {id, version})                                           one, of the whole database
    (:Model {id})-[:HAS_LAYER]->(:Layer {key})-[:SWEPT]->(:Layer)     SWEPT: what was computed, its cutoffs
    (:Unit {key, id, model, layer, channel, label})                   a channel; the label while there is one
    (:Unit)-[:CONTRIBUTES {magnitude, mean, sum, span, direct, rank_in, rank_out}]->(:Unit)  the expanded weights kept
    (:Unit)-[:ADDS {branch}]->(:Unit)                                 shortcut and conv unit into their sum
    (:Image {key})-[:ACTIVATES {branch, rank, value, z}]->(:Unit)     a branch's top examples, or a unit's
    (:Image {modality: 'visualisation'})-[:DEPICTS {share_published}]->(:Unit)
    (:Word {key})-[:ACTIVATES {value, z, word_rank, unit_rank}]->(:Unit)  the top words of a unit, and units of a word
    (:Unit)-[:HAS_ANNOTATION]->(:Annotation {id, text, branch})-[:SUPERSEDES]->(:Annotation)  the history, kept whole
    (:Annotation)-[:UNDOES]->(:Annotation)                            undone an odd number of times it does not stand
    (:Flag {id, kind, name, sensitive})                               the last of a name says whether it is hidden
    (:Unit:Labelled {label})-[:LABELLED {annotation}]->(:Label {text})      the labels that hold now, derived
    (:Circuit {key})-[:INCLUDES {role}]->(:Unit)                      a circuit that somebody kept, whole in its content
    (:Query {name, id})                                               a Cypher text that somebody kept

A key is the model's id, a slash and an id: `RN50:openai/4/2/6/34`. An edge that is not there is no zero weight: SWEPT
says above which cutoff every edge was kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from extract.folder.schemas import SCHEMAS
from extract.units import Architecture

SCHEMA, VERSION = "clip-circuits", 3

CONSTRAINTS = (
    "CREATE CONSTRAINT model_id IF NOT EXISTS FOR (n:Model) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT layer_key IF NOT EXISTS FOR (n:Layer) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT unit_key IF NOT EXISTS FOR (n:Unit) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT image_key IF NOT EXISTS FOR (n:Image) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT word_key IF NOT EXISTS FOR (n:Word) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT annotation_id IF NOT EXISTS FOR (n:Annotation) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT flag_id IF NOT EXISTS FOR (n:Flag) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT label_text IF NOT EXISTS FOR (n:Label) REQUIRE n.text IS UNIQUE",
    "CREATE CONSTRAINT circuit_key IF NOT EXISTS FOR (n:Circuit) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT query_name IF NOT EXISTS FOR (n:Query) REQUIRE n.name IS UNIQUE",
)
INDEXES = (
    "CREATE INDEX unit_layer IF NOT EXISTS FOR (n:Unit) ON (n.model, n.layer)",
    "CREATE INDEX annotation_model IF NOT EXISTS FOR (n:Annotation) ON (n.model)",
    "CREATE INDEX annotation_unit IF NOT EXISTS FOR (n:Annotation) ON (n.model, n.unit)",
    "CREATE INDEX flag_model IF NOT EXISTS FOR (n:Flag) ON (n.model)",
)
FURTHER_INDEXES = (  # for users' own queries, where the server has these kinds and minds them
    "CREATE INDEX contribution_magnitude IF NOT EXISTS FOR ()-[e:CONTRIBUTES]-() ON (e.magnitude)",
    "CREATE FULLTEXT INDEX label_words IF NOT EXISTS FOR (n:Label) ON EACH [n.text]",
)
MIGRATIONS = {  # from a version to the next
    1: (
        "MATCH (m:Model) REMOVE m.version SET m.words = coalesce(m.words, 0), "
        "m.readings = coalesce(m.readings, 0), m.depictions = coalesce(m.depictions, 0)",
    ),
    2: (),  # kept circuits and queries came, of which there are none yet
}

EVIDENCE = tuple(SCHEMAS["evidence"].names[2:])
SHARES = tuple(SCHEMAS["shares"].names[3:])
TESTS = tuple(SCHEMAS["tests"].names[2:-1])
FLOWS = tuple(SCHEMAS["flows"].names[2:])
EFFECTS = tuple(SCHEMAS["dissociation"].names[3:-4])
SELECTIVITY = ("word_selectivity", "picture_selectivity")
FINDINGS = ("verdict", "undecided", "unproven", "facet_conv", "facet_shortcut")
STATISTICS = ("scale", "activity", *FLOWS, *EVIDENCE, *TESTS, *EFFECTS, *SHARES, *SELECTIVITY)
HISTOGRAM = ("histogram", "histogram_low", "histogram_high", "activity_mean", "activity_sd")

Action = Literal["add", "amend", "reject", "withdraw", "undo", "redo"]
Kind = Literal["unit", "image", "word"]
Branch = Literal["sum", "shortcut", "conv"]
Row = Literal["unit", "sum", "shortcut", "conv"]  # of examples: inside a conv branch a unit's own
Origin = Literal["human", "auto", "import"]
Measure = Literal["magnitude", "mean"]
Share = Literal["share_exact", "share_corrected", "share_published"]
Verdict = Literal["supported", "contradicted", "inconclusive"]


@dataclass(frozen=True)
class ModelCard:
    """A model in the database, with counts of its units, kept edges, labelled units, images and words.

    `content` tells one load of the model from another; `measured` says on what its numbers were, kind by kind.
    """

    id: str
    blocks: tuple[int, ...]
    width: int
    image_size: int
    weights_sha256: str
    content: str
    units: int
    edges: int
    labelled: int
    images: int
    words: int
    measured: tuple[str, ...]

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return Architecture(self.blocks, self.width, self.image_size)


@dataclass(frozen=True)
class Histogram:
    """How a unit's activation is spread over the probes: counts in equal bins from low to high, mean and deviation.

    The deviation `sd` is None where the unit does the same on all probes.
    """

    counts: tuple[int, ...]
    low: float
    high: float
    mean: float
    sd: float | None

    @property
    def n(self) -> int:
        """How many probes that is."""
        return sum(self.counts)


@dataclass(frozen=True)
class UnitCard:
    """A unit, its current labels, and what was measured, tested and found of it: numbers, and texts; None where not."""

    key: str
    id: str
    model: str
    layer: str
    channel: int
    labels: tuple[str, ...]
    statistics: dict[str, float | None]
    findings: dict[str, str | None]
    histogram: Histogram | None


@dataclass(frozen=True)
class Contribution:
    """An expanded weight between two units, given by their ids; a rank is None where there is none."""

    source: str
    target: str
    magnitude: float
    mean: float
    sum: float
    span: int
    direct: bool
    rank_in: int | None
    rank_out: int | None
    source_labels: tuple[str, ...] = ()
    target_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lead:
    """A direct edge out of or into a unit that a trace asked for: its weight, out of the total of all that are kept."""

    edge: Contribution
    weight: float
    total: float


@dataclass(frozen=True)
class Sweep:
    """What was computed between two layers: n pairs; every edge above a cutoff is kept."""

    source: str
    target: str
    n: int
    kept: int
    cutoff_magnitude: float
    cutoff_mean: float
    span: int
    direct: bool
    cut: bool


@dataclass(frozen=True)
class LayerCard:
    """How many units a layer has, and how many of them have a label, a measured number or each of the verdicts.

    `activity` and `histograms` come from all probes, `evidence` from top examples, `modality` from words and controls.
    """

    layer: str
    units: int
    labelled: int
    activity: int
    histograms: int
    evidence: int
    modality: int
    tested: int
    supported: int
    contradicted: int
    inconclusive: int


@dataclass(frozen=True)
class Example:
    """A probe among those that a branch of a unit answers to most; the thumbnail is WebP or PNG as base64 text."""

    image: str
    modality: str
    concept: str
    source: str
    sensitive: bool
    branch: Row
    rank: int
    value: float
    z: float
    thumbnail: str


@dataclass(frozen=True)
class Depiction:
    """A feature visualisation of a unit as base64 text, and of a sum's unit its published share on it."""

    thumbnail: str
    share_published: float | None


@dataclass(frozen=True)
class Reading:
    """What a word, shown as an image, does to a unit: mean activation, and z over letter strings of its length.

    `rank` is the word's among the unit's by value, or the unit's among its layer's by z: as was asked.
    """

    word: str
    unit: str
    value: float
    z: float | None
    rank: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Annotation:
    """One entry of the history: a label, or what became of one; by whom, when, and what it speaks of.

    `supersedes` names the entry that an amendment, a rejection, a withdrawal, an undo or a redo is about. `evidence` is
    a short text or a link: why it is so, or why it is not.
    """

    id: str
    model: str
    unit: str
    text: str
    author: str
    at: datetime
    action: Action = "add"
    branch: Branch = "sum"
    facet: str | None = None
    modality: str | None = None
    source: Origin = "human"
    confidence: float | None = None
    sensitive: bool = False
    supersedes: str | None = None
    evidence: str | None = None


@dataclass(frozen=True)
class Flag:
    """Somebody's word that a unit, an image or a word is sensitive, or that it is not."""

    id: str
    model: str
    kind: Kind
    name: str
    sensitive: bool
    author: str
    at: datetime


@dataclass(frozen=True)
class KeptCircuit:
    """A circuit that somebody kept under a name, and how many units it has."""

    name: str
    model: str
    kind: str
    author: str
    at: datetime
    units: int


@dataclass(frozen=True)
class Shown:
    """What a top example shows."""

    modality: str
    concept: str
    image: str
    sensitive: bool


@dataclass(frozen=True)
class WeightTerms:
    """A sum unit's branches compared by their strongest kept inputs from one common source layer.

    `shared` counts the inputs that both have; `cosine` compares the means of both over the union of the inputs, an edge
    that was not kept counting as nought; `dissimilarity` is 1 - cosine; a strength is the sum of a branch's magnitudes.
    """

    unit: str
    shortcut: str
    conv: str
    source_layer: str
    shared: int
    cosine: float
    dissimilarity: float
    shortcut_inputs: int
    conv_inputs: int
    shortcut_strength: float
    conv_strength: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class EvidenceTerms:
    """A sum unit's evidence, tests and effects, see `extract.folder.schemas`, and what its branches answer to most."""

    unit: str
    shortcut: str
    conv: str
    share_published: float | None
    share_exact: float | None
    share_corrected: float | None
    overlap: float | None
    concept_difference: float | None
    modality_difference: float | None
    words_shortcut: float | None
    words_conv: float | None
    reach_shortcut: float | None
    reach_conv: float | None
    p_facets: float | None
    p_reach_shortcut: float | None
    p_reach_conv: float | None
    q: float | None
    effect_conv: float | None
    effect_conv_low: float | None
    effect_conv_high: float | None
    effect_shortcut: float | None
    effect_shortcut_low: float | None
    effect_shortcut_high: float | None
    control: float | None
    verdict: Verdict | None
    shortcut_examples: tuple[Shown, ...]
    conv_examples: tuple[Shown, ...]
    labels: tuple[str, ...]
