"""The statistics of the census (the test of which units are enriched), for the one table of statistics."""

from functools import partial

from extract.folder.statistic import Statistic, bounded

_Census = partial(Statistic, of="sums", table="census", since=5)
_Rate = partial(_Census, format="rate", low=0, high=1, bar=True)
_Text = partial(_Census, kind="text")


NUMBERS = (
    *bounded(
        _Census(
            "rise_shortcut",
            "Rise on the shortcut facet",
            "how far the sum rises on held-out probes of the concepts that the shortcut brings, in standard "
            "deviations of the sum",
            definition=(
                "of the sum on held-out probes of the concepts that the shortcut brings, in its standard deviations"
            ),
            candidate=True,
            searchable=True,
        )
    ),
    *bounded(
        _Census(
            "rise_conv",
            "Rise on the conv facet",
            "how far the sum rises on held-out probes of the concepts that the conv branch brings, in "
            "standard deviations of the sum",
            definition="the same on the concepts that the conv branch brings",
            candidate=True,
            searchable=True,
        )
    ),
    *bounded(
        _Census(
            "specificity_shortcut",
            "Specificity of the shortcut",
            "what the shortcut brings on its own facet minus what it brings on the conv facet, in standard "
            "deviations of the sum",
            definition=(
                "what the shortcut brings on its facet, less what it brings on conv's, in standard deviations of "
                "the sum"
            ),
            candidate=True,
            searchable=True,
        )
    ),
    *bounded(
        _Census(
            "specificity_conv",
            "Specificity of conv",
            "what the conv branch brings on its own facet minus what it brings on the shortcut facet, in "
            "standard deviations of the sum",
            definition="what the conv branch brings on its facet, less what it brings on the shortcut's",
            candidate=True,
            searchable=True,
        )
    ),
    *bounded(
        _Census(
            "majority_shortcut",
            "Majority of the shortcut",
            "what the shortcut brings on its own facet minus what the conv branch brings there, in standard "
            "deviations of the sum",
            definition="what the shortcut brings on its facet, less what the conv branch brings there",
        )
    ),
    *bounded(
        _Census(
            "majority_conv",
            "Majority of conv",
            "what the conv branch brings on its own facet minus what the shortcut brings there, in standard "
            "deviations of the sum",
            definition="what the conv branch brings on its facet, less what the shortcut brings there",
        )
    ),
    *bounded(
        _Census(
            "facet_distance",
            "Distance of the facets",
            "mean 1 - cosine between embeddings of a concept from each facet, divided by the same mean for "
            "random pairs of the same modalities",
            definition=(
                "mean 1 - cosine of embeddings over pairs of both facets, over that of random pairs of their modalities"
            ),
            column="distance",
            candidate=True,
            searchable=True,
        )
    ),
    _Census(
        "facet_word_difference",
        "Difference of the facets in words",
        "absolute difference between the two facets' shares of words",
        definition="absolute difference of the facets' shares of words",
        format="share",
        low=0,
        high=1,
        column="word_share_difference",
    ),
    _Census(
        "facet_concepts",
        "Concepts of a facet",
        "number of concepts in each facet; they are chosen on discovery probes",
        definition="of either, chosen on discovery probes",
        format="count",
        column="k",
    ),
    _Census(
        "explained_shortcut",
        "Shortcut facet explained",
        "part of what the shortcut brings on its facet that is explained by one covariate of the probes, such as ink",
        definition=(
            "part of what the shortcut brings on its facet that one covariate of the probes, such as ink, explains"
        ),
    ),
    _Census(
        "explained_conv",
        "Conv facet explained",
        "part of what the conv branch brings on its facet that is explained by one covariate of the "
        "probes, such as ink",
        definition="the same for the conv branch",
    ),
    _Rate(
        "p",
        "p, enriched",
        "the largest p of all tests that an enriched unit must pass; 1 if a covariate explains a facet",
        definition="the largest of all tests; 1 where a covariate explains a facet",
    ),
    _Rate(
        "q",
        "q, enriched",
        "p corrected by Benjamini and Hochberg over the layer's units that are promising on discovery "
        "probes; 1 for all other units",
        definition=(
            "Benjamini and Hochberg's of p, over the layer's units that discovery probes call promising; 1 "
            "of the others"
        ),
        searchable=True,
        candidate=True,
    ),
    _Rate(
        "q_by",
        "q, enriched, cautious",
        "p corrected by Benjamini and Yekutieli over the same units as q",
        definition="Benjamini and Yekutieli's of p, over the same units",
    ),
    _Rate(
        "p_not_enriched",
        "p, not enriched",
        "p for the effect that is weakest on discovery probes: small if the effect is smaller than an enriched "
        "unit needs",
        definition="of the effect that is weakest on discovery probes, against its being as large as it must be",
    ),
    _Rate(
        "q_not_enriched",
        "q, not enriched",
        "p of being not enriched, corrected by Benjamini and Hochberg",
        definition="Benjamini and Hochberg's of that p",
        searchable=True,
        candidate=True,
    ),
    _Rate(
        "q_not_enriched_by",
        "q, not enriched, cautious",
        "p of being not enriched, corrected by Benjamini and Yekutieli",
        definition="Benjamini and Yekutieli's of that p",
    ),
    _Census(
        "recurrence",
        "Recurrence",
        "share of splits in which the unit has the same verdict; each split holds out one vendor of "
        "pictures and one font",
        definition=(
            "share of the ways to hold out a vendor of pictures and a font in which the unit has the same verdict"
        ),
        format="share",
        low=0,
        high=1,
        bar=True,
        candidate=True,
        searchable=True,
    ),
)
TEXTS = (
    _Text(
        "verdict",
        "Verdict",
        "enriched, not enriched (established), facets alike, or open; null if there is none",
        definition="enriched, not enriched (established), facets alike, or open; null where there is none",
        candidate=True,
    ),
    _Text(
        "weakest_link",
        "Weakest link",
        "the least certain of all conditions that an enriched unit must meet; for a unit that is not "
        "enriched, the one that fails",
        definition=(
            "what is least certain of all that an enriched unit must fulfil; of one that is not enriched, what fails"
        ),
        candidate=True,
    ),
    _Text(
        "low_level",
        "Low-level",
        "the covariates of the probes, such as ink, that explain most of a facet; null if there is none",
        definition="the covariates of the probes, such as ink, that explain most of a facet; null where none does",
        candidate=True,
    ),
    _Text(
        "concepts_shortcut",
        "Shortcut facet",
        "the concepts that the shortcut brings, words in quotation marks",
        candidate=True,
    ),
    _Text(
        "concepts_conv",
        "Conv facet",
        "the concepts that the conv branch brings, words in quotation marks",
        definition="the same for the conv branch",
        candidate=True,
    ),
    _Text(
        "unjudged",
        "unjudged",
        "why there is no verdict; null if there is one",
        definition="why there is no verdict; null where there is one",
    ),
)
