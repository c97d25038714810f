"""The search page: in the catalog, by a word, by a picture."""

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from catalog.formats import SEARCHABLE
from catalog.hiding.veil import HIDDEN
from extract.folder.statistics import STATISTICS
from extract.network.weights import load_network
from extract.recording.channel_means import channel_means
from extract.recording.difference import difference
from extract.units import Layer, Unit
from tests.app.web.running import anew, labels_of, markup, model_store, opened
from tests.builders import demo_catalog
from tests.builders.demo_catalog import MEASURED

HOSTILE = ["<script>alert(1)</script>", "\N{RIGHT-TO-LEFT OVERRIDE}abc", "\N{SNOWMAN}", "x" * 10_000, "[a](b)"]


def units(shown: str) -> list[str]:
    return re.findall(r'class="pill" href="[^"]*" data-unit="([^"]*)"', shown)


def png(colour: tuple[int, int, int]) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (50, 40), colour).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize("text", ["4/2/6/3", "layer4.2.act3:3", " 4/2/6/3 "])
def test_a_unit_or_a_module_goes_to_its_page(app: AppTest, text: str) -> None:
    opened(app, "search")
    app.text_input(key="text").input(text).run()
    assert not app.exception
    assert "<h1>4/2/6/3</h1>" in markup(app)
    assert app.query_params["unit"] == "4/2/6/3"


def test_a_unit_that_is_not_there_is_a_message(app: AppTest) -> None:
    opened(app, "search")
    app.text_input(key="text").input("4/2/6/99999").run()
    assert not app.exception
    assert "There is no unit 4/2/6/99999" in app.error[0].value


def test_the_search_finds_labels_concepts_and_words_and_says_why(app: AppTest) -> None:
    labels_of(opened(app, "search")).add(Unit.parse("4/2/6/20"), "Hammerhead", "ada")
    anew(app, "search", text="hammer")
    shown = markup(app)
    assert units(shown) == ["4/2/6/20", "4/2/6/0", "4/2/6/1"]  # called so, then read, by z
    assert "driven by “hammer”, z 2.0" in shown
    anew(app, "search", text="picture 2")
    assert "sees picture 2 (shortcut), z 2.0; sees picture 2, z 2.0" in markup(app)
    assert set(units(markup(app))) == {f"4/2/6/{channel}" for channel in range(31)} | {"4/2/3/2"}
    labels_of(app).withdraw(Unit.parse("4/2/6/20"), "Hammerhead", "ada")


def test_filters_are_taken_from_the_address(app: AppTest) -> None:
    address = {"layer": "4/2/6", "numbers": "share_exact", "least_share_exact": "0.2", "most_share_exact": "0.6"}
    opened(app, "search", **address)
    assert set(units(markup(app))) == {"4/2/6/1", "4/2/6/4"}
    app.number_input(key="most_share_exact").set_value(0.4).run()
    assert units(markup(app)) == ["4/2/6/4"]


def test_labelled_or_not(app: AppTest) -> None:
    labels_of(opened(app, "search")).add(Unit.parse("4/2/6/21"), "tortoise", "ada")
    anew(app, "search", layer="4/2/6", labelled="labelled")
    assert "4/2/6/21" in units(markup(app))
    anew(app, "search", layer="4/2/6", labelled="not labelled")
    assert "4/2/6/21" not in units(markup(app))
    labels_of(app).withdraw(Unit.parse("4/2/6/21"), "tortoise", "ada")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_finds_nothing_and_stays_text(app: AppTest, text: str) -> None:
    opened(app, "search", text=text)
    assert app.text_input(key="text").value == text
    assert not units(markup(app))
    assert "Nothing in the catalog matches" in app.info[0].value
    assert not [part for part in (*app.markdown, *app.caption, *app.subheader) if text in part.value]


def test_what_is_sensitive_is_no_reason_to_be_read(app: AppTest) -> None:
    opened(app, "search", text="word 1")
    shown = markup(app)
    assert f"reads {HIDDEN} (conv)" in shown
    assert "word 1" not in shown
    app.toggle(key="reveal").set_value(True).run()
    assert "reads word 1 (conv)" in markup(app)


def test_a_word_is_shown_to_the_network(demo: AppTest) -> None:
    opened(demo, "search", text="banana", by="word", layer="4/2/5")
    found = difference(load_network("demo"), "banana", layer=Layer(4, 2, 5)).top(20)
    assert units(markup(demo)) == [str(unit) for unit, rise in found if rise > 0]


def test_a_picture_over_the_mean_of_the_probes(demo: AppTest) -> None:
    opened(demo, "search", by="picture", layer=str(MEASURED))
    demo.file_uploader(key="picture").set_value(("red.png", png((200, 30, 30)), "image/png")).run()
    assert not demo.exception
    assert not demo.error
    picture = Image.new("RGB", (50, 40), (200, 30, 30))
    values = channel_means(load_network("demo"), [picture], [MEASURED])[MEASURED][0]
    known = model_store(demo_catalog.MODEL).activities(MEASURED)
    away = {c: (float(values[c]) - mean) / sd for c, (mean, sd) in known.items() if sd}
    risen = sorted((c for c in away if away[c] > 0), key=lambda c: -away[c])[:20]
    assert units(markup(demo)) == [f"{MEASURED}/{c}" for c in risen] != []
    assert 'alt="red.png"' in markup(demo)


def test_a_picture_over_a_grey_one_where_no_probes_were_measured(demo: AppTest) -> None:
    opened(demo, "search", by="picture", layer="4/2/6")
    assert [code.value for code in demo.code] == ["circuits extract demo --probes FOLDER"]
    demo.file_uploader(key="picture").set_value(("red.png", png((200, 30, 30)), "image/png")).run()
    red, grey = Image.new("RGB", (50, 40), (200, 30, 30)), Image.new("RGB", (50, 40), "grey")
    found = difference(load_network("demo"), red, grey, Layer(4, 2, 6)).top(20)
    assert units(markup(demo)) == [str(unit) for unit, rise in found if rise > 0]


@pytest.mark.parametrize("content", [b"", b"no picture", png((1, 2, 3))[:60], b"<svg onload=alert(1)>"], ids=range(4))
def test_a_file_that_is_no_picture_is_a_message(demo: AppTest, content: bytes) -> None:
    opened(demo, "search", by="picture", layer=str(MEASURED))
    demo.file_uploader(key="picture").set_value(("<b>mine</b>.png", content, "image/png")).run()
    assert not demo.exception
    (error,) = demo.error
    assert "is not a picture that can be read" in error.value
    assert not units(markup(demo))


def test_a_layer_that_is_named_is_offered(app: AppTest) -> None:
    opened(app, "search", text="4/2/6")
    assert "Layer 4/2/6" in [link.proto.label for link in app.get("page_link")]


def test_the_numbers_that_bound_are_numbers_of_units() -> None:
    assert set(SEARCHABLE) <= {*STATISTICS, "modality_difference"}  # that of selectivities, or else of shares of words
    assert len(np.unique(SEARCHABLE)) == len(SEARCHABLE)
