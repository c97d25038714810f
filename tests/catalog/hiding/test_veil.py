import base64
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from catalog.hiding.smear import smeared
from catalog.hiding.veil import HIDDEN, Veil
from catalog.verdict_texts import concepts, facet_lines
from graph.records import Annotation, TopProbe


def thumbnail(kind: str) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode()


ENTRY = Annotation(
    "a", "m", "4/2/6/3", "cap", "ada", datetime(2026, 1, 2, tzinfo=UTC), facet="felt", evidence="seen on probes"
)


def example(sensitive: bool, kind: str = "WEBP") -> TopProbe:
    return TopProbe("wound.png", "picture", "wound", "noto", sensitive, "conv", 1, 0.5, 3.0, thumbnail(kind))


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_a_sensitive_picture_is_a_smear_until_the_veil_is_lifted(kind: str) -> None:
    shown = Veil(revealed=True).picture(example(True, kind))
    assert shown == f"data:image/{kind.lower()};base64,{thumbnail(kind)}"
    hidden = Veil().picture(example(True, kind))
    assert thumbnail(kind)[:200] not in hidden
    assert Veil().picture(example(False, kind)) == shown


def test_a_smear_has_lost_all_detail() -> None:
    with Image.open(io.BytesIO(base64.b64decode(smeared(thumbnail("PNG"))))) as smear:
        pixels = np.asarray(smear, float)
    assert np.abs(np.diff(pixels, axis=0)).max() < 16  # noise changes by up to 255 from pixel to pixel
    assert np.abs(np.diff(pixels, axis=1)).max() < 16


def test_an_explicit_word_is_hidden_whoever_said_it() -> None:
    assert Veil().label("dildos on a shelf") == HIDDEN
    assert Veil().labels(["hat", "dildo", "porn"]) == f"hat, {HIDDEN}"
    assert Veil(revealed=True).label("dildo") == "dildo"


def test_what_a_sensitive_picture_shows_is_not_named() -> None:
    assert Veil().caption(example(True)) == HIDDEN
    assert Veil(revealed=True).caption(example(True)) == Veil().caption(example(False)) == "wound"


def test_a_label_called_sensitive_is_hidden_and_hidden_ones_are_told_once() -> None:
    texts = frozenset({"wound", "blood"})
    assert Veil(texts=texts).labels(["cap", "wound", "blood"]) == f"cap, {HIDDEN}"
    assert Veil(True, texts).labels(["cap", "wound", "blood"]) == "cap, wound, blood"


def test_a_hidden_text_is_found_anywhere_in_an_answer_but_not_inside_another_word() -> None:
    veil = Veil(texts=frozenset({"Wound", "a+b", ""}))
    answer = ["WOUND; hat", {"label": "hat", "all": ["a wound", "wounded"]}, "(a+b)", 4, None, "porn"]
    assert veil.value(answer) == [HIDDEN, {"label": "hat", "all": [HIDDEN, "wounded"]}, HIDDEN, 4, None, HIDDEN]
    assert Veil(True, veil.texts).value(answer) == answer
    assert Veil().value(["Wound", "a+b", ""]) == ["Wound", "a+b", ""]


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_picture_in_an_answer_is_hidden_since_it_may_be_sensitive(kind: str) -> None:
    assert Veil().value([thumbnail(kind), "iVBOR is how it begins"]) == [HIDDEN, "iVBOR is how it begins"]
    assert Veil().value({"src": f"data:image/x;base64,{thumbnail(kind)}"}) == {"src": HIDDEN}
    assert Veil(revealed=True).value(thumbnail(kind)) == thumbnail(kind)


def test_texts_that_are_no_pictures_are_no_pictures() -> None:
    texts = ["0" * 64, "f" * 64, "AAAA" * 30, "Qk", "a/9j/b" * 20, "4/2/6/34"]
    assert Veil().value(texts) == texts


def test_what_is_no_picture_is_hidden_too() -> None:
    assert smeared(base64.b64encode(b"no picture").decode()) == smeared(base64.b64encode(b"another").decode())


@pytest.mark.parametrize(
    ("entry", "veil", "hidden"),
    [
        (ENTRY, Veil(), False),
        (replace(ENTRY, sensitive=True), Veil(), True),
        (replace(ENTRY, sensitive=True), Veil(revealed=True), False),
        (ENTRY, Veil(flags={"unit": {"4/2/6/3": True}}), True),
        (ENTRY, Veil(flags={"unit": {"4/2/6/4": True}}), False),
    ],
)
def test_all_texts_of_a_sensitive_annotation_or_of_a_flagged_unit_are_hidden(
    entry: Annotation, veil: Veil, hidden: bool
) -> None:
    for text in (entry.text, entry.facet, entry.evidence):
        assert veil.annotation_text(entry, text) == (HIDDEN if hidden else text)
    assert veil.annotation_text(entry, None) == veil.annotation_text(entry, "") == ""


def test_concepts_of_a_facet_are_hidden_one_by_one_and_counted_where_some_are_left_out() -> None:
    veil = Veil(texts=frozenset({"ghastly"}))
    named = "bird; \u201cghastly\u201d; hat; cap"
    assert concepts(named, veil) == f"bird, {HIDDEN}, hat, cap"
    assert concepts(named, veil, 2) == f"bird, {HIDDEN}"
    assert concepts(named, replace(veil, hides_all=True)) == HIDDEN
    assert facet_lines(named, None, veil, 3) == [f"The shortcut brings bird, {HIDDEN}, hat and 1 more."]
    assert facet_lines(named, "fez", replace(veil, revealed=True)) == [
        "The shortcut brings bird, \u201cghastly\u201d, hat, cap.",
        "The conv branch brings fez.",
    ]
