"""The records in which the store answers, and the words that some of their fields take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from extract.folder.statistics import SEARCHABLE, STATISTICS
from extract.units import Architecture, Layer, Unit
from graph.errors import UnknownStatistic

Action = Literal["add", "amend", "reject", "withdraw", "undo", "redo"]
FlagKind = Literal["unit", "image", "word"]
Branch = Literal["sum", "shortcut", "conv"]
ProbeBranch = Literal["unit", "sum", "shortcut", "conv"]  # of examples: inside a conv branch a unit's own
Origin = Literal["human", "auto", "import"]
Measure = Literal["magnitude", "mean"]
Share = Literal["share_exact", "share_corrected", "share_published"]
Verdict = Literal["enriched", "not enriched", "facets alike", "open"]
Ablation = Literal["supported", "contradicted", "inconclusive"]
Modality = Literal["word", "picture"]
Variant = Literal["raw", "scaled", "folded"]  # of contributions between layers
MatchKind = Literal["label", "picture", "word", "vocabulary"]


@dataclass(frozen=True)
class ModelCard:
    """A model in the database, with counts of its units, stored edges, labelled units, images and words.

    `content` differs between loads of other content, `measured` says what each kind of numbers was measured on, and
    `folder` where the extraction lay when it was loaded, None by an earlier version.
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
    folder: str | None = None

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return Architecture(self.blocks, self.width, self.image_size)


@dataclass(frozen=True)
class Histogram:
    """A unit's activation over the probes: counts in equal bins from low to high, mean, and sd, None where constant."""

    counts: tuple[int, ...]
    low: float
    high: float
    mean: float
    sd: float | None

    @property
    def n(self) -> int:
        """The number of probes."""
        return sum(self.counts)


@dataclass(frozen=True)
class UnitCard:
    """A unit, its current labels, its statistics (numbers) and its findings (texts), each None if not measured."""

    key: str
    id: Unit
    model: str
    layer: Layer
    channel: int
    labels: tuple[str, ...]
    statistics: dict[str, float | None]
    findings: dict[str, str | None]
    histogram: Histogram | None


@dataclass(frozen=True)
class Contribution:
    """An expanded weight between two units; a rank is None if the edge has none."""

    source: Unit
    target: Unit
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
class TraceEdge:
    """A direct edge into or out of a unit of a trace, with its weight and the total of all stored ones of that unit."""

    edge: Contribution
    weight: float
    total: float


@dataclass(frozen=True)
class Sweep:
    """The expanded weights computed between two layers: `n` unit pairs; every edge above a cutoff is stored."""

    source: Layer
    target: Layer
    n: int
    kept: int
    cutoff_magnitude: float
    cutoff_mean: float
    span: int
    direct: bool
    cut: bool


@dataclass(frozen=True)
class LayerCard:
    """The number of a layer's units, and of those with a label, a measured number, a verdict, or what ablation says.

    `activity` and `histograms` come from all probes, `evidence` from top probes, `modality` from words and controls;
    `tested` have a verdict, of which `enriched` and `not_enriched` are two.
    """

    layer: Layer
    units: int
    labelled: int
    activity: int
    histograms: int
    evidence: int
    modality: int
    tested: int
    enriched: int
    not_enriched: int
    supported: int
    contradicted: int
    inconclusive: int


@dataclass(frozen=True)
class TopProbe:
    """A top probe of a branch of a unit; the thumbnail is WebP or PNG as base64 text."""

    image: str
    modality: str
    concept: str
    source: str
    sensitive: bool
    branch: ProbeBranch
    rank: int
    value: float
    z: float
    thumbnail: str


@dataclass(frozen=True)
class Depiction:
    """A feature visualisation of a unit as base64 text, and for a sum's unit its published share on it."""

    thumbnail: str
    share_published: float | None


@dataclass(frozen=True)
class WordResponse:
    """A unit's response to a rasterised word: mean activation, and z over letter strings of the word's length.

    `rank` is the word's among the unit's words by value, or the unit's among its layer's units by z, as the query asks.
    """

    word: str
    unit: Unit
    value: float
    z: float | None
    rank: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Annotation:
    """One entry of the history: a label, or a change of one, with its author, its time and what it refers to.

    `unit` is text, since the history outlives its units and a label file may name unknown ones. `supersedes` is the id
    of the entry that an amendment, a rejection, a withdrawal, an undo or a redo is about. `evidence` is a short text or
    a link that says why the label is right, or why it is wrong.
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
    """A flag that marks a unit, an image or a word as sensitive, or as not sensitive."""

    id: str
    model: str
    kind: FlagKind
    name: str
    sensitive: bool
    author: str
    at: datetime


@dataclass(frozen=True)
class SavedCircuit:
    """A circuit saved under a name, with its number of units."""

    name: str
    model: str
    kind: str
    author: str
    at: datetime
    units: int


@dataclass(frozen=True)
class EarlierCircuit(SavedCircuit):
    """A saved circuit that was replaced or removed, by whom and when; `version` is its id."""

    version: str
    removed_by: str
    removed_at: datetime


@dataclass(frozen=True)
class ProbeSummary:
    """The image and the concept of a top probe."""

    modality: str
    concept: str
    image: str
    sensitive: bool


@dataclass(frozen=True)
class FacetProbe(ProbeSummary):
    """A held-out probe of one of a facet's concepts; the thumbnail is WebP or PNG as base64 text."""

    source: str
    thumbnail: str


@dataclass(frozen=True)
class WeightTerms:
    """A comparison of a sum unit's branches by their strongest stored inputs from one common source layer.

    `shared` counts the inputs that both have; `cosine` is that of their means over the union of the inputs, with 0 for
    an edge that is not stored; `dissimilarity` is 1 - cosine; a strength is the sum of a branch's magnitudes.
    """

    unit: Unit
    shortcut: Unit
    conv: Unit
    source_layer: Layer
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
    """A sum unit's evidence, verdict and effects, see `extract.folder.schemas`, and its branches' top probes.

    `least_specificity` is the lesser of the lower bounds of both branches' specificity.
    """

    unit: Unit
    shortcut: Unit
    conv: Unit
    share_published: float | None
    share_exact: float | None
    share_corrected: float | None
    overlap: float | None
    concept_difference: float | None
    modality_difference: float | None
    word_share_difference: float | None
    selectivity_difference: float | None
    words_shortcut: float | None
    words_conv: float | None
    rise_shortcut: float | None
    rise_conv: float | None
    specificity_shortcut: float | None
    specificity_conv: float | None
    facet_distance: float | None
    q: float | None
    q_not_enriched: float | None
    recurrence: float | None
    effect_conv: float | None
    effect_conv_low: float | None
    effect_conv_high: float | None
    effect_shortcut: float | None
    effect_shortcut_low: float | None
    effect_shortcut_high: float | None
    q_ablation: float | None
    verdict: Verdict | None
    weakest_link: str | None
    low_level: str | None
    concepts_shortcut: str | None
    concepts_conv: str | None
    ablation: Ablation | None
    nearby_ablation: Ablation | None
    least_specificity: float | None
    shortcut_examples: tuple[ProbeSummary, ...]
    conv_examples: tuple[ProbeSummary, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class VerdictCount:
    """How many units have a verdict and this of ablation; `unjudged` is why they have no verdict."""

    verdict: Verdict | None
    ablation: Ablation | None
    unjudged: str | None
    units: int


@dataclass(frozen=True)
class Filters:
    """Filters on units: the layer, labelled or not, the modality they are more selective for, and bounds of statistics.

    `at_least` and `at_most` name statistics; a unit that lacks one does not pass. Raises UnknownStatistic.
    """

    layer: Layer | None = None
    labelled: bool | None = None
    modality: Modality | None = None
    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses names that no unit has."""
        for name in (*self.at_least, *self.at_most):
            if name not in (*STATISTICS, *SEARCHABLE):
                raise UnknownStatistic(f"Units have no number {name!r}. Take one of these: {', '.join(STATISTICS)}.")


NO_FILTERS = Filters()


@dataclass(frozen=True)
class Match:
    """Why a unit was found: a label, a top probe (picture or word), or a word of the vocabulary.

    `images` are the ids of the probes that show it, top probes of `branch`. `z` is the activation in standard
    deviations: over all probes, or for a word of the vocabulary over random letter strings.
    """

    kind: MatchKind
    text: str
    images: tuple[str, ...]
    sensitive: bool
    branch: str | None
    z: float | None


@dataclass(frozen=True)
class SearchHit:
    """A unit that matches a search, and its matches, the best first; none if the search had filters alone."""

    unit: UnitCard
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True)
class Rows:
    """A query's answer: columns, rows of plain JSON values, and whether there were more. A plan has a row a line."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool
