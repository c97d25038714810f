"""The statistics of the double dissociation, for the one table of statistics.

The double dissociation tests what a sum loses on either facet without either branch.
"""

from functools import partial

from extract.folder.statistic import Statistic, bounded

_Ablation = partial(Statistic, of="sums", table="ablation")
_Rate = partial(_Ablation, format="rate", low=0, high=1, since=6)
_Text = partial(_Ablation, kind="text")


_BRANCHES = {"shortcut": "the shortcut", "conv": "conv"}


def _remaining(facet: str, without: str) -> tuple[Statistic, ...]:
    """Describe the rise on a facet that remains without a branch, and its bounds."""
    return bounded(
        _Ablation(
            f"rise_{facet}_without_{without}",
            f"Rise on the {facet} facet without {_BRANCHES[without]}",
            f"how far the sum rises on the {facet} facet where {_BRANCHES[without]} is replaced by its mean",
            since=6,
        )
    )


NUMBERS = (
    *bounded(
        _Ablation(
            "effect_conv",
            "Effect of conv on its facet",
            "conv is replaced by its mean: how much more the sum loses on the conv facet than on the "
            "shortcut facet, in standard deviations of the sum, on held-out probes",
            definition=(
                "how much more of the sum is lost on the conv facet than on the shortcut's where conv is "
                "replaced by its mean, in standard deviations of the sum, on held-out probes"
            ),
            candidate=True,
        ),
        candidate=True,
    ),
    *bounded(
        _Ablation(
            "effect_shortcut",
            "Effect of the shortcut on its facet",
            "the shortcut is replaced by its mean: how much more the sum loses on the shortcut facet than on "
            "the conv facet, in standard deviations of the sum, on held-out probes",
            definition="the same for the shortcut: how much more is lost on its own facet than on conv's",
            candidate=True,
        ),
        candidate=True,
    ),
    *_remaining("shortcut", "shortcut"),
    *_remaining("shortcut", "conv"),
    *_remaining("conv", "shortcut"),
    *_remaining("conv", "conv"),
    _Rate(
        "q_ablation",
        "q, supported by ablation",
        "the largest p of all effects and rises, corrected by Benjamini and Hochberg over the units of the layer",
        definition="Benjamini and Hochberg's, over the units of the layer, of the largest p of all effects and rises",
        column="q",
        candidate=True,
    ),
    *bounded(
        _Ablation(
            "nearby_effect_conv",
            "Effect of conv on concepts near its own",
            "the effect of conv, measured on new concepts: they lie near the concepts of either branch's top probes, "
            "and are among neither branch's",
            definition=(
                "the effect of conv on new concepts, near those of either branch's top probes and among neither's"
            ),
            since=6,
        )
    ),
    *bounded(
        _Ablation(
            "nearby_effect_shortcut",
            "Effect of the shortcut on concepts near its own",
            "the effect of the shortcut, measured on new concepts: they lie near the concepts of either branch's top "
            "probes, and are among neither branch's",
            definition="the same for the shortcut",
            since=6,
        )
    ),
    *bounded(
        _Ablation(
            "nearby_rise_conv",
            "Rise on concepts near conv's",
            "how far the sum rises above its mean over all probes on new concepts near those of conv's top "
            "probes, in standard deviations; below zero if the sum discards them",
            definition=(
                "how far the sum lies above its mean over all probes on new concepts near those of conv's top "
                "probes, in standard deviations; below nought where the sum discards them"
            ),
            since=5,
        )
    ),
    *bounded(
        _Ablation(
            "nearby_rise_shortcut",
            "Rise on concepts near the shortcut's",
            "how far the sum rises above its mean over all probes on new concepts near those of the "
            "shortcut's top probes, in standard deviations; below zero if the sum discards them",
            definition="the same on new concepts near those of the shortcut's top probes",
            since=5,
        )
    ),
    _Rate(
        "q_nearby_ablation",
        "q, supported by ablation nearby",
        "the same q as for ablation, measured on the new concepts",
        definition="the same on new concepts",
        column="nearby_q",
    ),
)
TEXTS = (
    _Text(
        "ablation",
        "Ablation",
        "supported, contradicted or inconclusive on the facets of the census; null where nothing can be lost",
        column="state",
        candidate=True,
        since=5,
    ),
    _Text(
        "nearby_ablation",
        "Ablation nearby",
        "supported, contradicted or inconclusive on new concepts near those of either branch's top "
        "probes; null unless ablation supports the unit and there are enough of these concepts",
        definition=(
            "where it supports, the same on new concepts near those of either branch's top probes; null for too few"
        ),
        column="nearby_state",
        candidate=True,
        since=6,
    ),
    _Text(
        "unproven",
        "unproven",
        "why ablation says nothing; null if it says something",
        definition="why ablation says nothing; null where it does",
    ),
    _Text(
        "facet_conv",
        "facet_conv",
        "the new concepts near those of the conv branch's top probes, words in quotation marks",
    ),
    _Text(
        "facet_shortcut",
        "facet_shortcut",
        "the new concepts near those of the shortcut's top probes, words in quotation marks",
        definition="the same for the shortcut's",
    ),
)
