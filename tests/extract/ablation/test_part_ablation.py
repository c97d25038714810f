import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from typer.testing import CliRunner, Result

from app.cli.main import cli
from extract.ablation.part_ablation import Ablation, Replacement, ablate, donors
from extract.errors import AblationError, ProbesError, UnknownUnit, WeightsError
from extract.network.hooks import replace_part
from extract.network.network import Network
from extract.network.parts import ConvolutionEdge, NetworkPart, SumBranch
from extract.network.text import zero_shot
from extract.network.weights import load_network
from extract.probes.sample import random_sample
from extract.probes.sources import ProbeTable, source
from extract.probes.table import images
from extract.units import Unit
from tests.builders.tiny_network import TINY

WAYS: tuple[Replacement, ...] = ("mean", "resample", "zero")
BRANCHES = [  # in blocks with a pool, with a downsample alone, and with neither
    (unit, name) for unit in ("4/2/6/34", "3/0/8/0", "1/0/8/3", "1/1/6/2") for name in ("conv", "shortcut")
]
EDGES = [  # over a 1x1 and a 3x3 convolution, behind a pool, over a downsample, from another block
    ("4/2/3/12", "4/2/5/34"),
    ("4/2/1/5", "4/2/3/9"),
    ("2/0/3/8", "2/0/5/20"),
    ("3/0/8/100", "4/0/7/34"),
    ("4/1/6/6", "4/2/1/7"),
]


@pytest.fixture(scope="module")
def shown(noise: pa.Table) -> list[Image.Image]:
    return list(images(noise))[:40]  # more than a batch


def pixels(network: Network, pictures: list[Image.Image]) -> Tensor:
    return torch.stack([network.preprocess(picture) for picture in pictures])


def written_out(
    visual: Any, shown: Tensor, part: SumBranch, instead: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The branch's map, the unit's mean after its ReLU, and the embedding; the whole tower without hooks."""
    stage, number, channel = part.unit.layer.stage, part.unit.layer.block, part.unit.channel
    flow, kept = visual.stem(shown), []
    for s, blocks in enumerate((visual.layer1, visual.layer2, visual.layer3, visual.layer4), start=1):
        for b, block in enumerate(blocks):
            conv = block.bn1(block.conv1(flow)).clamp(min=0)
            conv = block.bn2(block.conv2(conv)).clamp(min=0)
            conv = block.bn3(block.conv3(block.avgpool(conv)))
            shortcut = flow if block.downsample is None else block.downsample(flow)
            if (s, b) == (stage, number):
                chosen = conv = conv.clone()
                if part.name == "shortcut":
                    chosen = shortcut = shortcut.clone()
                kept.append(chosen[:, channel].clone())
                if instead is not None:
                    chosen[:, channel] = instead
                kept.append((conv + shortcut)[:, channel].clamp(min=0).mean((1, 2)))
            flow = (conv + shortcut).clamp(min=0)
    return kept[0], kept[1], F.normalize(visual.attnpool(flow), dim=-1)


def without(network: Network, edge: ConvolutionEdge, offset: float = 0.0) -> Any:
    """A copy of the tower in which the edge's weight is zero, and its target's batch norm gives `offset` more."""
    visual = deepcopy(network.visual)
    layer = edge.unit.layer
    norm = visual.get_submodule(layer.module)
    names = {"bn1": "conv1", "bn2": "conv2", "conv": "conv3", "downsample": "downsample.0"}
    convolution = visual.get_submodule(f"layer{layer.stage}.{layer.block}.{names[layer.role]}")
    with torch.no_grad():
        convolution.get_parameter("weight")[edge.unit.channel, edge.source.channel] = 0
        norm.get_parameter("bias")[edge.unit.channel] += offset
    return visual


def read(visual: Any, unit: Unit, shown: Tensor) -> tuple[Tensor, Tensor]:
    """A batch norm's output in one channel, and the embedding."""
    kept: list[Tensor] = []
    handle = visual.get_submodule(unit.layer.module).register_forward_hook(
        lambda module, inputs, output: kept.append(output[:, unit.channel].clone())
    )
    with torch.no_grad():
        embedding = F.normalize(visual(shown), dim=-1)
    handle.remove()
    return kept[0], embedding


def compare(found: Ablation, way: Replacement, unit: Tensor, embedding: Tensor, before: tuple[Tensor, Tensor]) -> None:
    effect = found.effects[way]
    np.testing.assert_allclose(found.before.unit, before[0], atol=1e-5)
    np.testing.assert_allclose(effect.unit, unit - before[0], atol=1e-5)
    np.testing.assert_allclose(effect.distance, (embedding - before[1]).norm(dim=1), atol=1e-5)
    np.testing.assert_allclose(effect.cosine, F.cosine_similarity(embedding, before[1]), atol=1e-5)


def hooks(network: Network) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.visual.modules())


@pytest.mark.parametrize(("unit", "name"), BRANCHES)
def test_a_branch_taken_away_is_the_same_edit_in_a_tower_written_out(
    tiny: Network, shown: list[Image.Image], unit: str, name: Any
) -> None:
    part = SumBranch(Unit.parse(unit), name)
    found, seen = ablate(tiny, part, shown, replacements=WAYS, seed=3), pixels(tiny, shown)
    with torch.no_grad():
        brought, *before = written_out(tiny.visual, seen, part)
        edits = {"mean": brought.mean(), "resample": brought[donors(40, 3)], "zero": torch.tensor(0.0)}
        for way in WAYS:
            _, value, embedding = written_out(tiny.visual, seen, part, edits[way])
            compare(found, way, value, embedding, (before[0], before[1]))
    assert max(effect.distance.max() for effect in found.effects.values()) > 1e-3


@pytest.mark.parametrize(("source", "target"), EDGES)
def test_an_edge_taken_away_is_a_weight_of_zero(
    tiny: Network, shown: list[Image.Image], source: str, target: str
) -> None:
    edge = ConvolutionEdge(Unit.parse(source), Unit.parse(target))
    found, seen = ablate(tiny, edge, shown, replacements=WAYS), pixels(tiny, shown)
    clean, before = read(tiny.visual, edge.unit, seen)
    bare, zeroed = read(without(tiny, edge), edge.unit, seen)
    _, averaged = read(without(tiny, edge, float((clean - bare).mean())), edge.unit, seen)
    start = clean.mean((1, 2)), before
    compare(found, "zero", bare.mean((1, 2)), zeroed, start)
    compare(found, "mean", bare.mean((1, 2)) + (clean - bare).mean(), averaged, start)
    resampled = bare.mean((1, 2)) + (clean - bare).mean((1, 2))[donors(40)]
    np.testing.assert_allclose(found.effects["resample"].unit, resampled - start[0], atol=1e-5)
    assert float((clean - bare).abs().max()) > 1e-2


def test_a_source_that_never_fires_brings_nothing(tiny: Network, shown: list[Image.Image]) -> None:
    edge = ConvolutionEdge(Unit.parse("4/1/6/3"), Unit.parse("4/2/1/7"))
    for effect in ablate(tiny, edge, shown, replacements=WAYS).effects.values():
        assert not effect.unit.any()
        assert not effect.distance.any()


def test_logits_are_those_of_open_clip_with_an_edited_batch_norm(shown: list[Image.Image]) -> None:
    demo, classes = load_network("demo"), ["cat", "dog", "mosque"]
    found = ablate(demo, SumBranch(Unit.parse("4/2/6/34"), "conv"), shown, classes, ["zero"])
    edited = load_network("demo")
    norm: Any = edited.visual.get_submodule("layer4.2.bn3")
    norm.weight[34] = norm.bias[34] = 0
    with torch.no_grad():
        text = F.normalize(demo.clip.encode_text(demo.tokenizer(classes)), dim=-1)
        ends = [
            (network.clip.logit_scale.exp() * F.normalize(network.visual(pixels(demo, shown)), dim=-1) @ text.T).numpy()
            for network in (demo, edited)
        ]
    np.testing.assert_allclose(found.before.logits, ends[0], atol=1e-4)
    np.testing.assert_allclose(found.effects["zero"].logits, ends[1] - ends[0], atol=1e-4)
    likeliest = [zero_shot(network, shown, classes).argmax(axis=1) for network in (demo, edited)]
    assert found.changed_answers("zero") == pytest.approx((likeliest[0] != likeliest[1]).mean())


def test_a_branch_given_back_as_it_is_changes_nothing_and_no_hook_stays(
    tiny: Network, shown: list[Image.Image]
) -> None:
    seen = pixels(tiny, shown)
    parts: list[NetworkPart] = [SumBranch(Unit.parse(unit), name) for unit, name in BRANCHES]  # type: ignore[arg-type]
    parts += [ConvolutionEdge(Unit.parse(source), Unit.parse(target)) for source, target in EDGES]
    with torch.no_grad():
        before = tiny.visual(seen)
        for part in parts:
            with replace_part(tiny.visual, part, lambda maps: maps):
                assert torch.equal(tiny.visual(seen), before)
            assert hooks(tiny) == 0
            assert torch.equal(tiny.visual(seen), before)


def test_hooks_are_removed_after_an_error(tiny: Network, shown: list[Image.Image]) -> None:
    def stop(maps: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replace_part(tiny.visual, SumBranch(Unit.parse("4/2/6/34"), "conv"), stop):
        tiny.visual(pixels(tiny, shown[:2]))
    assert hooks(tiny) == 0


def test_zero_is_never_told_alone(tiny: Network, shown: list[Image.Image]) -> None:
    part = SumBranch(Unit.parse("4/2/6/34"), "conv")
    assert list(ablate(tiny, part, shown[:2], replacements=["zero"]).effects) == ["mean", "resample", "zero"]
    assert list(ablate(tiny, part, shown[:2]).effects) == ["mean", "resample"]
    assert list(ablate(tiny, part, shown[:2], replacements=["mean"]).effects) == ["mean"]


@pytest.mark.parametrize("count", [2, 3, 10, 77])
def test_every_image_gets_another_ones_map(count: int) -> None:
    found = donors(count)
    assert sorted(found) == list(range(count))
    assert not (found == np.arange(count)).any()
    assert (found == donors(count)).all()
    assert count < 10 or (found != donors(count, seed=1)).any()


@pytest.mark.parametrize(
    ("source", "target", "way"),
    [
        ("4/2/1/0", "4/2/5/0", "Name a source in 4/2/3, which leads into 4/2/5"),
        ("4/2/3/0", "4/2/6/0", "such as 4/2/5"),
        ("4/2/5/0", "4/2/3/0", "Name a source in 4/2/1, which leads into 4/2/3"),
        ("1/0/1/0", "1/0/7/0", "the stem"),
        ("3/0/3/0", "4/0/1/0", "Name a source in 3/0/8, which leads into 4/0/1"),
    ],
)
def test_an_edge_that_is_not_direct_is_refused(
    tiny: Network, shown: list[Image.Image], source: str, target: str, way: str
) -> None:
    with pytest.raises(AblationError, match=way):
        ablate(tiny, ConvolutionEdge(Unit.parse(source), Unit.parse(target)), shown)


def test_what_is_not_there_is_refused(tiny: Network, shown: list[Image.Image]) -> None:
    for part in (SumBranch(Unit.parse("4/2/5/34"), "conv"), SumBranch(Unit.parse("4/2/6/999"), "conv")):
        with pytest.raises(UnknownUnit):
            ablate(tiny, part, shown)
    with pytest.raises(UnknownUnit):
        ablate(tiny, ConvolutionEdge(Unit.parse("4/2/3/999"), Unit.parse("4/2/5/0")), shown)
    for few in ([], shown[:1]):
        with pytest.raises(AblationError, match="there are fewer than two"):
            ablate(tiny, SumBranch(Unit.parse("4/2/6/34"), "conv"), few)
    with pytest.raises(WeightsError, match="32 tokens"):
        ablate(tiny, SumBranch(Unit.parse("4/2/6/34"), "conv"), shown, ["cat"])
    assert hooks(tiny) == 0


def test_reference_images_are_drawn_once_each_in_their_order(noise: pa.Table, tmp_path: Path) -> None:
    table = ProbeTable.of(noise)
    ids = noise["id"].to_pylist()
    found = random_sample(table, 20)
    assert len(found) == 20
    assert list(found) == sorted(found)
    assert list(found) == list(random_sample(table, 20)) != list(random_sample(table, 20, seed=1))
    assert list(random_sample(table, 1000)) == ids
    assert found[next(iter(found))].tobytes() == list(images(noise))[int(next(iter(found)))].tobytes()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert list(random_sample(source(tmp_path), 5)) == ["a.png"]
    damaged = noise.set_column(6, "image", pa.array([b"no picture"] * 88, pa.binary()))
    with pytest.raises(ProbesError, match="cannot be read"):
        random_sample(ProbeTable.of(damaged), 5)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ablate", *map(str, arguments)], env={"COLUMNS": "250"})


@pytest.fixture
def folder(shown: list[Image.Image], tmp_path: Path) -> Path:
    for number in range(4):
        shown[number].save(tmp_path / f"{number}.png")
    return tmp_path


def test_the_command_line_tells_what_the_library_finds(folder: Path, shown: list[Image.Image]) -> None:
    options = ("--pictures", folder, "--classes", "cat,dog", "--limit", 3, "--json")
    result = asked("4/2/5/34", "--edge", "4/2/3/12", "--how", "zero", *options)
    assert result.exit_code == 0, result.output
    edge = ConvolutionEdge(Unit.parse("4/2/3/12"), Unit.parse("4/2/5/34"))
    found = ablate(load_network("demo"), edge, shown[:4], ["cat", "dog"], WAYS)
    content = json.loads(result.stdout)
    average, logits, pictures = (content[name] for name in ("average", "logits", "pictures"))
    assert [row["in its place"] for row in average] == list(WAYS)
    for row, effect in zip(average, found.effects.values(), strict=True):
        assert row["unit changes by"] == pytest.approx(effect.unit.mean(), abs=1e-6)
        assert row["distance"] == pytest.approx(effect.distance.mean(), abs=1e-6)
    assert {row["class"] for row in logits} == {"cat", "dog"}
    most = np.max([np.abs(effect.unit) for effect in found.effects.values()], axis=0)
    assert [row["picture"] for row in pictures] == [f"{i}.png" for i in np.argsort(-most)[:3]]


def test_the_demo_is_asked_about_its_own_probes_and_concepts() -> None:
    result = asked("4/2/6/34", "--branch", "conv", "--count", 3)
    assert result.exit_code == 0, result.output
    assert "average without conv of 4/2/6/34" in result.stdout
    assert [line.split()[:2] for line in result.stdout.splitlines()[2:4]] == [["mean", "3"], ["resample", "3"]]
    assert len(result.stdout.splitlines()) == 4 + 7 + 5


def test_a_network_that_is_asked_about_no_classes_tells_no_logits(folder: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "tiny.json"
    configuration.write_text(json.dumps(TINY))
    options = ("--pictures", folder, "--network", configuration, "--json")
    content = json.loads(asked("4/2/6/34", "--branch", "shortcut", *options).stdout)
    assert (content["logits"], len(content["pictures"])) == ([], 4)
    assert [row["named otherwise"] for row in content["average"]] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["4/2/6/34"], "--branch"),
        (["4/2/6/34", "--branch", "conv", "--edge", "4/2/3/1"], "--branch"),
        (["4/2/5/34", "--branch", "conv"], "the block's sum, 4/2/6"),
        (["4/2/6/34", "--edge", "4/2/3/1"], "No single convolution"),
        (["4/2/6/34", "--branch", "conv", "--pictures", "nowhere"], "nowhere"),
        (["4/2/6/999", "--branch", "conv"], "no unit 4/2/6/999"),
    ],
)
def test_the_command_line_says_what_it_cannot_do(arguments: list[str], message: str) -> None:
    result = asked(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_folder_of_one_picture_is_too_few(folder: Path) -> None:
    for number in (1, 2, 3):
        (folder / f"{number}.png").unlink()
    result = asked("4/2/6/34", "--branch", "conv", "--pictures", folder, "--classes", "cat,dog")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there are fewer than two" in result.stderr
