from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from extract.ablation.branch_ablation import BranchAblation, ablate_branches
from extract.enrichment.dissociation import CONCEPTS, Concepts, Sides, effects, sides, verdicts
from extract.enrichment.facts import ProbeEmbeddings
from extract.enrichment.pipeline import measure
from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes.sources import ProbeTable
from extract.probes.table import images
from extract.responses.top_probes import RankedProbes
from extract.units import Layer
from tests.builders.extractions import without_edges
from tests.builders.last_block import last_block
from tests.builders.probe_lists import lists

CONV, SHORTCUT = np.arange(12), np.arange(12, 24)  # the concepts of either facet, of 40


def unit(shortcut: float, conv: float, kept: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What a unit's branches do on 40 concepts: each so much on its own facet, conv's scaled; a little noise."""
    generator = np.random.default_rng(seed)
    over, through = 3 + 0.1 * generator.normal(size=(2, 40))
    over[SHORTCUT] += shortcut
    through[CONV] += conv
    return over, kept * through


def ablated(*units: tuple[np.ndarray, np.ndarray]) -> tuple[BranchAblation, np.ndarray, np.ndarray]:
    """Units whose sum is never cut by the ReLU, with the mean and deviation of each."""
    over, through = (np.stack(each, axis=1) for each in zip(*units, strict=True))  # (concepts, units)
    whole = over + through
    found = BranchAblation(whole, over + through.mean(axis=0), over.mean(axis=0) + through)
    return found, whole.mean(axis=0), whole.std(axis=0)


def judged(*units: tuple[np.ndarray, np.ndarray], swapped: bool = False) -> dict[str, np.ndarray]:
    """Effects and verdicts of units, beside fifty of one facet that nothing falls apart in."""
    others = [unit(1.0, 0.0, seed=n) for n in range(100, 150)]
    pair = (SHORTCUT, CONV) if not swapped else (CONV, SHORTCUT)
    chosen = Sides(*(np.tile(side, (len(units) + 50, 1)) for side in pair))
    columns = effects(*ablated(*units, *others), chosen)
    return columns | {"verdict": verdicts(columns)}


def test_a_unit_whose_branches_bring_a_facet_each_is_supported() -> None:
    found = judged(unit(1.0, 1.0))
    over, through = unit(1.0, 1.0)
    sd = (over + through).std()
    assert found["verdict"][0] == "supported"
    assert found["effect_conv"][0] == pytest.approx((through[CONV].mean() - through[SHORTCUT].mean()) / sd)
    assert found["effect_shortcut"][0] == pytest.approx((over[SHORTCUT].mean() - over[CONV].mean()) / sd)
    assert found["effect_conv_low"][0] < found["effect_conv"][0] < found["effect_conv_high"][0]


def test_facets_that_come_the_other_way_round_are_contradicted() -> None:
    assert judged(unit(1.0, 1.0), swapped=True)["verdict"][0] == "contradicted"


def test_a_facet_that_the_sum_opposes_is_not_supported() -> None:
    """The branches do differ, but what conv brings the shortcut takes back, and more."""
    over, through = unit(1.0, 1.0)
    over[CONV] -= 1.5
    found = judged((over, through))
    assert found["effect_conv_low"][0] > 0
    assert found["effect_shortcut_low"][0] > 0
    assert found["rise_conv_high"][0] < 0
    assert found["verdict"][0] == "inconclusive"


@pytest.mark.parametrize(("shortcut", "conv", "kept"), [(1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0)])
def test_one_facet_or_none_is_inconclusive(shortcut: float, conv: float, kept: float) -> None:
    verdicts = [judged(unit(shortcut, conv, kept, seed))["verdict"][0] for seed in range(20)]
    assert verdicts.count("supported") <= 1


def test_an_effect_that_units_of_like_activity_have_as_well_supports_nothing() -> None:
    alike = [unit(1.0, 1.0, seed=seed) for seed in range(60)]
    columns = effects(*ablated(*alike), Sides(*(np.tile(side, (60, 1)) for side in (SHORTCUT, CONV))))
    assert np.mean(verdicts(columns) == "supported") < 0.2


def test_intervals_hold_the_true_effect_about_as_often_as_they_say() -> None:
    generator, inside = np.random.default_rng(0), 0.0
    for _ in range(60):
        through = generator.normal(size=(40, 200))
        through[CONV] += 0.7
        found = BranchAblation(through, np.zeros_like(through), through)
        columns = effects(
            found, np.ones(200), np.ones(200), Sides(np.tile(SHORTCUT, (200, 1)), np.tile(CONV, (200, 1)))
        )
        inside += float(np.mean((columns["effect_conv_low"] < 0.7) & (columns["effect_conv_high"] > 0.7)))
    assert 0.88 < inside / 60 < 0.97  # a bootstrap over twelve concepts is a little too sure


def test_a_unit_that_never_changes_and_too_few_concepts_have_no_verdict() -> None:
    still = np.full(40, 3.0), np.full(40, 1.0)
    others = [unit(1.0, 1.0, seed=n) for n in range(5)]
    found, mean, sd = ablated(still, *others)
    sd[0] = np.nan  # as `moments` tells rounding
    both = Sides(*(np.tile(side, (6, 1)) for side in (SHORTCUT, CONV)))
    assert verdicts(effects(found, mean, sd, both))[0] is None
    few = Sides(both.shortcut[:, :3], both.conv[:, :3])
    assert all(said is None for said in verdicts(effects(found, mean, sd, few)))


def test_concepts_are_near_the_one_list_far_from_the_other_and_in_neither() -> None:
    generator = np.random.default_rng(0)
    kinds = np.eye(2)[np.arange(60) % 2] * 3  # even concepts of one kind, odd ones of the other
    rows = kinds + 0.3 * generator.normal(size=(60, 2))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    tops: dict[str, RankedProbes] = {"shortcut": lists([0, 2, 4]), "conv": lists([1, 3, 5, 7])}
    among = Concepts(np.arange(60), np.array(list("?" * 60), object), np.arange(60), rows)
    found = sides(tops, np.arange(60), ProbeEmbeddings.of(tops.values(), [rows]), among)
    assert found.conv.shape == found.shortcut.shape == (1, CONCEPTS)
    assert all(place % 2 == 0 and place > 4 for place in found.shortcut[0])
    assert all(place % 2 == 1 and place > 7 for place in found.conv[0])


def test_an_ablation_is_the_branch_s_maps_replaced_by_their_mean(tiny: Network, noise: pa.Table) -> None:
    layer = tiny.architecture.final
    pixels = torch.cat(list(stack(images(noise), tiny.preprocess, 32)))
    with torch.no_grad():
        shortcut, conv, total, _ = last_block(tiny, pixels)  # (n, c, h, w) each
    means = [each.mean((0, 2, 3)).double().numpy() for each in (shortcut, conv)]
    concepts = [n % 5 for n in range(88)]
    found = ablate_branches(tiny, ProbeTable.of(noise), concepts, {layer: (means[0], means[1])}, progress=False)[layer]
    over, through = (torch.from_numpy(mean).float()[:, None, None] for mean in means)
    expected = {"intact": total, "without_conv": shortcut + through, "without_shortcut": over + conv}
    for name, maps in expected.items():
        pooled = maps.clamp(min=0).mean((2, 3)).numpy()  # (n, c)
        by_concept = np.stack([pooled[np.array(concepts) == k].mean(axis=0) for k in range(5)])
        np.testing.assert_allclose(getattr(found, name), by_concept, rtol=1e-4, atol=1e-5, err_msg=name)


def test_ablations_of_a_block_with_a_downsample_take_its_output_for_the_shortcut(
    tiny: Network, noise: pa.Table
) -> None:
    visual: Any = tiny.visual
    layer = Layer(4, 0, 8)
    pixels = torch.cat(list(stack(images(noise[:8]), tiny.preprocess, 8)))
    with torch.no_grad():
        inside = visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels))))
        shortcut = visual.layer4[0].downsample(inside)
        total = visual.layer4[0](inside)
    zero = np.zeros(shortcut.shape[1])
    found = ablate_branches(tiny, ProbeTable.of(noise[:8]), [0] * 8, {layer: (zero, zero)}, progress=False)[layer]
    np.testing.assert_allclose(found.intact[0], total.mean((0, 2, 3)).numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        found.without_conv[0], shortcut.clamp(min=0).mean((0, 2, 3)).numpy(), rtol=1e-4, atol=1e-6
    )
    assert not visual.layer4[0].act3._forward_pre_hooks  # none is left behind


def test_measuring_probes_leaves_a_verdict_or_a_reason_for_every_unit(
    tiny: Network, noise: pa.Table, tmp_path: Any
) -> None:
    extraction, layer = without_edges(tiny, tmp_path / "x"), tiny.architecture.final
    measure(tiny, extraction, noise, [layer], progress=False)
    rows = extraction.table("dissociation").to_pylist()
    assert [row["channel"] for row in rows] == list(range(tiny.architecture.channels(layer)))
    for row in rows:
        assert (row["verdict"] is None) != (row["unproven"] is None)
        assert row["verdict"] is None or 2 * row["concepts"] == len(
            set(row["facet_conv"].split("; ")) | set(row["facet_shortcut"].split("; "))
        )
    again: Extraction = Extraction.open(extraction.path)
    assert again.table("dissociation").equals(extraction.table("dissociation"))
    assert np.isfinite(moments(extraction, layer)[0]).all()
