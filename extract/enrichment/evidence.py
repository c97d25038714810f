"""Measure the evidence that a sum unit joins two facets, one from each branch: list differences and reach.

A list holds a branch's top discovery probes. Two branches that answer to different things have lists that differ in
concept or in modality. That says nothing about the sum, which may discard one of them. So reach asks: does the sum rise
on new images of what a branch answers to? Those are held-out probes with the concepts and modalities of the branch's
list. They are chosen by concept, never by the branch's own activation: a branch is a part of its sum, so that would be
circular. Reach is a percentile among all held-out probes, so 0.5 for a facet that the sum does not know.
"""

from collections.abc import Mapping

import numpy as np

from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.enrichment.shortcut_share import ratio
from extract.enrichment.two_facets import concept_means, reach
from extract.recording.percentiles import percentiles
from extract.responses.top_probes import RankedProbes


def evidence(
    facts: ProbeFacts, top_probes: Mapping[str, RankedProbes], output: np.ndarray, embeddings: ProbeEmbeddings
) -> dict[str, np.ndarray]:
    """Columns of the evidence table except the shares, and both p of reach: float64 (units,).

    `top_probes` are the branches' top lists, `output` the sum after its ReLU (units, probes), `embeddings` those of the
    probes in the lists. NaN where a branch has no list.
    """
    shortcut, conv = top_probes["shortcut"], top_probes["conv"]
    words_shortcut, words_conv = _word_share(facts, shortcut), _word_share(facts, conv)
    columns = {
        "overlap": overlap(shortcut, conv),
        "concept_difference": _concept_difference(embeddings.sums(shortcut), embeddings.sums(conv)),
        "modality_difference": np.abs(words_shortcut - words_conv),
        "words_shortcut": words_shortcut,
        "words_conv": words_conv,
    }
    percentile = percentiles(output[:, facts.held_out].T).T  # (units, held-out)
    means, concepts = concept_means(percentile, facts.facets[facts.held_out])  # (units, concepts)
    for branch in ("shortcut", "conv"):
        listed = _listed_concepts(facts, top_probes[branch])[:, concepts]  # (units, concepts)
        columns[f"reach_{branch}"], columns[f"p_reach_{branch}"] = reach(means, listed)
    return columns


def _word_share(facts: ProbeFacts, top: RankedProbes) -> np.ndarray:
    return ratio((facts.words[top.probes] & top.valid).sum(axis=1), top.valid.sum(axis=1))


def overlap(one: RankedProbes, other: RankedProbes) -> np.ndarray:
    """Probes in both lists over the length of the longer one, float64 (units,); NaN where a list is empty."""
    both = (one.probes[:, :, None] == other.probes[:, None, :]) & one.valid[:, :, None] & other.valid[:, None, :]
    lengths = np.stack([one.valid.sum(axis=1), other.valid.sum(axis=1)])
    return ratio(both.sum(axis=(1, 2)), np.where(lengths.min(axis=0) > 0, lengths.max(axis=0), 0))


def _concept_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 minus the cosine of the lists' summed embeddings; their lengths do not matter."""
    return 1 - ratio((one * other).sum(axis=1), np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))


def _listed_concepts(facts: ProbeFacts, top: RankedProbes) -> np.ndarray:
    """Which concepts, each in its modality, are in every unit's list: bool (units, all of them)."""
    unit, rank = np.nonzero(top.valid)
    listed = np.zeros((len(top.probes), facts.facets.max() + 1), bool)
    listed[unit, facts.facets[top.probes[unit, rank]]] = True
    return listed
