"""The search page in a real browser: its address, its links, and what somebody uploads."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore
from tests.browser.serving import PATIENCE, ready, ready_at
from tests.builders.demo_catalog import MEASURED


def typed(page: Page, text: str) -> None:
    box = page.get_by_label("Unit, label, concept or word", exact=True)
    box.fill(text)
    box.press("Enter")


def test_a_search_and_its_address_show_the_same_units_and_a_click_opens_one(page: Page) -> None:
    ready_at(page, "/search")
    typed(page, "anchor")
    pills = page.locator(".units a.pill")
    expect(pills).to_have_text(["4/2/6/0"], timeout=PATIENCE)
    expect(page.locator(".why")).to_have_text("driven by “anchor”, z 1.0")
    address = page.url
    page.goto("about:blank")
    ready_at(page, address)
    expect(pills).to_have_text(["4/2/6/0"], timeout=PATIENCE)
    pills.first.click()
    expect(page.locator("h1", has_text="4/2/6/0")).to_be_visible(timeout=PATIENCE)


def test_a_module_name_goes_to_the_unit(page: Page) -> None:
    ready_at(page, "/search")
    typed(page, "layer4.2.act3:3")
    expect(page.locator("h1", has_text="4/2/6/3")).to_be_visible(timeout=PATIENCE)


def test_hostile_text_and_a_hostile_label_do_nothing(page: Page, planted_store: ModelStore) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\">mango"
    labels, unit = Labels(planted_store), Unit.parse("4/2/6/22")
    labels.add(unit, hostile, "ada")
    ready_at(page, "/search")
    typed(page, hostile)
    expect(page.locator(".units .chip")).to_have_text([hostile], timeout=PATIENCE)
    assert page.title() != "owned"
    labels.withdraw(unit, hostile, "ada")


@pytest.mark.parametrize("name", ["mine.png", "<b>mine<b>.svg"])
def test_an_uploaded_file_that_is_no_picture_is_a_message(demo_page: Page, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<svg onload=\"document.title='owned'\">")
    demo_page.goto(f"/search?by=picture&layer={MEASURED}")
    ready(demo_page)
    demo_page.locator("input[type=file]").set_input_files(tmp_path / name)
    expect(demo_page.get_by_test_id("stAlert")).to_contain_text("is not a picture that can be read", timeout=PATIENCE)
    ready(demo_page)
    assert demo_page.title() != "owned"
