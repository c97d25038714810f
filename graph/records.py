"""The records that the store returns, and the values that some of their fields take."""

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
ProbeBranch = Literal["unit", "sum", "shortcut", "conv"]  # of a top probe; "unit" where the layer is not a sum
Origin = Literal["human", "auto", "import"]
Measure = Literal["magnitude", "mean"]
Share = Literal["share_exact", "share_corrected", "share_published"]
Verdict = Literal["enriched", "not enriched", "facets alike", "open"]
Ablation = Literal["supported", "contradicted", "inconclusive"]
Modality = Literal["word", "picture"]
Variant = Literal["raw", "scaled", "folded"]  # how contributions between layers are weighed
MatchKind = Literal["label", "picture", "word", "vocabulary"]


@dataclass(frozen=True)
class ModelCard:
    """A model in the database, with counts of its units, stored edges, labelled units, images and words.

    `content` is a hash of what was loaded, `measured` says what each kind of number was measured on, and `folder` is
    where the extraction lay when it was loaded (None if an earlier version loaded it).
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
    """A unit's activation over the probes: counts in equal bins from low to high, mean, and sd (None if constant)."""

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
    """A unit with its current labels, its statistics (numbers) and its findings (texts); None if not measured."""

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
    """An expanded weight between two units; ranks count from 1 by magnitude, and are None if the edge has none."""

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
    """A direct edge of a trace, with its weight and the total of all stored ones on that side of the unit."""

    edge: Contribution
    weight: float
    total: float


@dataclass(frozen=True)
class Sweep:
    """The expanded weights from one layer to another: `n` pairs of units; every edge above a cutoff is stored."""

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
    """How many units a layer has, and how many of them have a label, a measured number, a verdict or ablation result.

    `activity` and `histograms` come from all probes, `evidence` from top probes, `modality` from words and controls.
    `tested` counts the units that have a verdict; `enriched` and `not_enriched` count two of the possible verdicts.
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
    """A probe among those that activate a branch of a unit most; the thumbnail is WebP or PNG as base64 text."""

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
    """A feature visualisation of a unit as base64 text; for a sum's unit also the published share measured on it."""

    thumbnail: str
    share_published: float | None


@dataclass(frozen=True)
class WordResponse:
    """A unit's response to a rasterised word: its mean activation, and its z against letter strings of the same length.

    `rank` is the word's place among the unit's words by value or, in a query by word, the unit's in its layer by z.
    """

    word: str
    unit: Unit
    value: float
    z: float | None
    rank: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Annotation:
    """One entry of the label history: a label, or a change of a label, with its author, its time and what it refers to.

    `unit` is text, because the history outlives its units and a label file may name unknown units. `supersedes` is the
    id of the entry that an amendment, a rejection, a withdrawal, an undo or a redo is about. `evidence` is a short text
    or a link that says why the label is right or wrong.
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
    """A held-out probe that shows one of a facet's concepts; the thumbnail is a WebP or PNG image as base64 text."""

    source: str
    thumbnail: str


@dataclass(frozen=True)
class WeightTerms:
    """A comparison of a sum unit's two branches by their strongest stored inputs from the same source layer.

    `shared` counts the inputs of both. `cosine` compares the branches' means over the union of their inputs (0 if an
    edge is not stored); `dissimilarity` is 1 - cosine. A strength is the sum of a branch's magnitudes.
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
    """A sum unit's evidence, verdict and effects, see `extract.folder.statistics`, and its branches' top probes.

    `least_specificity` is the smaller of the two branches' lower bounds of specificity.
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
    """How many units have the same verdict and ablation result; `unjudged` is the reason if they have no verdict."""

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
        """Raise UnknownStatistic for a name that is not a statistic of units."""
        for name in (*self.at_least, *self.at_most):
            if name not in (*STATISTICS, *SEARCHABLE):
                raise UnknownStatistic(f"Units have no number {name!r}. Name one of these: {', '.join(STATISTICS)}.")


NO_FILTERS = Filters()


@dataclass(frozen=True)
class Match:
    """Why a search returned a unit: a label, a top probe (picture or word), or a word of the vocabulary.

    `images` are the ids of the top probes of `branch` that show the text. `z` is the activation in standard deviations
    over all probes; for a word of the vocabulary, over random letter strings.
    """

    kind: MatchKind
    text: str
    images: tuple[str, ...]
    sensitive: bool
    branch: str | None
    z: float | None


@dataclass(frozen=True)
class SearchHit:
    """A unit that a search returned, and its matches, the best first; there are none if the search had no text."""

    unit: UnitCard
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True)
class Rows:
    """A query's answer: columns, rows of plain JSON values, and whether there were more; a plan has a row per line."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool
