"""The Annotate page, and the form of labels that the unit page has too."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from catalog.hiding.flags import Flags
from catalog.hiding.veil import HIDDEN
from catalog.labels import queue
from extract.units import Unit
from tests.app.web.running import MODEL, labels_of, markup, opened

LAYER = "4/0/8"


@pytest.fixture
def cleaned(app: AppTest) -> Iterator[list[str]]:
    """Units whose labels are gone after a test."""
    units: list[str] = []
    yield units
    for unit in map(Unit.parse, units):
        for label in labels_of(app).current(unit):
            labels_of(app).withdraw(unit, label.id, "test")


def shown_unit(app: AppTest) -> str:
    return markup(app).partition("<h1><a")[2].partition('data-unit="')[2].partition('"')[0]


def field(app: AppTest, name: str, unit: str, past: int = 0) -> str:
    """The key of a field of the label form, which is a fresh one after each entry."""
    return f"{name} {unit} {past}"


def test_the_queue_begins_with_candidates_and_leads_on_and_back(app: AppTest) -> None:
    opened(app, "annotate", queue="all")
    order = list(map(str, queue.order(labels_of(app).store, Unit.parse("4/2/6/0").layer)))
    assert shown_unit(app) == order[0] == "4/2/6/0"
    assert app.button(key="Back").disabled
    for wanted in (order[1], order[2]):
        app.button(key="Next").click().run()
        assert shown_unit(app) == wanted == app.query_params["unit"]
    app.button(key="Back").click().run()
    assert shown_unit(app) == order[1]
    shown = markup(app)
    for branch in ("sum", "shortcut", "conv"):
        assert f"<b>{branch}</b>" in shown


def test_a_label_is_added_amended_rejected_and_undone(app: AppTest, cleaned: list[str]) -> None:
    name = f"{LAYER}/3"
    cleaned.append(name)
    opened(app, "annotate", queue_layer=LAYER, unit=name, queue="all", model=MODEL)
    unit, past = Unit.parse(name), len(labels_of(app).history(Unit.parse(name)))
    app.text_input(key="author").input("ada")
    app.text_input(key=field(app, "text", name, past)).input("marmalade")
    app.text_input(key=field(app, "facet", name, past)).input("food")
    app.selectbox(key=field(app, "modality", name, past)).select("picture")
    app.number_input(key=field(app, "confidence", name, past)).set_value(0.4)
    app.text_input(key=field(app, "evidence", name, past)).input("https://example.org")
    app.button(key="FormSubmitter:label-Add label").click().run()
    (said,) = labels_of(app).current(unit)
    assert (said.text, said.facet, said.modality, said.confidence) == ("marmalade", "food", "picture", 0.4)
    assert (said.evidence, said.author) == ("https://example.org", "ada")
    assert "marmalade" in markup(app)
    assert "40% sure" in markup(app)

    app.text_input(key=f"amended {said.id}").input("orange jam")
    app.button(key=f"amend {said.id}").click().run()
    (amended,) = labels_of(app).current(unit)
    assert (amended.text, amended.supersedes, amended.facet) == ("orange jam", said.id, "food")

    app.text_input(key=f"reason {amended.id}").input("it is the colour")
    app.button(key=f"reject {amended.id}").click().run()
    assert labels_of(app).current(unit) == []
    assert labels_of(app).history(unit)[-1].evidence == "it is the colour"

    app.button(key="undo").click().run()
    assert labels_of(app).current(unit) == [amended]
    app.button(key="undo").click().run()
    assert labels_of(app).current(unit) == [said]
    told = app.dataframe[0].value
    assert list(told["what"])[:5] == ["undo", "undo", "reject", "amend", "add"]
    assert list(told["now"])[:5] == ["", "", "undone", "undone", "holds"]
    assert not app.error


def test_a_sensitive_label_that_was_revealed_is_hidden_again_in_its_field_too(app: AppTest, cleaned: list[str]) -> None:
    unit = Unit.parse(f"{LAYER}/11")
    cleaned.append(str(unit))
    opened(app, "annotate", queue_layer=LAYER, unit=str(unit), queue="all", model=MODEL)
    labels_of(app).add(unit, "ghastly", "ada", facet="gory", evidence="grisly", sensitive=True)

    def told() -> str:
        return " ".join([markup(app), *(str(field.value) for field in app.text_input)])

    for revealed in (True, False, True, False):  # a field first shown with its text would keep it
        app.toggle(key="reveal").set_value(revealed).run()
        for text in ("ghastly", "gory", "grisly"):
            assert (text in told()) is revealed


def test_a_labelled_unit_stays_until_one_goes_on_and_waits_no_more(app: AppTest, cleaned: list[str]) -> None:
    opened(app, "annotate", queue_layer="3/0/8", model=MODEL)
    first = shown_unit(app)
    cleaned.append(first)
    labels_of(app).add(Unit.parse(first), "seen", "ada")
    app.query_params["unit"] = first
    app.run()
    assert shown_unit(app) == first
    app.button(key="Next").click().run()
    assert shown_unit(app) != first
    assert app.button(key="Back").disabled


def test_what_nobody_disagrees_on_is_an_empty_queue_that_says_so(app: AppTest) -> None:
    opened(app, "annotate", queue_layer="2/0/1", queue="disagreeing", model=MODEL)
    assert "No unit of 2/0/1 is waiting" in app.info[0].value


def test_one_label_for_many_units_is_previewed_then_written(app: AppTest, cleaned: list[str]) -> None:
    names = [f"{LAYER}/{channel}" for channel in (5, 6, 7)]
    cleaned.extend(names)
    opened(app, "annotate", queue_layer=LAYER, queue="all", model=MODEL)
    app.text_input(key="bulk text").input("stripes")
    app.text_area(key="bulk query").input(
        f"MATCH (u:Unit {{layer: '{LAYER}'}}) WHERE u.channel >= 5 AND u.channel <= 7 RETURN u.id"
    )
    app.button(key="FormSubmitter:bulk-Preview").click().run()
    assert "3 new, 0 already there" in " ".join(text.value for text in app.markdown)
    assert not labels_of(app).current(Unit.parse(names[0]))
    app.button(key="write bulk").click().run()
    assert [success.value for success in app.success] == ["Written: 3 new, 0 already there, 0 in conflict, 0 unknown."]
    for name in names:
        assert [label.text for label in labels_of(app).current(Unit.parse(name))] == ["stripes"]


@pytest.mark.parametrize("query", ["MATCH (u:Unit) SET u.id = 'x' RETURN u.id", "MATCHES", "RETURN 1 AS n", ""])
def test_a_query_that_writes_or_gives_no_units_is_a_message(app: AppTest, query: str) -> None:
    opened(app, "annotate", model=MODEL)
    app.text_input(key="bulk text").input("stripes")
    app.text_area(key="bulk query").input(query)
    app.button(key="FormSubmitter:bulk-Preview").click().run()
    assert not app.exception
    assert len(app.error) == 1


def test_units_that_are_not_known_must_be_passed_over_first(app: AppTest, cleaned: list[str]) -> None:
    cleaned.append(f"{LAYER}/9")
    opened(app, "annotate", model=MODEL)
    app.text_input(key="bulk text").input("dots")
    app.text_area(key="bulk units").input(f"{LAYER}/9, 9/9/6/1")
    app.button(key="FormSubmitter:bulk-Preview").click().run()
    assert "Nothing is written while units are unknown" in app.warning[0].value
    assert "9/9/6/1" in list(app.dataframe[-1].value["unit"])
    assert app.button(key="write bulk").disabled
    app.checkbox(key="skip bulk").check().run()
    app.button(key="write bulk").click().run()
    assert [label.text for label in labels_of(app).current(Unit.parse(f"{LAYER}/9"))] == ["dots"]


def test_a_unit_is_flagged_and_cleared_and_hidden_in_between(app: AppTest, cleaned: list[str]) -> None:
    name = "4/2/6/20"
    cleaned.append(name)
    opened(app, "annotate", unit=name, queue="all", model=MODEL)
    labels_of(app).add(Unit.parse(name), "harmless", "ada")
    app.run()
    assert "harmless" in markup(app)
    assert "picture 2" in markup(app)
    app.button(key="flag").click().run()
    for page in ("annotate", "unit"):
        shown = markup(opened(app, page, unit=name, queue="all", model=MODEL))
        assert "harmless" not in shown
        assert "picture 2" not in shown
        assert HIDDEN in shown
    app.toggle(key="reveal").set_value(True).run()
    assert "harmless" in markup(app)
    app.toggle(key="reveal").set_value(False).run()
    opened(app, "annotate", unit=name, queue="all", model=MODEL)
    app.button(key="flag").click().run()
    assert "harmless" in markup(app)


def test_an_image_is_flagged_where_it_is_an_example_of_any_unit(app: AppTest) -> None:
    opened(app, "annotate", unit="4/2/6/21", queue="all", model=MODEL)
    app.selectbox(key="flag 4/2/6/21").select_index(1).run()
    image = "p1"
    app.button(key="flag").click().run()
    assert "picture 1" not in markup(opened(app, "unit", unit="4/2/6/22", model=MODEL))
    Flags(labels_of(app).store).set("image", image, False, "ada")
    assert "picture 1" in markup(opened(app, "unit", unit="4/2/6/22", model=MODEL))
