"""The one table of statistics: every number on a unit, an edge or a candidate, with its title, meaning and format.

The order of the rows is the order of JSON, of exports and of columns. The schemas of the extraction folder, the graph's
properties, the search filters, the columns and tooltips of pages and docs/glossary.md are made from it.
"""

from functools import partial

from extract.folder import ablation_statistics, census_statistics
from extract.folder.statistic import Statistic

_Evidence = partial(Statistic, of="sums", table="evidence", candidate=True)
_Fraction = partial(_Evidence, format="share", low=0, high=1, bar=True)
_Share = partial(Statistic, format="share", bar=True, of="sums", table="shares")
_Flow = partial(Statistic, table="flows")
_Selectivity = partial(Statistic, table="modality", low=-1, high=1, searchable=True)
_Histogram = partial(Statistic, table="histograms")
_Edge = partial(Statistic, subject="edge", table="edges")
_Candidate = partial(Statistic, subject="candidate")


TABLE = (
    # Units: numbers
    Statistic(
        "scale",
        "Batch norm scale",
        "batch norm's gamma over its standard deviation",
        of="norms",
        table="units",
        definition="batch norm's gamma over its standard deviation; null for a sum",
    ),
    Statistic(
        "activity",
        "Activity",
        "mean over all probes of the unit's mean over positions; of bn1, bn2 and sums after their ReLU, of conv "
        "and downsample without its sign",
        table="activity",
        searchable=True,
    ),
    _Flow("inflow", "Flow in", "sum of the magnitudes of all direct edges into the unit, kept or not", low=0),
    _Flow(
        "inflow_active",
        "Flow in, by activity",
        "sum over all direct edges into the unit of the magnitude times its source's activity",
        definition="the same, each magnitude times its source's activity",
    ),
    _Flow("outflow", "Flow out", "sum of the magnitudes of all direct edges out of the unit, kept or not", low=0),
    _Evidence(
        "share_published",
        "Over the shortcut, published",
        "norm share of the raw shortcut over its sum with raw conv3's, mean over the top examples",
        format="share",
        bar=True,
    ),
    _Evidence(
        "share_exact",
        "Over the shortcut",
        "ratio of sums over positions where the sum is positive, on the sum's top examples",
        format="share",
        bar=True,
        searchable=True,
    ),
    _Evidence(
        "share_corrected",
        "Over the shortcut, centred",
        "the same with each branch's mean over all probes taken off",
        format="share",
        bar=True,
        searchable=True,
    ),
    _Fraction(
        "overlap",
        "Overlap of the branches",
        "probes among both branches' top examples, over the length of the longer list",
        searchable=True,
    ),
    _Evidence(
        "concept_difference",
        "Difference in concept",
        "1 - cosine of the mean embeddings of the branches' top examples",
        low=0,
        high=2,
        header="concepts apart",
        searchable=True,
    ),
    _Evidence(
        "word_share_difference",
        "Difference in shares of words",
        "absolute difference of the branches' shares of words among their top examples",
        low=0,
        high=1,
        bar=True,
        column="modality_difference",
        since=4,
    ),
    Statistic(
        "selectivity_difference",
        "Difference in selectivity",
        "between the branches: half the difference of word minus picture selectivity",
        low=0,
        high=2,
        bar=True,
        of="sums",
        candidate=True,
        since=4,
    ),
    _Fraction(
        "words_shortcut",
        "Words over the shortcut",
        "share of words, against pictures, among the probes that the shortcut answers to most",
        definition="share of words among the shortcut's top examples",
    ),
    _Fraction(
        "words_conv",
        "Words over conv",
        "share of words, against pictures, among the probes that the conv branch answers to most",
        definition="the same for the conv branch",
    ),
    *census_statistics.NUMBERS,
    *ablation_statistics.NUMBERS,
    _Share(
        "share_corrected_low",
        "Over the shortcut, centred, at least",
        "lower end of a 95 % interval, bootstrap over the concepts of the sum's top examples; null for fewer than two "
        "concepts",
    ),
    _Share("share_corrected_high", "Over the shortcut, centred, at most", "its upper end"),
    _Share(
        "overlap_shortcut",
        "Overlap of sum and shortcut",
        "probes among both the sum's and the shortcut's top examples, over the longer list's length",
        low=0,
        high=1,
    ),
    _Share("overlap_conv", "Overlap of sum and conv", "the same for the sum and the conv branch", low=0, high=1),
    _Selectivity(
        "word_selectivity",
        "Selectivity for words",
        "2 AUROC - 1 of words against random letter strings of their lengths",
        column="words",
        definition=(
            "2 AUROC - 1 of words against random letter strings of their lengths: 1 where every word drives the "
            "unit more than every string, 0 where neither does, -1 for the reverse"
        ),
    ),
    _Selectivity(
        "picture_selectivity",
        "Selectivity for pictures",
        "2 AUROC - 1 of pictures against the same pictures scrambled",
        column="pictures",
        definition="the same for pictures against the same pictures scrambled",
    ),
    _Selectivity(
        "spelling_selectivity",
        "Selectivity for spelling",
        "2 AUROC - 1 of words against anagrams of them, the same letters shuffled",
        column="spelling",
        definition=(
            "the same for words against anagrams of them, the same letters shuffled; null where no word has one, or an "
            "earlier version measured"
        ),
        since=6,
    ),
    # Units: texts
    *census_statistics.TEXTS,
    *ablation_statistics.TEXTS,
    # Units: the histogram over all probes
    _Histogram(
        "histogram",
        "histogram",
        kind="counts",
        column="counts",
        definition="probes in each of the bins, which are equally wide; a value between two belongs to the upper one",
    ),
    _Histogram(
        "histogram_low",
        "histogram_low",
        column="low",
        definition=(
            "lowest of the unit's means over positions on all probes, after the ReLU where one follows; there "
            "the bins begin"
        ),
    ),
    _Histogram(
        "histogram_high", "histogram_high", column="high", definition="the highest; the last bin ends here and holds it"
    ),
    _Histogram("activity_mean", "activity_mean", column="mean"),
    _Histogram(
        "activity_sd",
        "activity_sd",
        column="sd",
        definition="over the probes; null for a unit that does the same on all of them",
    ),
    # Edges
    _Edge("magnitude", "magnitude", "Frobenius norm of the expanded weight"),
    _Edge("mean", "mean", "sum over span"),
    _Edge("sum", "sum"),
    _Edge("span", "span", "positions of the source's map that can be non-zero", format="count"),
    _Edge("rank_in", "rank_in", "place by magnitude among the target's sources in this layer, from 1", format="count"),
    _Edge(
        "rank_out", "rank_out", "place by magnitude among the source's targets in this layer, from 1", format="count"
    ),
    # Candidates
    _Candidate(
        "modality_difference",
        "Difference in modality",
        "between the branches: half the difference of word minus picture selectivity; where that was not measured, "
        "of the shares of words among the top examples",
        low=0,
        high=2,
        bar=True,
        header="modalities apart",
        searchable=True,
    ),
    _Candidate(
        "shared", "Shared inputs", "of the strongest inputs compared, how many both branches have", format="count"
    ),
    _Candidate(
        "cosine",
        "Cosine",
        "between the means of both branches over their strongest inputs; 1 is the same inputs, 0 unrelated ones",
        low=-1,
        high=1,
    ),
    _Candidate("dissimilarity", "Dissimilarity", "1 - cosine", low=0, high=2),
    _Candidate(
        "shortcut_inputs",
        "Inputs of the shortcut",
        "strongest inputs of the shortcut that were compared",
        format="count",
    ),
    _Candidate(
        "conv_inputs", "Inputs of conv", "strongest inputs of the conv branch that were compared", format="count"
    ),
    _Candidate(
        "shortcut_strength",
        "Strength of the shortcut",
        "sum of the magnitudes of the shortcut's strongest inputs",
        header="strength shortcut",
    ),
    _Candidate(
        "conv_strength",
        "Strength of conv",
        "sum of the magnitudes of the conv branch's strongest inputs",
        header="strength conv",
    ),
    _Candidate(
        "order",
        "Order",
        "what the list is ordered by: by evidence the lesser of the lower bounds of both branches' specificity; by "
        "weights the lesser of the two branches' percentiles",
        header="percentile",
    ),
)
BY_NAME = {row.name: row for row in TABLE}

STATISTICS = tuple(
    row.name for row in TABLE if row.subject == "unit" and row.kind == "number" and row.table != "histograms"
)
FINDINGS = tuple(row.name for row in TABLE if row.kind == "text")
SEARCHABLE = tuple(row.name for row in TABLE if row.searchable)
HISTOGRAM = tuple(row.name for row in TABLE if row.table == "histograms")


def of_table(table: str) -> list[Statistic]:
    """The rows that a table of the extraction folder holds, in order."""
    return [row for row in TABLE if row.table == table]


def interval(row: Statistic) -> tuple[str, str] | None:
    """The names of the ends of a number's interval, where it has one."""
    ends = (f"{row.name}_low", f"{row.name}_high")
    return ends if row.kind == "number" and all(end in BY_NAME for end in ends) else None
