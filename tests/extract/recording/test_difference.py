import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner, Result

from app.cli.main import cli
from extract.errors import UnknownUnit, WordsError
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.rasterised_words import ARTICLE, LARGE, rasterise
from extract.recording.channel_means import channel_means
from extract.recording.difference import Ranking, difference
from extract.recording.intersection import intersection
from extract.units import Layer

MEAN, SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's


def normalised(image: Image.Image) -> Tensor:
    pixels = (np.asarray(image) / 255 - MEAN) / SD  # (side, side, 3)
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


def by_hand(network: Network, image: Image.Image) -> dict[Layer, np.ndarray]:
    """Means of every layer from a plain forward pass, block by block, nothing in place."""
    visual: Any = network.visual
    means: dict[Layer, np.ndarray] = {}
    with torch.no_grad():
        maps = visual.stem(normalised(image))
        for layer in network.architecture.layers:
            block = visual.get_submodule(f"layer{layer.stage}.{layer.block}")
            if layer.index == 1:
                shortcut = maps if block.downsample is None else block.downsample(maps)
                seen = maps = block.bn1(block.conv1(maps))
            elif layer.index == 3:
                seen = maps = block.bn2(block.conv2(maps.clamp(min=0)))
            elif layer.index == 5:
                seen = maps = block.bn3(block.conv3(block.avgpool(maps.clamp(min=0))))
            elif layer.index == 7:
                seen = shortcut
            else:
                seen = maps = (maps + shortcut).clamp(min=0)
            means[layer] = seen.double().mean((0, 2, 3)).numpy()
    return means


def test_a_difference_equals_plain_forward_passes_in_every_layer(tiny: Network) -> None:
    word, baseline = (by_hand(tiny, rasterise(text, 64, LARGE)) for text in ("cat", "eeeeee"))
    for layer in tiny.architecture.layers:
        found = difference(tiny, "cat", layer=layer)
        np.testing.assert_allclose(found.values, word[layer] - baseline[layer], atol=2e-5, err_msg=str(layer))
        assert found.values.shape == (tiny.architecture.channels(layer),)
        assert np.abs(found.values).max() > 1e-3


def test_a_sum_is_its_branches_mean_where_the_relu_cuts_nothing_off_and_more_elsewhere(tiny: Network) -> None:
    layers = [Layer(4, 0, 5), Layer(4, 0, 7), Layer(4, 0, 8)]
    found = channel_means(tiny, [rasterise("cat", 64, LARGE)], layers)
    conv, shortcut, total = (found[layer][0] for layer in layers)
    whole = np.isclose(conv + shortcut, total, atol=1e-5)
    assert 0 < whole.sum() < len(total)
    assert (total[~whole] > (conv + shortcut)[~whole]).all()


def test_the_baseline_may_be_a_list_a_text_or_a_picture(tiny: Network) -> None:
    layer = Layer(4, 2, 5)
    words = ["dog", "tea", "milk"]
    mean = np.mean([by_hand(tiny, rasterise(word, 64, LARGE))[layer] for word in words], axis=0)
    cat = by_hand(tiny, rasterise("cat", 64, LARGE))[layer]
    np.testing.assert_allclose(difference(tiny, "cat", words, layer).values, cat - mean, atol=2e-5)
    same = difference(tiny, "cat", rasterise("dog", 64, LARGE), layer).values
    np.testing.assert_allclose(same, difference(tiny, "cat", "dog", layer).values, atol=1e-6)
    assert not difference(tiny, "cat", "cat", layer).values.any()


def test_the_final_layer_is_asked_unless_told_otherwise(tiny: Network) -> None:
    assert difference(tiny, "cat").layer == Layer(4, 2, 6)


def test_the_lettering_can_be_chosen(tiny: Network) -> None:
    layer = Layer(4, 2, 6)
    expected = [by_hand(tiny, rasterise(text, 64, ARTICLE))[layer] for text in ("cat", "eeeeee")]
    found = difference(tiny, "cat", lettering=ARTICLE).values
    np.testing.assert_allclose(found, expected[0] - expected[1], atol=2e-5)


def test_an_intersection_is_the_smaller_of_both_activations(tiny: Network) -> None:
    layer, photo = Layer(4, 1, 6), Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    word, picture = (by_hand(tiny, image)[layer] for image in (rasterise("cat", 64, LARGE), photo))
    found = intersection(tiny, "cat", photo, layer)
    np.testing.assert_allclose(found.values, np.minimum(word, picture), atol=2e-5)
    assert 0 < (word < picture).sum() < len(word)


def test_units_are_ranked_from_the_highest_value() -> None:
    ranking = Ranking(Layer(4, 2, 6), np.array([1, 3, -2, 3], np.float32))
    assert ranking.order.tolist() == [1, 3, 0, 2]
    assert [(str(unit), value) for unit, value in ranking.top(2)] == [("4/2/6/1", 3.0), ("4/2/6/3", 3.0)]


def test_many_images_give_the_same_means_as_each_alone_and_no_hook_stays(tiny: Network) -> None:
    layers, shown = [Layer(2, 0, 3), Layer(4, 2, 6)], list[int]()
    images = [rasterise(text, 64, LARGE) for text in ("a", "be", "sea")] * 15
    found = channel_means(tiny, iter(images), layers, shown.append)
    assert shown == [32, 13]
    for layer in layers:
        alone = np.stack([channel_means(tiny, [image], [layer])[layer][0] for image in images[:3]])
        np.testing.assert_allclose(found[layer], np.tile(alone, (15, 1)), atol=2e-5)
    assert not any(module._forward_hooks for module in tiny.visual.modules())


def test_no_images_give_no_rows(tiny: Network) -> None:
    assert channel_means(tiny, [], [Layer(4, 2, 6)])[Layer(4, 2, 6)].shape == (0, 256)


def test_what_cannot_be_asked_is_refused(tiny: Network) -> None:
    with pytest.raises(UnknownUnit, match="no layer 4/3/6"):
        difference(tiny, "cat", layer=Layer(4, 3, 6))
    with pytest.raises(WordsError, match="The list of baselines is empty"):
        difference(tiny, "cat", [])
    with pytest.raises(WordsError, match="no text"):
        difference(tiny, "")


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["difference", *arguments])


@pytest.mark.parametrize("baseline", ["eeeeee", "dog"])
def test_the_command_line_shows_the_units_that_rise_most(baseline: str) -> None:
    result = asked("anchor", "--baseline", baseline, "--layer", "4/2/5", "--limit", "3", "--json")
    assert result.exit_code == 0, result.output
    ranking = difference(load_network("demo"), "anchor", baseline, Layer(4, 2, 5))
    expected = [{"unit": str(unit), "rise": pytest.approx(rise, abs=1e-5)} for unit, rise in ranking.top(3)]
    assert json.loads(result.stdout) == expected


def test_the_command_line_prints_a_table_of_the_final_units() -> None:
    result = asked("anchor", "--limit", "2")
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["unit", "anchor", "over", "eeeeee"]
    assert [line.split()[0] for line in lines] == [
        str(unit) for unit, _ in difference(load_network("demo"), "anchor").top(2)
    ]


def test_the_mean_over_the_common_words_can_be_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.live_network.most_common", lambda: ("the", "to", "and"))
    found = json.loads(asked("anchor", "--baseline", "mean", "--json").stdout)
    expected = difference(load_network("demo"), "anchor", ("the", "to", "and")).top(10)
    assert [row["unit"] for row in found] == [str(unit) for unit, _ in expected]


def test_the_command_line_shows_the_units_that_answer_to_a_word_and_a_picture(tmp_path: Path) -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))
    photo.save(tmp_path / "photo.png")
    layer = Layer(4, 1, 5)  # a conv branch, which also falls
    found = json.loads(
        asked("anchor", "--also", str(tmp_path / "photo.png"), "--layer", str(layer), "--limit", "512", "--json").stdout
    )
    demo = load_network("demo")
    word, picture = (by_hand(demo, image)[layer] for image in (rasterise("anchor", 96, LARGE), photo))
    smaller = np.minimum(word, picture)
    assert {row["unit"] for row in found} == {f"{layer}/{channel}" for channel in np.flatnonzero(smaller > 0)}
    activations = [row["activation"] for row in found]
    assert activations == sorted(activations, reverse=True)
    for row in found[:5]:
        assert row["activation"] == pytest.approx(smaller[int(row["unit"].rsplit("/", 1)[1])], abs=1e-5)


def test_a_picture_and_a_baseline_are_not_taken_together(tmp_path: Path) -> None:
    result = asked("anchor", "--also", str(tmp_path / "photo.png"), "--baseline", "mean")
    assert result.exit_code == 2
    assert "--also and --baseline exclude each other" in " ".join(result.stderr.replace("│", " ").split())


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"no picture")
    result = asked("anchor", "--also", str(tmp_path / "photo.png"))
    assert result.exit_code == 2
    assert "photo.png" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["cat", "--layer", "4/9/6"], "no layer 4/9/6"), ([" "], "no text"), (["cat", "--network", "ViT-B-32"], "ViT")],
)
def test_the_command_line_says_what_cannot_be_shown(arguments: list[str], message: str) -> None:
    result = asked(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
