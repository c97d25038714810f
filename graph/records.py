"""The records in which the store answers, and the words that some of their fields take."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
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
Verdict = Literal["supported", "contradicted", "inconclusive"]
Modality = Literal["word", "picture"]
MatchKind = Literal["label", "picture", "word", "vocabulary"]


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
    """An expanded weight between two units; a rank is None where there is none."""

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
    """A direct edge out of or into a unit that a trace asked for: its weight, out of the total of all that are kept."""

    edge: Contribution
    weight: float
    total: float


@dataclass(frozen=True)
class Sweep:
    """What was computed between two layers: n pairs; every edge above a cutoff is kept."""

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
    """How many units a layer has, and how many of them have a label, a measured number or each of the verdicts.

    `activity` and `histograms` come from all probes, `evidence` from top examples, `modality` from words and controls.
    """

    layer: Layer
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
class TopProbe:
    """A probe among those that a branch of a unit answers to most; the thumbnail is WebP or PNG as base64 text."""

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
    """A feature visualisation of a unit as base64 text, and of a sum's unit its published share on it."""

    thumbnail: str
    share_published: float | None


@dataclass(frozen=True)
class WordResponse:
    """What a word, shown as an image, does to a unit: mean activation, and z over letter strings of its length.

    `rank` is the word's among the unit's by value, or the unit's among its layer's by z: as was asked.
    """

    word: str
    unit: Unit
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
    kind: FlagKind
    name: str
    sensitive: bool
    author: str
    at: datetime


@dataclass(frozen=True)
class SavedCircuit:
    """A circuit that somebody kept under a name, and how many units it has."""

    name: str
    model: str
    kind: str
    author: str
    at: datetime
    units: int


@dataclass(frozen=True)
class ProbeSummary:
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
    """A sum unit's evidence, tests and effects, see `extract.folder.schemas`, and what its branches answer to most."""

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
    shortcut_examples: tuple[ProbeSummary, ...]
    conv_examples: tuple[ProbeSummary, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Filters:
    """What units must be: of a layer, labelled or not, more selective for a modality; and numbers between bounds.

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
    """Why a unit was found: a label, what a top example shows (picture or word), or a word of the vocabulary.

    `images` are the ids of those that show it, `branch` is the one whose examples they are; `z` is the activation in
    standard deviations: over all probes, or of the vocabulary over random letter strings.
    """

    kind: MatchKind
    text: str
    images: tuple[str, ...]
    sensitive: bool
    branch: str | None
    z: float | None


@dataclass(frozen=True)
class SearchHit:
    """A unit that fits, and why, the best reason first; no reason where nothing was searched for but the filters."""

    unit: UnitCard
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True)
class Rows:
    """An answer: columns, rows of plain JSON values, and whether there were more. A plan has one row a line."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool


def as_json(value: object, omit: Collection[str] = ()) -> Any:
    """Turn a record, or what holds records, into plain JSON values, without the fields to omit.

    A record becomes a dict of its fields; a unit, a layer, a time and anything else that JSON lacks become their text.
    """
    match value:
        case None | str() | int() | float():
            return value
        case Unit() | Layer():
            return str(value)
        case Mapping():
            return {str(name): as_json(item, omit) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item, omit) for item in value]
        case _ if is_dataclass(value):
            named = (field.name for field in fields(value) if field.name not in omit)
            return {name: as_json(getattr(value, name), omit) for name in named}
    return str(value)
