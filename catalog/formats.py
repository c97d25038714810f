"""What a number is called, what it means and how it is printed, on pages, in terminals and in notebooks."""

from extract.folder.schemas import SCHEMAS

_NAMES = {
    "share_exact": "Over the shortcut",
    "share_corrected": "Over the shortcut, centred",
    "share_published": "Over the shortcut, published",
    "overlap": "Overlap of the branches",
    "concept_difference": "Difference in concept",
    "modality_difference": "Difference in modality",
    "share_corrected_low": "Over the shortcut, centred, at least",
    "share_corrected_high": "Over the shortcut, centred, at most",
    "overlap_shortcut": "Overlap of sum and shortcut",
    "overlap_conv": "Overlap of sum and conv",
    "word_selectivity": "Selectivity for words",
    "picture_selectivity": "Selectivity for pictures",
    "words_shortcut": "Words over the shortcut",
    "words_conv": "Words over conv",
    "reach_shortcut": "Reach of the shortcut facet",
    "reach_conv": "Reach of the conv facet",
    "scale": "Batch norm scale",
    "activity": "Activity",
    "inflow": "Flow in",
    "inflow_active": "Flow in, by activity",
    "outflow": "Flow out",
    "shared": "Shared inputs",
    "cosine": "Cosine",
    "dissimilarity": "Dissimilarity",
    "shortcut_inputs": "Inputs of the shortcut",
    "conv_inputs": "Inputs of conv",
    "shortcut_strength": "Strength of the shortcut",
    "conv_strength": "Strength of conv",
    "order": "Order",
    "p_concept": "p, difference in concept",
    "p_modality": "p, difference in modality",
    "p_facets": "p, two facets",
    "p_reach_shortcut": "p, reach of the shortcut facet",
    "p_reach_conv": "p, reach of the conv facet",
    "p": "p, all tests",
    "q": "q, false discovery rate",
    "effect_conv": "Effect of conv on its facet",
    "effect_conv_low": "Effect of conv, at least",
    "effect_conv_high": "Effect of conv, at most",
    "effect_shortcut": "Effect of the shortcut on its facet",
    "effect_shortcut_low": "Effect of the shortcut, at least",
    "effect_shortcut_high": "Effect of the shortcut, at most",
    "rise_conv": "Rise on conv's facet",
    "rise_conv_low": "Rise on conv's facet, at least",
    "rise_conv_high": "Rise on conv's facet, at most",
    "rise_shortcut": "Rise on the shortcut's facet",
    "rise_shortcut_low": "Rise on the shortcut's facet, at least",
    "rise_shortcut_high": "Rise on the shortcut's facet, at most",
    "control": "Effects in units of like activity",
    "shuffled": "Effects with facets shuffled",
    "verdict": "Verdict",
    "unit": "Unit",
    "labels": "Labels",
}
_MEANINGS = {
    "modality_difference": "between the branches: half the difference of word minus picture selectivity; where that "
    "was not measured, of the shares of words among the top examples",
    "word_selectivity": "2 AUROC - 1 of words against random letter strings of their lengths",
    "picture_selectivity": "2 AUROC - 1 of pictures against the same pictures scrambled",
    "words_shortcut": "share of words, against pictures, among the probes that the shortcut answers to most",
    "words_conv": "share of words, against pictures, among the probes that the conv branch answers to most",
    "reach_conv": "the reach of what the conv branch answers to, measured as the shortcut's",
    "scale": "batch norm's gamma over its standard deviation",
    "inflow_active": "sum over all direct edges into the unit of the magnitude times its source's activity",
    "shared": "of the strongest inputs compared, how many both branches have",
    "cosine": "between the means of both branches over their strongest inputs; 1 is the same inputs, 0 unrelated ones",
    "dissimilarity": "1 - cosine",
    "shortcut_inputs": "strongest inputs of the shortcut that were compared",
    "conv_inputs": "strongest inputs of the conv branch that were compared",
    "shortcut_strength": "sum of the magnitudes of the shortcut's strongest inputs",
    "conv_strength": "sum of the magnitudes of the conv branch's strongest inputs",
    "order": "what the list is ordered by: by evidence, within a verdict, the lesser of both effects; by weights the "
    "lesser of the two branches' percentiles",
}


def name(column: str) -> str:
    """What a number is called on a page."""
    return _NAMES.get(column, column)


def meaning(column: str) -> str:
    """A sentence that explains it; empty where the name says it all."""
    tables = (
        SCHEMAS[table].metadata or {}
        for table in ("evidence", "tests", "dissociation", "shares", "edges", "units", "activity", "flows")
    )
    described = {key.decode(): text.decode() for table in tables for key, text in table.items()}
    return (described | _MEANINGS).get(column, "")


def bounded(column: str) -> bool:
    """Whether it lies between 0 and 1, so that a bar shows how much of the most it is."""
    return is_share(column) or is_rate(column) or column == "modality_difference"


def printed(column: str, value: float) -> str:
    """The number as text."""
    if is_rate(column):
        return f"{value:.2g}"
    return f"{value:.1%}" if is_share(column) else f"{value:.3f}"


def is_rate(column: str) -> bool:
    """Whether it is an error rate of a test: p or q."""
    return column in ("p", "q") or column.startswith("p_")


def is_share(column: str) -> bool:
    """Whether it is a share, printed in percent."""
    return column.startswith(("share_", "overlap", "words_", "reach_"))
