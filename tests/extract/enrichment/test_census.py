"""The census on planted worlds; tests/benchmarks/census takes more of them, and prints rates by kind."""

import numpy as np
import pyarrow as pa
import pytest

from extract.enrichment.attribution import attribution
from extract.enrichment.census import CensusWays, census, measure, verdicts
from extract.enrichment.census_measures import effect_columns, own_facets
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.false_discovery import corrected, corrected_over
from extract.errors import CensusError
from tests.builders.planted_arrays import HELD_OUT, World, world

CLEAR = ("clear", "word and picture", "three facets")
NONE = ("one facet", "echo", "rescaling", "discarded", "noise", "halves")
ALIKE = ("near facets", "clusters")
LOW_LEVEL = ("ink", "trigram", "width")


@pytest.fixture(scope="module")
def planted() -> World:
    return world(7, units=112, kinds=CLEAR + NONE + ALIKE + LOW_LEVEL)


def of_world(shown: World) -> pa.Table:
    return census(shown.shortcut, shown.conv, shown.probes, shown.embeddings, shown.covariates)


@pytest.fixture(scope="module")
def judged(planted: World) -> pa.Table:
    return of_world(planted)


def share(judged: pa.Table, planted: World, kinds: tuple[str, ...], verdict: str) -> float:
    verdicts = np.array(judged["verdict"].to_pylist())
    return float(np.mean(verdicts[np.isin(planted.kinds, kinds)] == verdict))


def test_planted_enrichment_is_enriched_and_nothing_else_is(judged: pa.Table, planted: World) -> None:
    assert share(judged, planted, CLEAR, "enriched") >= 0.9
    assert share(judged, planted, NONE + ALIKE + LOW_LEVEL, "enriched") == 0


def test_rescaling_and_discarding_are_established_not_enriched(judged: pa.Table, planted: World) -> None:
    assert share(judged, planted, ("rescaling", "discarded"), "not enriched") >= 0.8
    assert share(judged, planted, CLEAR, "not enriched") == 0


def test_near_facets_are_alike_and_a_concept_as_word_and_picture_is_not(judged: pa.Table, planted: World) -> None:
    assert share(judged, planted, ALIKE, "facets alike") >= 0.9
    assert share(judged, planted, ("word and picture",), "facets alike") == 0


def test_ink_a_trigram_and_width_are_low_level(judged: pa.Table, planted: World) -> None:
    flagged = np.array(judged["low_level"].to_pylist())
    assert flagged[np.isin(planted.kinds, LOW_LEVEL)].mean() >= 0.9
    assert not flagged[np.isin(planted.kinds, CLEAR)].any()
    for kind in LOW_LEVEL:
        names = np.array(judged["covariate_conv"].to_pylist())[(planted.kinds == kind) & flagged]
        assert set(names) == {kind}


def test_facets_hold_the_planted_concepts(judged: pa.Table, planted: World) -> None:
    unit = int(np.flatnonzero(planted.kinds == "clear")[0])
    for side, branch in enumerate(("shortcut", "conv")):
        places = planted.places([judged[f"concepts_{branch}"][unit].as_py()])
        assert (planted.drives[side, unit, places, HELD_OUT] > 1.5).mean() >= 0.8  # a member's is 3


def test_own_facets_are_the_concepts_that_discovery_probes_show_most(planted: World) -> None:
    brought = attribution(planted.shortcut, planted.conv)
    measured = measure(brought, CensusWays(CensusProbes.of(planted.probes, planted.embeddings)))[0]
    discovery = planted.split == "discovery"  # two images of each concept, in the order of the concepts
    both = brought.shortcut[discovery], brought.conv[discovery]
    r, b = (each.reshape(-1, 2, len(planted.kinds)).mean(axis=1).T for each in both)  # (units, concepts) each
    seen = []
    for units, facets in own_facets(measured):
        for places, scores in ((facets.shortcut, r - np.abs(b)), (facets.conv, b - np.abs(r))):
            best = -np.sort(-scores[units])[:, : facets.size]
            np.testing.assert_allclose(np.take_along_axis(scores[units], places, axis=1), best, atol=1e-8)
        assert set(measured["k"][units]) == {facets.size}
        seen.extend(units.tolist())
    assert sorted(seen) == list(range(len(planted.kinds)))


def test_the_order_of_images_changes_no_verdict(judged: pa.Table, planted: World) -> None:
    order = np.random.default_rng(0).permutation(len(planted.conv))
    again = census(
        planted.shortcut[order],
        planted.conv[order],
        planted.probes.take(order),
        planted.embeddings[order],
        planted.covariates.take(order),
    )
    for name in ("verdict", "weakest_link", "k", "concepts_conv", "concepts_shortcut", "low_level"):
        assert again[name].to_pylist() == judged[name].to_pylist()
    np.testing.assert_allclose(again["p"], judged["p"], rtol=1e-6)


def test_the_weakest_link_names_what_fails(judged: pa.Table, planted: World) -> None:
    links = np.array(judged["weakest_link"].to_pylist())
    verdicts = np.array(judged["verdict"].to_pylist())
    assert set(links[verdicts == "facets alike"]) == {"the facets lie apart"}
    rescaling = links[(planted.kinds == "rescaling") & (verdicts == "not enriched")]
    assert set(rescaling) <= {"conv brings its facet rather than the shortcut's", "the conv facet comes over conv"}


def test_conv_taken_out_leaves_nothing_enriched(planted: World) -> None:
    still = np.zeros_like(planted.conv) + planted.conv.mean(axis=(0, 2))[None, :, None]
    table = census(planted.shortcut, still, planted.probes, planted.embeddings)
    assert set(table["verdict"].to_pylist()) == {"not enriched"}


def test_the_table_names_its_settings_and_probes(judged: pa.Table) -> None:
    metadata = judged.schema.metadata
    assert metadata[b"settings_hash"].decode() == CensusSettings().hash
    assert metadata[b"probes"] == b"480 concepts as pictures, 480 as words"
    assert CensusSettings(rho=0.1).hash != CensusSettings().hash


def test_q_is_that_of_benjamini_and_hochberg_and_of_benjamini_and_yekutieli() -> None:
    p = np.array([0.001, 0.02, 0.03, 0.5])
    by_hand = np.minimum.accumulate((p * 4 / np.array([1, 2, 3, 4]))[::-1])[::-1]
    np.testing.assert_allclose(corrected(p), by_hand)
    np.testing.assert_allclose(corrected(p, "by"), np.minimum(1, by_hand * (1 + 1 / 2 + 1 / 3 + 1 / 4)))


def test_q_is_over_the_units_that_are_tested() -> None:
    tested, p = np.array([True, False, True, True]), np.array([0.001, 0.0001, 0.03, 0.5])
    np.testing.assert_allclose(corrected_over(tested, p), [0.003, 1, 0.045, 0.5])
    assert set(corrected_over(np.zeros(4, bool), p)) == {1}


def test_promising_are_units_whose_every_contrast_is_above_zero_on_discovery_probes() -> None:
    """Both branches bring a facet of 2 and nothing else, but on discovery probes the second unit's conv does not."""
    rng, settings, concepts = np.random.default_rng(0), CensusSettings(), 12
    means = np.array([[2.0, 0.0], [0.0, 2.0]])  # of shortcut and conv on the shortcut's facet, and on conv's
    held_out, discovery = (tuple(facet + 0.1 * rng.normal(size=(2, concepts, 2)) for facet in means) for _ in range(2))
    discovery[1][1, :, 1] = 0
    columns = effect_columns(held_out, discovery, settings)
    assert columns["promising"].tolist() == [True, False]
    assert (columns["p_contrasts"] < 1e-6).all()


def test_a_unit_that_passes_every_test_but_is_not_promising_is_open_and_says_why() -> None:
    names, numbers = np.full(3, "rise_conv", object), np.array([0.001, 0.001, 0.4])
    columns = dict.fromkeys(("low_level_shortcut", "low_level_conv"), np.zeros(3, bool))
    columns |= {"promising": np.array([True, False, False]), "weakest": names, "failing": names}
    columns |= {
        "p_contrasts": numbers,
        "p_distance": numbers / 2,
        "p_not_enriched": 1 - numbers,
        "distance_high": np.ones(3),
    }
    judged = verdicts(columns, CensusSettings())
    assert judged["verdict"].tolist() == ["enriched", "open", "open"]
    rise = "the sum rises on the conv facet"
    assert judged["weakest_link"].tolist() == [rise, "all of it holds on discovery probes, too", rise]


def test_input_that_does_not_fit_is_refused(planted: World) -> None:
    shortcut, conv, probes, rows = planted.shortcut, planted.conv, planted.probes, planted.embeddings
    hole = conv.copy()
    hole[3, 1, 2] = np.nan
    with pytest.raises(CensusError, match="conv holds NaN"):
        census(shortcut, hole, probes, rows)
    with pytest.raises(CensusError, match="Give both maps of the same units"):
        census(shortcut[:, :5], conv, probes, rows)
    with pytest.raises(CensusError, match=r"Give maps of \(images, units, positions\)"):
        census(shortcut[..., 0], conv[..., 0], probes, rows)
    for settings in ({"sizes": (2,)}, {"sizes": ()}, {"level": 2}):
        with pytest.raises(CensusError, match=r"Give"):
            CensusSettings(**settings)
    with pytest.raises(CensusError, match="no column split"):
        census(shortcut, conv, probes.drop(["split"]), rows)
    strange = probes.set_column(2, "split", pa.array(["test"] * probes.num_rows))
    with pytest.raises(CensusError, match=r"split \['test'\]"):
        census(shortcut, conv, strange, rows)
    unnamed = probes.append_column("source", pa.array([None, *["noto"] * (probes.num_rows - 1)], pa.string()))
    with pytest.raises(CensusError, match="rows without a source"):
        census(shortcut, conv, unnamed, rows)
    with pytest.raises(CensusError, match="Give one row of finite numbers for each probe"):
        census(shortcut, conv, probes, rows[:-1])
    with pytest.raises(CensusError, match="covariates has 10 rows"):
        census(shortcut, conv, probes, rows, planted.covariates.slice(0, 10))
    with pytest.raises(CensusError, match="covariate ink is string"):
        census(shortcut, conv, probes, rows, pa.table({"ink": ["much"] * probes.num_rows}))
    with pytest.raises(CensusError, match="10 concepts"):
        census(shortcut[:30], conv[:30], probes.slice(0, 30), rows[:30])
