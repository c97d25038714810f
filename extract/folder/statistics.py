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
        "the unit's mean over positions, averaged over all probes: after the ReLU for bn1, bn2 and sums, "
        "and without its sign for conv and downsample",
        definition=(
            "mean over all probes of the unit's mean over positions; of bn1, bn2 and sums after their ReLU, "
            "of conv and downsample without its sign"
        ),
        table="activity",
        searchable=True,
    ),
    _Flow(
        "inflow",
        "Flow in",
        "sum of the magnitudes of all direct edges into the unit, stored or not",
        definition="sum of the magnitudes of all direct edges into the unit, kept or not",
        low=0,
    ),
    _Flow(
        "inflow_active",
        "Flow in, by activity",
        "sum over all direct edges into the unit: magnitude times the activity of the source",
        definition="the same, each magnitude times its source's activity",
    ),
    _Flow(
        "outflow",
        "Flow out",
        "sum of the magnitudes of all direct edges out of the unit, stored or not",
        definition="sum of the magnitudes of all direct edges out of the unit, kept or not",
        low=0,
    ),
    _Evidence(
        "share_published",
        "Over the shortcut, published",
        "norm of the raw shortcut, divided by the sum of its norm and the norm of raw conv3; mean over "
        "the sum's top probes",
        definition="norm share of the raw shortcut over its sum with raw conv3's, mean over the top examples",
        format="share",
        bar=True,
    ),
    _Evidence(
        "share_exact",
        "Over the shortcut",
        "the shortcut's total divided by the sum's total, over the sum's top probes and the positions where "
        "the sum is positive",
        definition="ratio of sums over positions where the sum is positive, on the sum's top examples",
        format="share",
        bar=True,
        searchable=True,
    ),
    _Evidence(
        "share_corrected",
        "Over the shortcut, centred",
        "the share over the shortcut after each branch's mean over all probes is subtracted",
        definition="the same with each branch's mean over all probes taken off",
        format="share",
        bar=True,
        searchable=True,
    ),
    _Fraction(
        "overlap",
        "Overlap of the branches",
        "number of probes among the top probes of both branches, divided by the length of the longer list",
        definition="probes among both branches' top examples, over the length of the longer list",
        searchable=True,
    ),
    _Evidence(
        "concept_difference",
        "Difference in concept",
        "1 - cosine between the mean embeddings of the two branches' top probes",
        definition="1 - cosine of the mean embeddings of the branches' top examples",
        low=0,
        high=2,
        header="concepts apart",
        searchable=True,
    ),
    _Evidence(
        "word_share_difference",
        "Difference in shares of words",
        "absolute difference between the shares of words among the two branches' top probes",
        definition="absolute difference of the branches' shares of words among their top examples",
        low=0,
        high=1,
        bar=True,
        column="modality_difference",
        since=4,
    ),
    Statistic(
        "selectivity_difference",
        "Difference in selectivity",
        "selectivity for words minus selectivity for pictures: half the difference between the branches",
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
        "share of words among the shortcut's top probes; the others are pictures",
        definition="share of words among the shortcut's top examples",
    ),
    _Fraction(
        "words_conv",
        "Words over conv",
        "share of words among the conv branch's top probes; the others are pictures",
        definition="the same for the conv branch",
    ),
    *census_statistics.NUMBERS,
    *ablation_statistics.NUMBERS,
    _Share(
        "share_corrected_low",
        "Over the shortcut, centred, at least",
        "lower end of a 95 % interval, by bootstrap over the concepts of the sum's top probes; null for "
        "fewer than two concepts",
        definition=(
            "lower end of a 95 % interval, bootstrap over the concepts of the sum's top examples; null for "
            "fewer than two concepts"
        ),
    ),
    _Share(
        "share_corrected_high",
        "Over the shortcut, centred, at most",
        "upper end of the same interval",
        definition="its upper end",
    ),
    _Share(
        "overlap_shortcut",
        "Overlap of sum and shortcut",
        "number of probes among the top probes of both the sum and the shortcut, divided by the length "
        "of the longer list",
        definition="probes among both the sum's and the shortcut's top examples, over the longer list's length",
        low=0,
        high=1,
    ),
    _Share(
        "overlap_conv",
        "Overlap of sum and conv",
        "number of probes among the top probes of both the sum and the conv branch, divided by the "
        "length of the longer list",
        definition="the same for the sum and the conv branch",
        low=0,
        high=1,
    ),
    _Selectivity(
        "word_selectivity",
        "Selectivity for words",
        "2 AUROC - 1 for words against random letter strings of the same lengths",
        column="words",
        definition=(
            "2 AUROC - 1 of words against random letter strings of their lengths: 1 where every word drives the "
            "unit more than every string, 0 where neither does, -1 for the reverse"
        ),
    ),
    _Selectivity(
        "picture_selectivity",
        "Selectivity for pictures",
        "2 AUROC - 1 for pictures against the same pictures scrambled",
        column="pictures",
        definition="the same for pictures against the same pictures scrambled",
    ),
    _Selectivity(
        "spelling_selectivity",
        "Selectivity for spelling",
        "2 AUROC - 1 for words against their anagrams, which have the same letters in another order",
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
        "number of probes in each bin; all bins are equally wide, and a value on a border counts in the upper bin",
        kind="counts",
        column="counts",
        definition="probes in each of the bins, which are equally wide; a value between two belongs to the upper one",
    ),
    _Histogram(
        "histogram_low",
        "histogram_low",
        "the unit's lowest mean over positions on any probe, after the ReLU if one follows; the first bin begins here",
        column="low",
        definition=(
            "lowest of the unit's means over positions on all probes, after the ReLU where one follows; there "
            "the bins begin"
        ),
    ),
    _Histogram(
        "histogram_high",
        "histogram_high",
        "the unit's highest mean over positions on any probe; the last bin ends here and includes it",
        column="high",
        definition="the highest; the last bin ends here and holds it",
    ),
    _Histogram(
        "activity_mean",
        "activity_mean",
        "the unit's mean over positions, averaged over all probes",
        definition="",
        column="mean",
    ),
    _Histogram(
        "activity_sd",
        "activity_sd",
        "standard deviation of the unit's mean over positions, over all probes; null for a unit that does the "
        "same on all of them",
        column="sd",
        definition="over the probes; null for a unit that does the same on all of them",
    ),
    # Edges
    _Edge("magnitude", "magnitude", "Frobenius norm of the expanded weight"),
    _Edge("mean", "mean", "sum divided by span", definition="sum over span"),
    _Edge("sum", "sum", "the expanded weight summed over all positions", definition=""),
    _Edge(
        "span",
        "span",
        "number of positions of the source's map where the expanded weight can be non-zero",
        definition="positions of the source's map that can be non-zero",
        format="count",
    ),
    _Edge(
        "rank_in",
        "rank_in",
        "rank by magnitude among the edges from the source's layer into the same target; 1 is the largest",
        definition="place by magnitude among the target's sources in this layer, from 1",
        format="count",
    ),
    _Edge(
        "rank_out",
        "rank_out",
        "rank by magnitude among the edges from the same source into the target's layer; 1 is the largest",
        definition="place by magnitude among the source's targets in this layer, from 1",
        format="count",
    ),
    # Candidates
    _Candidate(
        "modality_difference",
        "Difference in modality",
        "selectivity for words minus selectivity for pictures: half the difference between the branches; "
        "if that was not measured, the difference between their shares of words among top probes",
        low=0,
        high=2,
        bar=True,
        header="modalities apart",
        searchable=True,
    ),
    _Candidate(
        "shared", "Shared inputs", "how many of the compared strongest inputs both branches have", format="count"
    ),
    _Candidate(
        "cosine",
        "Cosine",
        "cosine between the mean weights of both branches over their strongest inputs: 1 for the same "
        "inputs, 0 for unrelated ones",
        low=-1,
        high=1,
    ),
    _Candidate("dissimilarity", "Dissimilarity", "1 - cosine", low=0, high=2),
    _Candidate(
        "shortcut_inputs",
        "Inputs of the shortcut",
        "how many of the shortcut's strongest inputs were compared",
        format="count",
    ),
    _Candidate(
        "conv_inputs", "Inputs of conv", "how many of the conv branch's strongest inputs were compared", format="count"
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
        "what the list is sorted by. By evidence: the lower bound of the specificity, for the branch "
        "where it is smaller. By weights: the percentile of the strength, for the branch where it is "
        "smaller",
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
