import os
import re
import subprocess
import sys
from base64 import b64decode
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.web import unit_links
from app.web.views import PAGES, Entry
from catalog.cards import Gallery
from catalog.enrichment import by_weights
from catalog.hiding.veil import HIDDEN, Veil
from extract.network.weights import load_network
from extract.probes.rasterised_words import LARGE, rasterise
from extract.recording.channel_means import channel_means
from extract.recording.difference import difference
from extract.units import Layer, Unit
from tests.app.web.running import MAIN, MODEL, PATIENCE, card_of, labels_of, markup, model_store, opened, visited
from tests.builders.servers import emptied

HOSTILE = "<img src=x onerror=alert(1)> **bold** \"'&"


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
def test_every_page_runs(app: AppTest, entry: Entry) -> None:
    assert markup(opened(app, entry.name))


def test_every_page_file_is_registered() -> None:
    files = {file.stem for file in (MAIN.parent / "views").glob("*.py")}
    assert files == {"__init__", *(entry.name for entry in PAGES)}


def test_home_counts_what_the_catalog_holds(app: AppTest) -> None:
    card = card_of(opened(app, "home"))
    counts = {metric.label: metric.value for metric in app.metric}
    assert counts["Units"] == str(card.units)
    assert counts["Layers"] == str(len(card.architecture.layers))


def test_home_finds_labelled_units_by_a_word(app: AppTest) -> None:
    labels_of(opened(app, "home")).add(Unit.parse("4/2/6/5"), "marmalade", "ada")
    app.text_input(key="word").input("MARMA").run()
    assert "4/2/6/5" in markup(app)
    app.text_input(key="word").input("no such word").run()
    assert "No label contains this text." in [caption.value for caption in app.caption]


def test_the_unit_page_shows_the_unit_of_the_address_with_both_branches(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    assert "<h1>4/2/6/0</h1>" in shown
    for part in ("4/2/5/0", "4/1/6/0"):
        assert f'data-unit="{part}"' in shown


def test_the_unit_page_shows_every_kept_edge_among_the_strongest(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/5/0", model=MODEL))
    edges = model_store().inputs(Unit.parse("4/2/5/0"), limit=5)
    assert edges
    for edge in edges:
        assert str(edge.source) in shown
        assert f"{edge.magnitude:.3g}" in shown


def test_the_unit_page_shows_the_words_that_the_unit_reads(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    assert shown.index("hammer") < shown.index("anchor")
    assert "+2.0 standard deviations from letter strings" in shown
    assert "hammer" not in markup(opened(app, "unit", unit="4/2/6/9", model=MODEL))


def test_every_measured_number_comes_with_its_meaning(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    assert "1 - cosine between the mean embeddings" in shown
    assert "the shortcut&#x27;s total divided by the sum&#x27;s total" in shown


def test_another_notation_reaches_the_unit_from_any_page(app: AppTest) -> None:
    opened(app, "home")
    app.text_input(key="goto").input("layer4.2.act3:3").run()
    assert "<h1>4/2/6/3</h1>" in markup(app)
    assert app.query_params["unit"] == "4/2/6/3"


@pytest.mark.parametrize("unit", ["4/2/6/99999", "9/9/9/9", "cap"])
def test_an_unknown_unit_is_a_message_and_no_traceback(app: AppTest, unit: str) -> None:
    visited(app, "unit", unit=unit)
    assert len(app.error) == 1


def test_a_link_to_a_model_that_is_not_there_is_told_and_shows_no_other_models_unit(app: AppTest) -> None:
    fresh = AppTest.from_file(MAIN, default_timeout=PATIENCE)
    visited(fresh, "unit", model="<b>gone</b>", unit="4/2/6/0")
    assert "The database holds no model" in fresh.error[0].value
    assert not markup(fresh)
    assert "".join(fresh.query_params["model"]) == "<b>gone</b>"
    fresh.button(key="open model").click().run()
    assert not fresh.error
    assert "".join(fresh.query_params["model"]) == MODEL


def test_a_label_is_added_shown_and_withdrawn(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/7", model=MODEL)
    unit = Unit.parse("4/2/6/7")
    app.text_input(key=f"text {unit} 0").input("marmalade")
    app.text_input(key="author").input("ada")
    app.selectbox(key="branch").select("conv")
    app.button(key="FormSubmitter:label-Add label").click().run()
    (label,) = labels_of(app).current(unit)
    assert (label.text, label.author, label.branch, label.sensitive) == ("marmalade", "ada", "conv", False)
    assert "marmalade" in markup(app)
    app.button(key=f"withdraw {label.id}").click().run()
    assert not labels_of(app).current(unit)
    assert "marmalade" not in markup(app)
    assert [entry.action for entry in labels_of(app).history(unit)] == ["add", "withdraw"]


def test_a_label_that_breaks_a_rule_is_a_message_and_changes_nothing(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/8", model=MODEL)
    app.text_input(key="text 4/2/6/8 0").input("   ")
    app.button(key="FormSubmitter:label-Add label").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert not labels_of(app).history(Unit.parse("4/2/6/8"))


def test_label_text_never_becomes_markup(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/9", model=MODEL)
    labels_of(app).add(Unit.parse("4/2/6/9"), HOSTILE, "<b>ada</b>")
    opened(app, "unit", unit="4/2/6/9", model=MODEL)
    shown = markup(app)
    assert "<img src=x" not in shown
    assert "<b>ada</b>" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert not [text for text in (*app.markdown, *app.caption, *app.subheader) if "onerror" in text.value]


def test_a_sensitive_label_stays_on_the_server_until_it_is_revealed(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/10", model=MODEL)
    labels_of(app).add(Unit.parse("4/2/6/10"), "gruesome", "ada", sensitive=True)
    for page in ("unit", "home"):
        shown = markup(opened(app, page, unit="4/2/6/10", model=MODEL))
        assert "gruesome" not in shown
        assert HIDDEN in shown
    app.toggle(key="reveal").set_value(True).run()
    assert "gruesome" in markup(app)


def test_enrichment_lists_what_the_library_finds_with_every_term(app: AppTest) -> None:
    opened(app, "enrichment", model=MODEL)
    (table,) = app.dataframe
    assert list(table.value["unit"]) == ["4/2/6/0", "4/2/6/4", "4/2/6/1"]  # by the lesser specificity
    assert {"share_exact", "concept_difference", "modality_difference", "rise_conv"} <= set(table.value.columns)


def test_filters_narrow_the_candidates(app: AppTest) -> None:
    opened(app, "enrichment", model=MODEL)
    before = len(app.dataframe[0].value)
    app.slider[0].set_value(1.0)
    app.slider[1].set_value(1.0)
    app.run()
    assert not app.exception
    assert not app.dataframe or len(app.dataframe[0].value) < before


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ({"verdict": "not enriched"}, ["4/2/6/2"]),
        ({"verdict": "any", "least_concept_difference": "0.85"}, ["4/2/6/0", "4/2/6/2"]),
        ({"least_concept_difference": "0.95", "least_modality_difference": "0.8"}, ["4/2/6/0"]),
    ],
)
def test_the_address_sets_the_filters(app: AppTest, address: dict[str, str], left: list[str]) -> None:
    opened(app, "enrichment", model=MODEL, **address)
    assert list(app.dataframe[0].value["unit"]) == left


def test_enrichment_by_weights(app: AppTest) -> None:
    opened(app, "enrichment", model=MODEL)
    app.segmented_control(key="screen").select("weights").run()
    assert not app.exception
    found = [str(candidate.unit) for candidate in by_weights(model_store(), limit=100)]
    assert "4/2/6/0" in found
    assert list(app.dataframe[0].value["unit"]) == found
    assert "cosine" in app.dataframe[0].value.columns


def units(shown: str) -> list[str]:
    """The units of a table in markup, in its order."""
    return re.findall(r'class="pill" href="[^"]*" data-unit="([^"]*)"', shown)


@pytest.mark.parametrize("baseline", ["eeeeee", "dog"])
def test_the_words_page_lists_the_units_of_the_channel_difference(demo: AppTest, baseline: str) -> None:
    opened(demo, "words", word="anchor", baseline=baseline, layer="4/2/5")
    found = difference(load_network("demo"), "anchor", baseline, Layer(4, 2, 5)).top(20)
    assert units(markup(demo)) == [str(unit) for unit, rise in found if rise > 0]
    assert f"{found[0][1]:+.3f}" in markup(demo)
    (picture, *_) = re.findall(r'img src="data:image/png;base64,([^"]*)"', markup(demo))
    with Image.open(BytesIO(b64decode(picture))) as image:
        assert image.tobytes() == rasterise("anchor", 96, LARGE).tobytes()


def test_the_words_page_takes_the_mean_over_common_words_once(demo: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    common = ("the", "to", "and", "of", "a")
    monkeypatch.setattr("catalog.live_network.most_common", lambda: common)
    opened(demo, "words", baseline="mean")
    for word in ("anchor", "dog"):
        demo.text_input(key="word").input(word).run()
        found = difference(load_network("demo"), word, common).top(20)
        assert units(markup(demo)) == [str(unit) for unit, rise in found if rise > 0]


def test_another_word_or_layer_gives_its_own_units(demo: AppTest) -> None:
    opened(demo, "words")
    demo.text_input(key="word").input("banana")
    demo.selectbox(key="layer").select("4/1/6").run()
    found = difference(load_network("demo"), "banana", layer=Layer(4, 1, 6)).top(20)
    assert units(markup(demo)) == [str(unit) for unit, rise in found if rise > 0]


def test_the_words_page_lists_the_units_that_answer_to_a_picture_as_well(demo: AppTest) -> None:
    opened(demo, "words", word="anchor", layer="4/1/6")
    picture, file = Image.new("RGB", (50, 40), (200, 30, 30)), BytesIO()
    picture.save(file, "png")
    demo.file_uploader(key="also").set_value(("red.png", file.getvalue(), "image/png")).run()
    assert not demo.exception
    assert not demo.error
    layer, network = Layer(4, 1, 6), load_network("demo")
    means = channel_means(network, [rasterise("anchor", 96, LARGE), picture], [layer])[layer]
    expected = [f"{layer}/{channel}" for channel in np.argsort(-means.min(axis=0), kind="stable")[:20]]
    assert units(markup(demo))[-20:] == expected
    assert 'alt="red.png"' in markup(demo)


@pytest.mark.parametrize("address", [{"layer": "9/9/9"}, {"layer": ""}, {"baseline": ""}])
def test_an_address_of_the_words_page_that_says_nothing_does_no_harm(demo: AppTest, address: dict[str, str]) -> None:
    visited(demo, "words", **address)
    assert 'alt="anchor"' in markup(demo)


def test_words_and_layers_of_other_pages_stay_there(app: AppTest) -> None:
    opened(app, "home")
    app.text_input(key="word").input("marmalade").run()
    opened(app, "enrichment")
    app.selectbox(key="sums").select("4/1/6").run()
    opened(app, "words")
    assert app.text_input(key="word").value == "anchor"
    assert app.selectbox(key="layer").value == "4/2/6"


def test_a_word_that_nothing_rises_for_is_said(demo: AppTest) -> None:
    opened(demo, "words", word="eeeeee")
    assert "No unit rises over this baseline." in [caption.value for caption in demo.caption]


@pytest.mark.parametrize("word", ["", "猫", "<b>bold</b>"])
def test_a_word_that_cannot_be_set_or_looks_like_markup_does_no_harm(demo: AppTest, word: str) -> None:
    demo.run()
    demo.switch_page("views/words.py")
    demo.query_params["word"] = word
    demo.run()
    demo.text_input(key="word").input(word).run()
    assert not demo.exception
    assert "<b>" not in markup(demo)
    assert len(demo.error) == (0 if "bold" in word else 1)


def test_the_words_page_says_how_to_get_weights_that_are_not_there(app: AppTest) -> None:
    opened(app, "words", word="anchor")
    app.button[-1].click().run()
    assert not app.exception
    assert not app.error
    (told,) = app.info
    assert "There is no model 'planted'" in told.value
    assert 'alt="anchor"' in markup(app)


def test_the_words_page_says_how_to_get_torch(demo_folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['open_clip'] = None\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(MAIN)!r}, default_timeout={PATIENCE}).run()\n"
        "app.switch_page('views/words.py').run()\n"
        "assert not app.exception and not app.error, app\n"
        "shown = app.info[0].value.replace(chr(92), '')\n"  # without the backslashes that Markdown takes away
        "assert \"pip install 'clip-circuits[extract]'\" in shown, app\n"
    )
    environment = {**os.environ, "CIRCUITS_DATABASE": str(demo_folder)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_an_empty_catalog_says_how_to_fill_it(embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied(embedded).close()
    monkeypatch.setenv("CIRCUITS_DATABASE", str(embedded))
    app = AppTest.from_file(MAIN, default_timeout=PATIENCE).run()
    assert not app.exception
    assert "circuits demo" in app.markdown[0].value


def test_a_database_that_is_not_there_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCUITS_DATABASE", "bolt://127.0.0.1:1")
    app = AppTest.from_file(MAIN, default_timeout=PATIENCE).run()
    assert not app.exception
    assert len(app.error) == 1


def test_the_app_runs_without_torch(planted_folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['open_clip'] = None\n"  # importing them raises now
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(MAIN)!r}, default_timeout={PATIENCE}).run()\n"
        f"for name in {[entry.name for entry in PAGES]}:\n"
        "    app.switch_page(f'views/{name}.py').run()\n"
        "    assert not app.exception and not app.error, app\n"
    )
    environment = {**os.environ, "CIRCUITS_DATABASE": str(planted_folder)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_link_carries_unit_and_model_and_is_escaped() -> None:
    assert unit_links.address("RN50:openai", Unit.parse("4/2/6/34")) == "unit?unit=4/2/6/34&model=RN50:openai"
    assert '"><script>' not in Gallery(Veil(), partial(unit_links.address, '"><script>')).link(
        Unit.parse("4/2/6/34"), '"><script>'
    )
