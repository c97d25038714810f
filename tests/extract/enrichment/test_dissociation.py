"""Double dissociation: effects of planted units on concepts, states, nearby concepts, and the stored table."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.stats import ttest_1samp, ttest_ind

from extract.ablation.branch_ablation import BranchAblation, ablate_branches
from extract.enrichment import census
from extract.enrichment.attribution import attribution
from extract.enrichment.census_measures import BRANCHES, Columns, own_facets
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.contrasts import Values
from extract.enrichment.dissociation import dissociations, own_dissociations, states
from extract.enrichment.facets import Facets
from extract.enrichment.facts import ProbeEmbeddings
from extract.enrichment.nearby_concepts import CONCEPTS, Nearness, nearby_concepts
from extract.enrichment.pipeline import measure
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes.table import images
from extract.recording.branch_maps import branch_maps
from extract.responses.top_probes import RankedProbes
from extract.units import Layer
from tests.builders.extractions import without_edges
from tests.builders.last_block import last_block
from tests.builders.planted_arrays import World, world
from tests.builders.probe_lists import lists

SETTINGS = CensusSettings()
SPREAD = 0.2  # of concepts, in standard deviations of the sum


def values(
    on_shortcut: tuple[float, float, float], on_conv: tuple[float, float, float], units: int = 1, seed: int = 0
) -> tuple[Values, Values]:
    """Rise, loss without the shortcut and loss without conv on twelve concepts of either facet; in two splits."""
    rng = np.random.default_rng(seed)
    means = on_shortcut, on_conv
    held_out, discovery = (
        tuple(np.array(mean) + SPREAD * rng.normal(size=(units, 12, 3)) for mean in means) for _ in range(2)
    )
    return held_out, discovery  # type: ignore[return-value]


def judged(on_shortcut: tuple[float, float, float], on_conv: tuple[float, float, float]) -> Columns:
    """Twenty equal units."""
    columns = dissociations(*values(on_shortcut, on_conv, units=20), SETTINGS)
    return columns | states(columns, np.ones(20, bool))


def share(columns: Columns, state: str) -> float:
    return float(np.mean(columns["state"] == state))


def test_a_unit_that_loses_either_facet_with_its_own_branch_is_supported() -> None:
    columns = judged((2, 2, 0), (1, 0, 1))
    assert share(columns, "supported") == 1
    assert (columns["q"] < 0.05).all()


def test_effects_and_bounds_are_those_of_welch() -> None:
    on_shortcut, on_conv = values((2, 2, 0), (1, 0, 1))[0]
    columns = dissociations((on_shortcut, on_conv), (on_shortcut * 0, on_conv * 0), SETTINGS)
    loss = ttest_ind(on_conv[0, :, 2], on_shortcut[0, :, 2], equal_var=False)
    assert columns["effect_conv"][0] == pytest.approx(on_conv[0, :, 2].mean() - on_shortcut[0, :, 2].mean())
    assert columns["effect_shortcut"][0] == pytest.approx(on_shortcut[0, :, 1].mean() - on_conv[0, :, 1].mean())
    assert columns["rise_conv"][0] == pytest.approx(on_conv[0, :, 0].mean())
    ends = loss.confidence_interval(0.9)  # two tails of 5 %
    assert columns["effect_conv_low"][0] == pytest.approx(ends.low, rel=0.02)  # a constant forecast costs a freedom
    assert columns["effect_conv_high"][0] == pytest.approx(ends.high, rel=0.02)


def test_what_remains_without_a_branch_is_the_rise_less_the_loss_with_the_t_of_one_sample() -> None:
    on_shortcut, on_conv = values((2, 2, 0.5), (1, 0.2, 1))[0]
    columns = dissociations((on_shortcut, on_conv), (on_shortcut * 0, on_conv * 0), SETTINGS)
    for name, facet, loss in (
        ("rise_shortcut_without_shortcut", on_shortcut, 1),
        ("rise_shortcut_without_conv", on_shortcut, 2),
        ("rise_conv_without_shortcut", on_conv, 1),
        ("rise_conv_without_conv", on_conv, 2),
    ):
        remains = facet[0, :, 0] - facet[0, :, loss]
        ends = ttest_1samp(remains, 0).confidence_interval(0.9)  # two tails of 5 %
        assert columns[name][0] == pytest.approx(remains.mean())
        margin = (ends.high - ends.low) / 2
        assert columns[f"{name}_low"][0] == pytest.approx(
            ends.low, abs=0.1 * margin
        )  # a constant forecast costs a freedom
        assert columns[f"{name}_high"][0] == pytest.approx(ends.high, abs=0.1 * margin)


def test_facets_that_are_lost_with_the_other_branch_are_contradicted() -> None:
    assert share(judged((2, 0, 1), (1, 1, 0)), "contradicted") == 1


def test_a_facet_on_which_the_sum_does_not_rise_is_inconclusive() -> None:
    assert share(judged((2, 2, 0), (-0.5, 0, 1)), "inconclusive") == 1


@pytest.mark.parametrize(("on_shortcut", "on_conv"), [((2, 2, 0), (2, 2, 0)), ((2, 2, 0), (0, 0, 0)), ((0,) * 3,) * 2])
def test_one_facet_or_none_is_not_supported(
    on_shortcut: tuple[float, float, float], on_conv: tuple[float, float, float]
) -> None:
    assert share(judged(on_shortcut, on_conv), "supported") == 0


@pytest.mark.parametrize("effect", [0.15, 0.4])  # below delta, and below a quarter of the rise of 2
def test_a_loss_that_is_sure_and_small_is_not_supported(effect: float) -> None:
    columns = judged((2, 2, 0), (1, 0, effect))
    assert np.median(columns["effect_conv_low"]) > 0
    assert share(columns, "supported") == 0
    assert share(columns, "contradicted") == 0


def test_at_the_boundary_one_in_twenty_has_a_p_of_a_twentieth() -> None:
    """The loss of conv is exactly a quarter of the rise: a threshold that is itself measured."""
    columns = dissociations(*values((4, 4, 0), (1.5, 0, 1), units=2000), SETTINGS)
    assert np.mean(columns["p_supported"] <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_states_are_corrected_over_the_units_that_were_tested() -> None:
    p = np.array([0.004, 0.011, 0.04, 0.9, 0.0])
    tested = np.array([True, True, True, True, False])
    columns = states({"p_supported": p, "p_contradicted": np.ones(5)}, tested)
    assert columns["state"].tolist() == ["supported", "supported", "inconclusive", "inconclusive", None]
    np.testing.assert_allclose(columns["q"], [0.016, 0.022, 0.04 * 4 / 3, 0.9, np.nan])


@pytest.fixture(scope="module")
def planted() -> World:
    return world(7, units=80, kinds=("clear", "word and picture", "one facet", "echo", "rescaling", "discarded"))


def test_ablation_supports_what_was_planted_and_nothing_else(planted: World) -> None:
    probes = CensusProbes.of(planted.probes, planted.embeddings)
    ablation = ablate_branches(planted.shortcut, planted.conv)
    measured = census.measure(attribution(planted.shortcut, planted.conv), census.CensusWays(probes))[0]
    columns = own_dissociations(own_facets(measured), ablation, probes)
    supported = states(columns, np.ones(80, bool))["state"] == "supported"
    enriched = np.isin(planted.kinds, ("clear", "word and picture"))
    assert supported[enriched].mean() >= 0.9
    assert not supported[~enriched].any()


def two_kinds() -> tuple[pa.Table, np.ndarray]:
    """Sixty concepts in either modality, even ones of one kind and odd ones of another, with their embeddings."""
    rng = np.random.default_rng(0)
    concept = np.repeat(np.arange(120), 2)
    words = concept >= 60
    kinds = np.eye(2)[concept % 2] * 3 + [[0.3, 0.0]] * words[:, None]
    rows = kinds + 0.3 * rng.normal(size=(60 * 4, 2))
    probes = pa.table(
        {
            "modality": ["word" if word else "picture" for word in words],
            "concept": [f"{c % 60:02}" for c in concept],
            "split": ["discovery", "held-out"] * 120,
        }
    )
    return probes, rows


def test_new_concepts_are_near_the_own_list_nearer_than_to_the_other_and_in_neither() -> None:
    probes, rows = two_kinds()
    tops: dict[str, RankedProbes] = {"shortcut": lists([0, 4, 8]), "conv": lists([2, 6, 122, 126])}
    known = CensusProbes.of(probes, rows)
    near = nearby_concepts(
        Nearness.of(tops, probes, ProbeEmbeddings.of(tops.values(), [rows]), known), [], known.concepts
    )
    assert near.complete.tolist() == [True]
    shortcut, conv = (known.concepts.names[places[0]].tolist() for places in (near.facets.shortcut, near.facets.conv))
    assert len(set(shortcut)) == len(set(conv)) == CONCEPTS
    assert all(int(name) % 2 == 0 for name in shortcut)  # pictures, as the list
    assert not {"00", "02", "04"} & set(shortcut)
    assert [name.startswith("\u201c") for name in conv].count(True) == CONCEPTS // 2  # half of them words, as the list
    assert all(int(name.strip("\u201c\u201d")) % 2 == 1 for name in conv)
    assert not {"01", "03", "\u201c01\u201d", "\u201c03\u201d"} & set(conv)


def test_a_concept_of_a_list_is_not_new_in_the_other_modality() -> None:
    probes, rows = two_kinds()
    tops: dict[str, RankedProbes] = {"shortcut": lists([0, 4, 128, 132]), "conv": lists([2, 6, 130, 134])}
    known = CensusProbes.of(probes, rows)
    near = nearby_concepts(
        Nearness.of(tops, probes, ProbeEmbeddings.of(tops.values(), [rows]), known), [], known.concepts
    )
    places = np.concatenate([near.facets.shortcut[0], near.facets.conv[0]])
    names = {name.strip("\u201c\u201d") for name in known.concepts.names[places]}
    assert near.complete.all()
    assert not {"00", "02", "04", "06", "01", "03", "05", "07"} & names


def fifteen_each() -> ProbeConcepts:
    """Pictures 0 to 14, then words 0 to 14."""
    rows = [
        {"modality": modality, "concept": f"{n:02}", "split": split}
        for modality in ("picture", "word")
        for n in range(15)
        for split in ("discovery", "held-out")
    ]
    return ProbeConcepts.of(pa.Table.from_pylist(rows))


def near_to(*places: list[int]) -> np.ndarray:
    """Nearness of thirty concepts, of every unit to these alone: (units, 30)."""
    near = np.full((len(places), 30), -np.inf)
    for unit, own in enumerate(places):
        near[unit, own] = np.linspace(0.9, 0.5, len(own))
    return near


def test_concepts_that_lack_of_either_modality_leave_a_unit_without_new_ones() -> None:
    most, few_words, few_pictures = list(range(30)), [*range(15), 15, 16, 17], [0, 1, 2, *range(15, 30)]
    shortcut, conv = near_to(most, most, few_words, most), near_to(most, few_words, most, few_pictures)
    six = np.full(4, 6)
    near = nearby_concepts(
        Nearness({"shortcut": shortcut, "conv": conv}, dict.fromkeys(BRANCHES, six)), [], fifteen_each()
    )
    assert near.complete.tolist() == [True, False, False, False]
    assert all(len(set(facet[0].tolist())) == CONCEPTS for facet in (near.facets.shortcut, near.facets.conv))


def test_concepts_of_the_own_facets_are_not_new_in_either_modality() -> None:
    own = [(np.array([1]), Facets(np.array([[0, 1]]), np.array([[17, 18]])))]
    nearness = Nearness(
        dict.fromkeys(BRANCHES, near_to([*range(30)], [*range(30)])), dict.fromkeys(BRANCHES, np.full(2, 6))
    )
    near = nearby_concepts(nearness, own, fifteen_each())
    assert near.complete.all()
    assert near.facets.conv.tolist() == [
        [15, 16, 17, 18, 19, 20, 0, 1, 2, 3, 4, 5],
        [19, 20, 21, 22, 23, 24, 4, 5, 6, 7, 8, 9],  # without 0 to 3, be they pictures or words
    ]
    np.testing.assert_array_equal(near.facets.shortcut, near.facets.conv)


def test_a_branch_without_top_probes_has_no_new_concepts() -> None:
    shown, far = world(8, units=2), 3 * 200  # the first image of another group
    tops: dict[str, RankedProbes] = {"shortcut": lists([0, 3], [0, 3]), "conv": lists([], [far, far + 3])}
    embeddings = ProbeEmbeddings.of(tops.values(), [shown.embeddings])
    known = CensusProbes.of(shown.probes, shown.embeddings)
    near = nearby_concepts(Nearness.of(tops, shown.probes, embeddings, known), [], known.concepts)
    assert near.complete.tolist() == [False, True]


def written_out(shortcut: torch.Tensor, conv: torch.Tensor) -> BranchAblation:
    """Ablate both branches of maps (n, c, h, w) by hand."""
    z, without_shortcut, without_conv = (
        maps.clamp(min=0).mean((2, 3)).double().numpy()
        for maps in (
            shortcut + conv,
            shortcut.mean((0, 2, 3))[:, None, None] + conv,
            shortcut + conv.mean((0, 2, 3))[:, None, None],
        )
    )
    sd = np.where(z.std(axis=0) > 0, z.std(axis=0), np.inf)
    return BranchAblation((z - z.mean(axis=0)) / sd, (z - without_shortcut) / sd, (z - without_conv) / sd)


def compare(found: BranchAblation, expected: BranchAblation) -> None:
    for name in ("rise", "lost_shortcut", "lost_conv"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-3, err_msg=name)


def test_an_ablation_is_the_branch_s_maps_replaced_by_their_mean(tiny: Network, noise: pa.Table) -> None:
    pixels = torch.cat(list(stack(images(noise), tiny.preprocess, 32)))
    with torch.no_grad():
        shortcut, conv, _, _ = last_block(tiny, pixels)  # (n, c, h, w) each
    maps = branch_maps(tiny, images(noise), tiny.architecture.final)
    compare(ablate_branches(maps.shortcut, maps.conv), written_out(shortcut, conv))


def test_ablations_of_a_block_with_a_downsample_take_its_output_for_the_shortcut(
    tiny: Network, noise: pa.Table
) -> None:
    visual: Any = tiny.visual
    pixels = torch.cat(list(stack(images(noise[:8]), tiny.preprocess, 8)))
    with torch.no_grad():
        inside = visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels))))
        shortcut, block = visual.layer4[0].downsample(inside), visual.layer4[0]
        conv = block.act2(block.bn2(block.conv2(block.act1(block.bn1(block.conv1(inside))))))
        conv = block.bn3(block.conv3(block.avgpool(conv)))
    maps = branch_maps(tiny, images(noise[:8]), Layer(4, 0, 8))
    compare(ablate_branches(maps.shortcut, maps.conv), written_out(shortcut, conv))
    assert not visual.layer4[0].act3._forward_pre_hooks  # none is left behind


def test_a_sum_that_never_changes_loses_nothing() -> None:
    still = np.full((20, 2, 4), 0.7, np.float32)
    found = ablate_branches(still, still)
    assert not np.any([found.rise, found.lost_shortcut, found.lost_conv])


def test_measuring_probes_leaves_a_state_or_a_reason_for_every_unit(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    extraction, layer = without_edges(tiny, tmp_path / "x"), tiny.architecture.final
    measure(tiny, extraction, noise, [layer], progress=False)
    rows = extraction.table("ablation").to_pylist()
    assert [row["channel"] for row in rows] == list(range(tiny.architecture.channels(layer)))
    for row in rows:
        assert (row["state"] is None) != (row["unproven"] is None)
        assert row["nearby_state"] is None or (row["state"] == "supported" and row["facet_conv"])
    assert any(row["state"] for row in rows)
    again: Extraction = Extraction.open(extraction.path)
    assert again.table("ablation").equals(extraction.table("ablation"))


def test_a_folder_with_an_earlier_versions_dissociation_opens_and_is_ablated_anew(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    extraction, layer = without_edges(tiny, tmp_path / "x"), tiny.architecture.final
    measure(tiny, extraction, noise, [layer], progress=False)
    whole = extraction.table("ablation")
    extraction.drop(extraction.under("ablation.parquet"))
    extraction.add({"dissociation.parquet": {"of an earlier version": np.zeros(1)}})
    opened = Extraction.open(extraction.path)
    assert opened.table("ablation").num_rows == 0
    measure(tiny, opened, noise, [layer], progress=False)
    assert opened.table("ablation").equals(whole)
    assert not opened.has("dissociation.parquet")
