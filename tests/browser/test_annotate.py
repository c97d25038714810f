"""Annotating in a real browser: keys, the veil, and label files up and down."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from catalog.hiding.flags import Flags
from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore
from tests.browser.serving import MODEL, PATIENCE, choose, ready, ready_at


@pytest.fixture
def labels(planted_store: ModelStore) -> Iterator[Labels]:
    """The labels of a layer of these tests' own, all gone afterwards."""
    labels = Labels(planted_store)
    yield labels
    for label in labels.current():
        if label.unit.startswith(("3/0/8/", "4/2/6/23")):
            labels.withdraw(Unit.parse(label.unit), label.id, "test")


def heading(page: Page, unit: str) -> None:
    expect(page.locator("h1", has_text=unit)).to_be_visible(timeout=PATIENCE)


def test_units_are_labelled_left_and_undone_by_keyboard(page: Page, labels: Labels) -> None:
    ready_at(page, f"/annotate?queue_layer=3/0/8&queue=all&unit=3/0/8/1&model={MODEL}")
    heading(page, "3/0/8/1")
    page.get_by_label("Label", exact=True).fill("<b>plaid</b>")
    page.keyboard.press("Enter")
    chip = page.locator(".heading .chip")
    expect(chip).to_have_text("<b>plaid</b>", timeout=PATIENCE)
    ready(page)
    assert [label.text for label in labels.current(Unit.parse("3/0/8/1"))] == ["<b>plaid</b>"]

    field = page.get_by_label("Label", exact=True)
    field.click()
    page.keyboard.type("u plush")
    page.keyboard.press("Control+z")  # undoes typing, and no label
    page.keyboard.press("Control+Shift+z")
    field.press("Tab")
    ready(page)
    expect(chip).to_have_text("<b>plaid</b>")
    assert [entry.action for entry in labels.history(Unit.parse("3/0/8/1"))] == ["add"]

    undo = page.get_by_role("button", name="Undo add of “<b>plaid</b>” by")
    expect(undo).to_be_visible()
    page.locator("h1", has_text="Annotate").click()  # out of the text field
    page.keyboard.press("u")
    expect(chip).to_have_count(0, timeout=PATIENCE)
    ready(page)
    assert labels.current(Unit.parse("3/0/8/1")) == []
    assert [entry.action for entry in labels.history(Unit.parse("3/0/8/1"))] == ["add", "undo"]

    page.keyboard.press("ArrowRight")
    heading(page, "3/0/8/2")
    ready(page)
    page.keyboard.press("ArrowLeft")
    heading(page, "3/0/8/1")
    assert "unit=3/0/8/1" in page.url.replace("%2F", "/")


def test_a_double_click_acts_once(page: Page, labels: Labels) -> None:
    first, second = Unit.parse("3/0/8/9"), Unit.parse("3/0/8/10")
    ready_at(page, f"/annotate?queue_layer=3/0/8&queue=all&unit={first}&model={MODEL}")
    page.get_by_label("Label", exact=True).fill("zigzag")
    page.get_by_role("button", name="Add label").dblclick()
    expect(page.locator(".heading .chip")).to_have_text("zigzag", timeout=PATIENCE)
    ready(page)
    page.get_by_text("One label for many units").click()
    page.get_by_label("Label for all").fill("herringbone")
    page.get_by_label("Units", exact=True).fill(f"{first}, {second}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Write 2")).to_be_visible(timeout=PATIENCE)
    ready(page)  # no table above the button is still growing, which would move it from under the mouse
    page.get_by_role("button", name="Write 2").dblclick()
    expect(page.get_by_text("Written: 2 new")).to_be_visible(timeout=PATIENCE)
    ready(page)
    assert [entry.text for entry in labels.history(first)] == ["zigzag", "herringbone"]
    assert [entry.text for entry in labels.history(second)] == ["herringbone"]


@pytest.mark.parametrize("keys", ["Enter", "Control+Enter"])
def test_a_label_entered_by_keyboard_is_added_once(page: Page, labels: Labels, keys: str) -> None:
    unit = Unit.parse("3/0/8/5" if keys == "Enter" else "3/0/8/6")
    ready_at(page, f"/annotate?queue_layer=3/0/8&queue=all&unit={unit}&model={MODEL}")
    page.get_by_label("Label", exact=True).fill("tartan")
    page.keyboard.press(keys)
    expect(page.locator(".heading .chip")).to_have_text("tartan", timeout=PATIENCE)
    ready(page)
    assert [entry.action for entry in labels.history(unit) if entry.text == "tartan"] == ["add"]


def test_arrows_in_a_text_field_move_the_cursor_and_not_the_queue(page: Page) -> None:
    ready_at(page, f"/annotate?queue_layer=3/0/8&queue=all&unit=3/0/8/3&model={MODEL}")
    heading(page, "3/0/8/3")
    field = page.get_by_label("Label", exact=True)
    field.fill("ab")
    for key in ("ArrowLeft", "x"):
        page.keyboard.press(key)
    expect(field).to_have_value("axb")
    heading(page, "3/0/8/3")


def test_a_flagged_unit_is_a_smear_until_it_is_revealed(page: Page, planted_store: ModelStore, labels: Labels) -> None:
    unit = Unit.parse("4/2/6/23")
    labels.add(unit, "harmless", "ada")
    flags = Flags(planted_store)
    flags.set("unit", str(unit), author="ada")
    try:
        ready_at(page, f"/unit?unit={unit}&model={MODEL}")
        pictures, label = page.locator(".branch img"), page.locator(".heading .chip")
        expect(label).to_have_text("sensitive", timeout=PATIENCE)
        expect(page.locator(".figure svg", has_text=str(unit)).first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("harmless")).to_have_count(0)
        expect(page.locator(".branch figcaption").first).to_have_text("sensitive")
        hidden = [picture.get_attribute("src") for picture in pictures.all()]
        assert len(set(hidden)) == 1  # all grey: what they show cannot be read at all here

        page.get_by_text("Reveal sensitive").click()
        expect(label).to_have_text("harmless", timeout=PATIENCE)
        expect(page.locator(".branch figcaption").first).to_have_text("picture 1", timeout=PATIENCE)
        assert not set(hidden) & {picture.get_attribute("src") for picture in pictures.all()}
        page.get_by_text("Reveal sensitive").click()
        expect(label).to_have_text("sensitive", timeout=PATIENCE)
    finally:
        flags.set("unit", str(unit), False, "ada")


def test_labels_go_out_as_a_file_and_another_comes_in(page: Page, labels: Labels, tmp_path: Path) -> None:
    said = labels.add(Unit.parse("3/0/8/5"), "=1+1", "ada")
    ready_at(page, f"/transfer?model={MODEL}")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    text = download.value.path().read_text()
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert rows[said.id]["text"] == "'=1+1"

    file = tmp_path / "labels.csv"
    file.write_text("\ufeffunit;text;author\r\n3/0/8/6;Schottenmuster;kollegin\r\n3/0/8/5;zwei;kollegin\r\n")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("1 new, 0 already there, 1 in conflict, 0 unknown")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Write 1").click()
    expect(page.get_by_text("Written: 1 new")).to_be_visible(timeout=PATIENCE)
    ready(page)
    (label,) = labels.current(Unit.parse("3/0/8/6"))
    assert (label.text, label.author, label.source) == ("Schottenmuster", "kollegin", "import")
    assert labels.current(Unit.parse("3/0/8/5")) == [said]


def test_the_history_in_the_address_opens_filtered_and_an_entry_is_undone_there(page: Page, labels: Labels) -> None:
    labels.add(Unit.parse("3/0/8/7"), "tartan", "browser's gus")
    entries = len(labels.history())
    ready_at(page, f"/history?by=browser%27s+gus&about=3/0/8/7&model={MODEL}")
    expect(page.get_by_text(f"1 of {entries:,} entries")).to_be_visible(timeout=PATIENCE)
    choose(page, "Entry to undo", "tartan")
    ready(page)
    page.get_by_role("button", name="Undo this entry").click()
    expect(page.get_by_text(f"1 of {entries + 1:,} entries")).to_be_visible(timeout=PATIENCE)
    assert labels.current(Unit.parse("3/0/8/7")) == []
