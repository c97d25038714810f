from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.enrichment.two_facets import (
    DRAWS,
    concept_distance,
    concept_means,
    exchange_p,
    reach,
    split,
    two_facets,
    undecided,
    unit_tests,
    word_share_distance,
)
from tests.builders.probe_lists import lists


def world(per_concept: int = 2, concepts: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Facets of probes, and embeddings in which the first half of the concepts lies apart from the second."""
    generator = np.random.default_rng(seed)
    facets = np.repeat(np.arange(concepts), per_concept)
    kinds = generator.normal(size=(2, 8))
    own = generator.normal(size=(concepts, 8)) + 2 * kinds[(np.arange(concepts) >= concepts // 2).astype(int)]
    return facets, own[facets] + 0.1 * generator.normal(size=(len(facets), 8))


def every_exchange(
    first: list[int], second: list[int], facets: np.ndarray, apart: Callable[[list[int], list[int]], float]
) -> float:
    """The exact p of how far two lists are apart, by going through all exchanges of concepts."""
    concepts = sorted({int(facets[probe]) for probe in first + second})
    distances = []
    for moved in product([False, True], repeat=len(concepts)):
        gone = {concept for concept, moves in zip(concepts, moved, strict=True) if moves}
        one = [p for p in first if facets[p] not in gone] + [p for p in second if facets[p] in gone]
        other = [p for p in second if facets[p] not in gone] + [p for p in first if facets[p] in gone]
        distances.append(apart(one, other) if one and other else np.inf)
    return float(np.mean(np.array(distances) >= distances[0] - 1e-9))


@pytest.mark.parametrize("seed", range(4))
def test_the_difference_in_concept_is_tested_against_every_exchange_of_concepts(seed: int) -> None:
    facets, rows = world(seed=seed)
    generator = np.random.default_rng(seed)
    first, second = generator.choice(24, 9, replace=False).tolist(), generator.choice(24, 7, replace=False).tolist()
    given = split(np.array(first), np.array(second), facets, np.zeros(24, bool), rows)
    expected = every_exchange(
        first, second, facets, lambda one, other: float(cosine(rows[one].sum(0), rows[other].sum(0)))
    )
    assert exchange_p(given, concept_distance) == pytest.approx(expected, abs=0.02)


def test_two_kinds_of_concepts_are_two_facets_and_one_kind_is_one() -> None:
    facets, rows = world(concepts=24)
    first, second = np.arange(0, 16), np.arange(32, 48)  # concepts of either kind
    apart = split(first, second, facets, np.zeros(48, bool), rows)
    mixed = split(np.arange(0, 48, 4), np.arange(2, 48, 4), facets, np.zeros(48, bool), rows)
    assert exchange_p(apart, concept_distance) < 0.01
    assert exchange_p(mixed, concept_distance) > 0.05


def test_other_concepts_of_one_kind_in_either_list_are_no_second_facet() -> None:
    """A probe is no observation of its own: two drawings of each concept do not make the lists differ."""
    p = []
    for seed in range(60):
        facets = np.repeat(np.arange(16), 2)
        rows = np.random.default_rng(seed).normal(size=(16, 8))[facets] + 3
        given = split(np.arange(16), np.arange(16, 32), facets, np.zeros(32, bool), rows)
        p.append(exchange_p(given, concept_distance))
    assert np.mean(np.array(p) <= 0.05) <= 0.12  # 0.05 but for chance; were probes exchanged, nearly all


def test_few_concepts_with_many_probes_are_exchanged_probe_by_probe() -> None:
    facets = np.repeat([0, 1], 8)
    rows = np.eye(2)[facets] + 0.01 * np.random.default_rng(0).normal(size=(16, 2))
    given = split(np.arange(8), np.arange(8, 16), facets, np.zeros(16, bool), rows)
    assert given.counts.shape == (2, 16)
    assert exchange_p(given, concept_distance) < 0.001


@pytest.mark.parametrize("seed", range(4))
def test_the_difference_in_modality_is_tested_against_every_exchange_of_concepts(seed: int) -> None:
    facets, rows = world()
    generator = np.random.default_rng(seed)
    words = (generator.random(12) < 0.5)[facets]
    first, second = generator.choice(24, 9, replace=False).tolist(), generator.choice(24, 7, replace=False).tolist()
    given = split(np.array(first), np.array(second), facets, words, rows)
    expected = every_exchange(
        first, second, facets, lambda one, other: abs(float(words[one].mean() - words[other].mean()))
    )
    assert exchange_p(given, word_share_distance) == pytest.approx(expected, abs=0.02)


def test_a_probe_in_both_lists_stays_in_both_and_the_same_lists_are_one_facet() -> None:
    facets, rows = world()
    given = split(np.arange(12), np.arange(12), facets, np.zeros(24, bool), rows)
    assert exchange_p(given, concept_distance) == 1


def test_reach_is_the_mean_over_concepts_and_random_ones_are_its_null() -> None:
    generator = np.random.default_rng(0)
    means = generator.random((6, 300))
    chosen = np.zeros((6, 300), bool)
    chosen[:5, :8] = True
    means[0, :8] = 0.97  # raised
    means[1, :8] = 0.03  # lowered
    found, p = reach(means, chosen)
    np.testing.assert_allclose(found[:5], means[:5, :8].mean(axis=1))
    assert p[0] == pytest.approx(1 / (1 + DRAWS))
    assert p[1] == pytest.approx(1, abs=1e-3)
    assert np.isnan(found[5])
    assert np.isnan(p[5])
    for unit in (2, 3, 4):  # against a normal approximation of the mean of 8 draws
        z = (found[unit] - means[unit].mean()) / (means[unit].std() / np.sqrt(8))
        assert p[unit] == pytest.approx(
            0.5 * (1 - np.sign(z) * (1 - np.exp(-0.717 * abs(z) - 0.416 * z * z))), abs=0.03
        )


def test_p_of_reach_is_uniform_where_there_is_no_effect() -> None:
    generator = np.random.default_rng(1)
    chosen = np.zeros((400, 200), bool)
    chosen[:, :6] = True
    _, p = reach(generator.random((400, 200)), chosen)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_concept_means_are_of_the_probes_of_each_concept() -> None:
    values = np.random.default_rng(0).random((3, 7))
    facets = np.array([4, 1, 4, 9, 1, 1, 4])
    means, there = concept_means(values, facets)
    assert there.tolist() == [1, 4, 9]
    for place, facet in enumerate(there):
        np.testing.assert_allclose(means[:, place], values[:, facets == facet].mean(axis=1))


def test_a_unit_without_a_list_has_no_p_and_is_told_why() -> None:
    facets, rows = world()
    tops = {"shortcut": lists([0, 1, 2], []), "conv": lists([20, 21], [3])}
    shown = ProbeFacts(np.zeros(24, bool), np.zeros(24, bool), facets, facets)
    columns = two_facets(tops, shown, ProbeEmbeddings.of(tops.values(), np.array_split(rows, 5)))
    assert np.isfinite(columns["p_facets"]).tolist() == [True, False]
    reaches = {"reach_shortcut": np.array([0.9, np.nan]), "reach_conv": np.array([np.nan, 0.9])}
    reasons = undecided(tops, reaches)
    assert reasons[0] == "no held-out probe is of what the conv branch answers to"
    assert reasons[1] == "the shortcut branch answers to no probe more than to most"


def test_embeddings_are_gathered_from_all_chunks_by_place() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 4))
    top = lists([3, 29, 0], [17, 3])
    found = ProbeEmbeddings.of([top], np.array_split(rows, 4))
    np.testing.assert_allclose(found.sums(top), [rows[[3, 29, 0]].sum(axis=0), rows[[17, 3]].sum(axis=0)])
    np.testing.assert_array_equal(found.rows[found.local(top).probes[0]], rows[[3, 29, 0]])


def test_the_verdict_is_the_worst_p_and_a_false_discovery_rate_over_the_units_that_have_one() -> None:
    p = np.array([0.001, 0.02, np.nan, 0.03, 0.5])
    found = unit_tests({"p_facets": p, "p_reach_shortcut": p / 2, "p_reach_conv": p / 3})
    np.testing.assert_array_equal(found["p"], p)
    ranked = np.array([0.001, 0.02, 0.03, 0.5]) * 4 / np.array([1, 2, 3, 4])  # Benjamini and Hochberg, written out
    np.testing.assert_allclose(found["q"][[0, 1, 3, 4]], np.minimum.accumulate(ranked[::-1])[::-1])
    assert np.isnan(found["q"][2])
