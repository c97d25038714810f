import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pyarrow.compute as pc
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli.main import cli
from extract.demo import WEIGHTS
from extract.errors import ProbesError, UnknownUnit, WeightsError, WordsError
from extract.network.network import Network
from extract.network.preprocessing import seen
from extract.network.text import zero_shot
from extract.network.weights import load_network
from extract.probes.pictures import read_picture
from extract.probes.rasterised_words import LARGE, overlay, rasterise
from extract.probes.table import images, read
from extract.recording.difference import difference
from extract.recording.typographic_attack import attack
from extract.units import Layer

CLASSES = ("cat", "dog", "mosque", "tiger")


@pytest.fixture(scope="module")
def demo() -> Network:
    return load_network("demo")


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    (picture,) = images(read().filter(pc.field("id") == "picture/noto/cat"))
    return picture


@pytest.fixture
def file(cat: Image.Image, tmp_path: Path) -> Path:
    cat.save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def by_hand(shown: Sequence[Image.Image], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and final activations from open_clip alone, loaded by itself."""
    open_clip.add_model_config(WEIGHTS.with_suffix(".json"))
    weights = str(WEIGHTS)
    model, _, preprocess = open_clip.create_model_and_transforms("demo", pretrained=weights)
    model = model.eval()
    found: list[Any] = []
    model.visual.layer4.register_forward_hook(lambda module, inputs, output: found.append(output.clone()))
    with torch.no_grad():
        image = model.encode_image(torch.stack([preprocess(picture) for picture in shown]))
        text = model.encode_text(open_clip.get_tokenizer("demo")(list(classes)))
        image, text = (features / features.norm(dim=-1, keepdim=True) for features in (image, text))
        probabilities = (model.logit_scale.exp() * image @ text.T).softmax(dim=-1)
    return probabilities.numpy(), found[0].mean((2, 3)).numpy()


def test_an_attack_equals_plain_calls_of_open_clip(demo: Network, cat: Image.Image) -> None:
    found = attack(demo, cat, "dog", CLASSES)
    probabilities, units = by_hand([cat, overlay(cat, "dog")], CLASSES)
    np.testing.assert_allclose([found.before, found.after], probabilities, atol=1e-5)
    np.testing.assert_allclose(found.change.values, units[1] - units[0], atol=1e-5)
    assert found.change.layer == Layer(4, 2, 6)
    assert found.answers == tuple(CLASSES[i] for i in probabilities.argmax(axis=1)) == ("cat", "mosque")
    assert found.attacked.tobytes() == overlay(cat, "dog").tobytes()


def test_units_that_rise_and_fall_are_the_ends_of_one_ranking(demo: Network, cat: Image.Image) -> None:
    found = attack(demo, cat, "dog", CLASSES, Layer(4, 2, 5))
    risen, fallen, values = found.risen(3), found.fallen(3), np.sort(found.change.values)
    assert [change for _, change in risen] == values[::-1][:3].tolist()
    assert [change for _, change in fallen] == values[:3].tolist()
    assert all(found.change.values[unit.channel] == change for unit, change in risen + fallen)
    assert {unit.layer for unit, _ in risen + fallen} == {Layer(4, 2, 5)}


def test_a_text_on_white_changes_units_as_the_word_itself_over_white(demo: Network) -> None:
    white = Image.new("RGB", (96, 96), "white")
    found = attack(demo, white, "anchor", CLASSES, lettering=LARGE, places=[(4, 30)])
    word = rasterise("anchor", 96, LARGE, at=(4, 30))
    np.testing.assert_allclose(found.change.values, difference(demo, word, white).values, atol=1e-5)


def test_the_text_stands_on_what_the_network_sees_of_a_wide_picture(demo: Network, cat: Image.Image) -> None:
    wide = Image.new("RGB", (400, 200), "red")
    wide.paste(cat.resize((200, 200)), (100, 0))
    found = attack(demo, wide, "dog", CLASSES)
    assert found.attacked.size == (96, 96)
    assert found.attacked == overlay(seen(demo, wide), "dog")
    assert torch.equal(demo.preprocess(found.picture), demo.preprocess(wide))
    np.testing.assert_allclose(found.before, by_hand([wide], CLASSES)[0][0], atol=1e-5)


def test_probabilities_of_many_images_sum_to_one_and_equal_those_of_each(demo: Network, cat: Image.Image) -> None:
    shown = [cat, rasterise("dog", 96, LARGE)] * 20
    found = zero_shot(demo, iter(shown), CLASSES)
    assert found.shape == (40, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, np.tile(by_hand(shown[:2], CLASSES)[0], (20, 1)), atol=1e-4)
    assert zero_shot(demo, [], CLASSES).shape == (0, 4)


def test_what_cannot_be_attacked_is_refused(demo: Network, tiny: Network, cat: Image.Image) -> None:
    for classes in ([], ["cat"], ["cat", "cat"]):
        with pytest.raises(WordsError, match="two classes"):
            attack(demo, cat, "dog", classes)
    with pytest.raises(WordsError, match="no text"):
        attack(demo, cat, " ", CLASSES)
    with pytest.raises(UnknownUnit, match="no layer 4/3/6"):
        attack(demo, cat, "dog", CLASSES, Layer(4, 3, 6))
    with pytest.raises(WeightsError, match="32 tokens"):
        attack(tiny, cat, "dog", CLASSES)
    assert not any(module._forward_hooks for module in demo.visual.modules())


def test_a_transparent_picture_stands_on_white_and_a_turned_one_upright(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png") == Image.new("RGB", (8, 8), "white")
    turned, stream = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6  # EXIF's orientation: a quarter turn
    Image.new("RGB", (8, 4), "red").save(stream, "png", exif=turned)
    (tmp_path / "turned.png").write_bytes(stream.getvalue())
    assert read_picture(tmp_path / "turned.png").size == (4, 8)


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ProbesError, match=r"x\.png is not a picture"):
        read_picture(tmp_path / "x.png")


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["attack", *map(str, arguments)], env={"COLUMNS": "250"})


def test_the_command_line_tells_what_the_library_finds(demo: Network, cat: Image.Image, file: Path) -> None:
    written = file.with_name("attacked.png")
    options = ("--classes", "cat, dog,mosque,tiger", "--layer", "4/2/5", "--limit", 2, "--output", written)
    result = asked(file, "dog", *options, "--json")
    assert result.exit_code == 0, result.output
    content, found = json.loads(result.stdout), attack(demo, cat, "dog", CLASSES, Layer(4, 2, 5))
    for name, units in (("risen", found.risen(2)), ("fallen", found.fallen(2))):
        expected = [{"unit": str(unit), "change": pytest.approx(change, abs=1e-5)} for unit, change in units]
        assert content[name] == expected
    told = {row["class"]: (row["before"], row["after"]) for row in content["classes"]}
    assert len(told) == 2
    for name, ends in told.items():
        i = CLASSES.index(name)
        assert ends == pytest.approx((found.before[i], found.after[i]), abs=1e-5)
    assert read_picture(written).tobytes() == found.attacked.tobytes()


def test_the_demo_chooses_among_its_own_concepts_and_classes_may_come_from_a_file(file: Path) -> None:
    table = asked(file, "dog", "--limit", 500, "--size", 70, "--at", 4, 30).stdout
    assert {"cat", "mosque", "watermelon"} <= {line.split()[0] for line in table.splitlines() if line.split()}
    file.with_name("classes.txt").write_text("cat\na dog, perhaps\n")
    found = json.loads(asked(file, "dog", "--classes", file.with_name("classes.txt"), "--json").stdout)
    assert {row["class"] for row in found["classes"]} == {"cat", "a dog, perhaps"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "cat"], "two classes"),
        (["--network", "RN50"], "two classes"),
        (["--layer", "4/9/6"], "no layer 4/9/6"),
        (["--output", "nowhere/x.png"], "nowhere/x.png cannot be written"),
        (["--output", "x.nothing"], "x.nothing cannot be written"),
    ],
)
def test_the_command_line_says_what_it_cannot_do(file: Path, options: list[str], message: str) -> None:
    result = asked(file, "dog", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_command_line_refuses_what_is_no_picture_or_no_text(file: Path) -> None:
    assert "is not a picture" in asked(file.with_name("dog.png"), "dog").stderr
    assert "no text" in asked(file, " ").stderr
