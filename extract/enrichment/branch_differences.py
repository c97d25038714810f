"""Measure how a sum's branches differ in what they respond to: overlap, concepts and modality of their top probes.

The differences say nothing about the sum, which may discard a branch; the census tests whether both branches reach it.
"""

from collections.abc import Mapping

import numpy as np

from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.enrichment.shortcut_share import ratio
from extract.responses.top_probes import RankedProbes


def branch_differences(
    facts: ProbeFacts, top_probes: Mapping[str, RankedProbes], embeddings: ProbeEmbeddings
) -> dict[str, np.ndarray]:
    """Compute the columns of the evidence table except the shares: float64 (units,), NaN where a branch has no list.

    `top_probes` are the branches' top lists, and `embeddings` are of the probes in these lists.
    """
    shortcut, conv = top_probes["shortcut"], top_probes["conv"]
    words_shortcut, words_conv = _word_share(facts, shortcut), _word_share(facts, conv)
    return {
        "overlap": overlap(shortcut, conv),
        "concept_difference": _concept_difference(embeddings.sums(shortcut), embeddings.sums(conv)),
        "modality_difference": np.abs(words_shortcut - words_conv),
        "words_shortcut": words_shortcut,
        "words_conv": words_conv,
    }


def _word_share(facts: ProbeFacts, top: RankedProbes) -> np.ndarray:
    return ratio((facts.words[top.probes] & top.valid).sum(axis=1), top.valid.sum(axis=1))


def overlap(one: RankedProbes, other: RankedProbes) -> np.ndarray:
    """Divide the number of probes in both lists by the longer list's length: float64 (units,); NaN if one is empty."""
    both = (one.probes[:, :, None] == other.probes[:, None, :]) & one.valid[:, :, None] & other.valid[:, None, :]
    lengths = np.stack([one.valid.sum(axis=1), other.valid.sum(axis=1)])
    return ratio(both.sum(axis=(1, 2)), np.where(lengths.min(axis=0) > 0, lengths.max(axis=0), 0))


def _concept_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compute 1 minus the cosine of the lists' summed embeddings, whose lengths do not matter."""
    return 1 - ratio((one * other).sum(axis=1), np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
