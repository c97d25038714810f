import hashlib
import re
import shutil
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from extract.errors import WordsError
from extract.probes.rasterised_words import (
    ARTICLE,
    ATTACK,
    DEJAVU,
    LARGE,
    SIDE,
    Lettering,
    check,
    fits,
    is_shaped,
    overlay,
    rasterise,
    usual_lettering,
)
from extract.probes.scrambled_pictures import scrambled


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """Left, upper, right and lower end of what is not white."""
    box = Image.fromarray((pixels(image).min(axis=2) < 128).astype(np.uint8)).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    ("word", "sha256"),
    [
        ("Trump", "46e66ae2958ff7a6cbbd2dc89b1a451f04a0d88aa34703d6ecbff770183e7375"),
        ("eeeeee", "cf4da1b3c86ab903"),
        ("eeeee", "5117cc8931aa7e45"),
        ("coffee", "8117eea956844813"),
        ("H", "9c01effeff5f2b12"),
    ],
)
def test_a_word_equals_the_articles_to_the_bit(word: str, sha256: str) -> None:
    image = rasterise(word)
    assert (image.mode, image.size) == ("RGB", (224, 224))
    assert hashlib.sha256(image.tobytes()).hexdigest().startswith(sha256)


def test_the_font_is_the_articles_and_has_its_licence_beside_it() -> None:
    digest = hashlib.sha256(DEJAVU.read_bytes()).hexdigest()
    assert digest == "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22"
    assert "Bitstream Vera" in (DEJAVU.parent / "LICENSE_DEJAVU").read_text()


def test_a_word_covers_the_same_share_of_a_larger_image() -> None:
    small, large = (np.array(ink(rasterise("coffee", side))) / side for side in (224, 448))
    np.testing.assert_allclose(small, large, atol=0.01)


def test_a_word_stands_where_and_in_the_colours_that_are_asked_for() -> None:
    lettering = Lettering(ink="blue", ground="yellow", stroke=0)
    image = rasterise("H", lettering=lettering, at=(5, 100))
    found = pixels(image)
    assert found[0, 0].tolist() == [255, 255, 0]
    rows, columns = np.nonzero((found == [0, 0, 255]).all(axis=2))
    assert 5 <= columns.min() < columns.max() < 25
    assert 100 <= rows.min() < rows.max() < 125


def test_fitted_words_take_the_share_they_may_and_short_ones_their_full_size() -> None:
    long, short = (ink(rasterise(word, 96, LARGE)) for word in ("broccoli", "it"))
    assert 0.8 * 96 < long[2] - long[0] <= 0.9 * 96
    assert short[3] - short[1] > 20
    assert short[2] - short[0] < 0.3 * 96


def test_small_images_are_lettered_large() -> None:
    assert usual_lettering(96) == LARGE
    assert usual_lettering(224) == usual_lettering(288) == ARTICLE


@pytest.mark.parametrize(
    ("word", "message"),
    [("w" * 20, "takes 3.. x .. pixels, more than the image's 224 x 224"), (" ", "no text"), ("漢字", "lacks 字 漢")],
)
def test_a_word_that_cannot_be_set_is_refused(word: str, message: str) -> None:
    assert not fits(word)
    with pytest.raises(WordsError, match=message):
        check(word)
    with pytest.raises(WordsError, match=message):
        rasterise(word)


def test_a_word_that_is_too_wide_can_be_fitted() -> None:
    assert fits("w" * 20, lettering=Lettering(widest=1.0))


@pytest.mark.parametrize("content", [None, b"", b"no font at all"])
def test_a_file_that_is_no_font_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "some.ttf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WordsError, match="is not a font that can be read"):
        rasterise("word", lettering=Lettering(font=file))


def test_an_attack_writes_the_word_four_times_in_white_with_a_black_edge() -> None:
    grey = Image.new("RGB", (224, 224), (128, 128, 128))
    attacked = pixels(overlay(grey, "iPod"))
    assert pixels(grey).min() == 128  # the picture given is left as it is
    first = attacked[18:60, 18:100]
    assert (first == 255).all(axis=2).any()
    assert (first == 0).all(axis=2).any()
    for x, y in ((100, 0), (0, 100), (100, 100)):
        np.testing.assert_array_equal(attacked[18 + y : 60 + y, 18 + x : 100 + x], first)
    white = np.argwhere((attacked == 255).all(axis=2))
    assert white.min() >= 20
    assert (np.argwhere((attacked != 128).any(axis=2)).min(axis=0) >= 18).all()  # the edge is two pixels wide


def test_an_attack_on_a_larger_picture_is_larger() -> None:
    boxes = []
    for side in (224, 448):
        attacked = pixels(overlay(Image.new("L", (side, side), 128), "iPod")) != 128
        rows, columns = np.nonzero(attacked.any(axis=2))
        boxes.append(np.array([rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]) / side)
    np.testing.assert_allclose(boxes[0], boxes[1], atol=0.01)


def test_an_attack_can_be_placed_freely() -> None:
    attacked = pixels(overlay(Image.new("RGB", (300, 200), "grey"), "pizza", ATTACK, [(150, 100)]))
    rows, columns = np.nonzero((attacked != attacked[0, 0]).any(axis=2))
    assert 97 <= rows.min() < rows.max() < 130
    assert 147 <= columns.min() < columns.max() < 220


def test_a_scrambled_picture_has_the_same_blocks_in_another_order() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    mixed = pixels(scrambled(Image.fromarray(noise), seed=1, blocks=4))

    def blocks(image: np.ndarray) -> list[bytes]:
        return [
            image[y : y + 16, x : x + 24].astype(np.uint8).tobytes() for y in range(0, 64, 16) for x in range(0, 96, 24)
        ]

    assert sorted(blocks(mixed)) == sorted(blocks(noise))
    assert blocks(mixed) != blocks(noise)


def test_scrambling_is_the_same_for_the_same_seed_alone() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    once, again, other = (scrambled(picture, seed).tobytes() for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_a_picture_that_cannot_be_cut_evenly_is_refused() -> None:
    with pytest.raises(WordsError, match="100 x 64 pixels cannot be cut into 8 x 8"):
        scrambled(Image.new("RGB", (100, 64)), seed=0)


def basic(text: str) -> np.ndarray:
    """The text drawn as a plain row of letters from left to right, grey, cut to its ink."""
    font = ImageFont.truetype(str(DEJAVU), 40, layout_engine=ImageFont.Layout.BASIC)
    image = Image.new("L", (300, 100), "white")
    ImageDraw.Draw(image).text((20, 20), text, "black", font)
    return cut(image)


def cut(image: Image.Image) -> np.ndarray:
    grey = image.convert("L")
    box = Image.fromarray(np.where(np.asarray(grey) < 200, 255, 0).astype(np.uint8)).getbbox()
    return np.asarray(grey.crop(box).resize((120, 40)), float)


@pytest.mark.skipif(not features.check("raqm"), reason="the system has no FriBidi")
@pytest.mark.parametrize(
    ("word", "row"),
    [
        ("\u05d0\u05dc\u05d2", "\u05d2\u05dc\u05d0"),  # Hebrew: the first letter stands at the right
        ("\u0633\u0645\u0643", "\ufeda\ufee4\ufeb3"),  # Arabic: the forms of letters that join, from the right
        ("\u0646\u0648\u0631", "\ufead\ufeee\ufee7"),
    ],
)
def test_letters_that_join_or_run_from_the_right_are_shaped(word: str, row: str) -> None:
    shaped = cut(rasterise(word, lettering=Lettering(size=40, stroke=0)))
    assert np.abs(shaped - basic(row)).mean() < 8
    assert np.abs(shaped - basic(word)).mean() > 25


def test_other_words_are_set_in_a_plain_row() -> None:
    for word in (
        "coffee",
        "caf\u00e9",
        "cafe\u0301",
        "\u041a\u043e\u0444\u0435",
        "\u03ba\u03b1\u03c6\u03ad\u03c2",
        "AVATAR fi",
    ):
        assert not is_shaped(word)
    for word in ("\u05d0", "\u0627", "\u0915", "\u0e01", "\u1780", "\ufe8d"):
        assert is_shaped(word)


@pytest.mark.parametrize(
    ("word", "font"), [("\u732b", "Noto Sans CJK"), ("\U0001f996", "Noto Emoji"), ("\ud55c", "CJK")]
)
def test_a_font_for_letters_that_are_lacking_is_named(word: str, font: str) -> None:
    with pytest.raises(WordsError, match=font):
        check(word)


def without_greek(file: Path) -> Path:
    """DejaVu Sans cut down to the first of its groups of letters, those of ASCII."""
    data = bytearray(DEJAVU.read_bytes())
    tables = {
        bytes(data[at : at + 4]): int.from_bytes(data[at + 8 : at + 12]) for at in range(12, 12 + 16 * data[5], 16)
    }
    cmap = tables[b"cmap"]
    for record in range(cmap + 4, cmap + 4 + 8 * data[cmap + 3], 8):
        subtable = cmap + int.from_bytes(data[record + 4 : record + 8])
        if data[subtable + 1] == 12:  # https://learn.microsoft.com/typography/opentype/spec/cmap, format 12
            data[subtable + 12 : subtable + 16] = (1).to_bytes(4)
    file.write_bytes(data)
    return file


def fonts_of_the_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this folder hold the fonts of the system."""
    if not shutil.which("fc-match"):
        pytest.skip("fontconfig (fc-match) is needed")
    settings = folder / "fonts.conf"
    settings.write_text(f"<fontconfig><dir>{folder}</dir><cachedir>{folder / 'cache'}</cachedir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(settings))


def test_a_font_of_the_system_that_has_the_letters_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor, system = Lettering(font=without_greek(tmp_path / "poor.ttf")), tmp_path / "system"
    check("word", lettering=poor)
    system.mkdir()
    without_greek(system / "another.ttf")
    fonts_of_the_system(system, monkeypatch)
    with pytest.raises(WordsError, match=r"^poor\.ttf lacks Ω in 'Ωx'.*its script\.$"):
        check("Ωx", lettering=poor)
    whole = system / "whole.ttf"
    shutil.copy(DEJAVU, whole)
    with pytest.raises(WordsError, match=re.escape(f"or this system's whole.ttf (font={str(whole)!r})")):
        check("Ωx", lettering=poor)
    check("Ωx", lettering=Lettering(font=whole))


def test_without_fontconfig_the_usual_font_alone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WordsError, match=r"such as Noto Sans CJK\.$"):
        check("\u732b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": -3},
        {"size": nan},
        {"size": inf},
        {"size": 1e9},
        {"stroke": -1},
        {"stroke": 10**6},
        {"widest": 0},
        {"widest": -1},
        {"widest": nan},
        {"ink": "nocolour"},
        {"ground": ""},
    ],
)
def test_a_lettering_that_none_can_be_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(WordsError, match=f"The {name} of letters cannot be|is not a colour"):
        replace(ARTICLE, **wrong)


def test_letters_of_less_than_a_pixel_are_refused_and_the_font_is_not_blamed() -> None:
    with pytest.raises(WordsError, match=r"Letters of 0\.5 224ths are less than a pixel high here"):
        rasterise("a", lettering=replace(ARTICLE, size=0.5))
    rasterise("a", 4 * SIDE, replace(ARTICLE, size=0.5))


@pytest.mark.parametrize("place", [(nan, 0), (0, inf), (1e30, 0), (-1, 5), (5, SIDE)])
def test_a_place_outside_the_picture_is_refused(place: tuple[float, float]) -> None:
    picture = Image.new("RGB", (SIDE, SIDE))
    with pytest.raises(WordsError, match="is outside a picture of 224 x 224 pixels"):
        rasterise("a", at=place)
    with pytest.raises(WordsError, match="is outside a picture of 224 x 224 pixels"):
        overlay(picture, "a", at=[place])
