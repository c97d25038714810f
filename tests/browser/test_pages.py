"""The app in a real browser: what only shows there, such as clicks inside a picture, escaping and the network."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.web.views import PAGES, Entry
from catalog.labels.labels import Labels
from extract.folder.extraction import Extraction
from extract.network.weights import load_network
from extract.recording.difference import difference
from extract.units import Layer, Unit
from graph.embedded.server import stop
from graph.model_store import ModelStore
from tests.browser.serving import (
    CANDIDATES,
    MODEL,
    PATIENCE,
    choose,
    open_first,
    ready,
    ready_at,
    serving,
    signed,
    watched,
)
from tests.builders.servers import loaded


@pytest.mark.parametrize("entry", PAGES[::-1], ids=lambda entry: entry.name)  # the fresh server's first is no home
def test_every_page_opens_by_its_address_without_error_or_request_to_elsewhere(page: Page, entry: Entry) -> None:
    page.goto("/" if entry == PAGES[0] else f"/{entry.name}")
    ready(page)
    expect(page.locator(".linked").first).to_be_visible(timeout=PATIENCE)


def test_a_click_on_a_candidate_opens_its_unit_in_the_same_session(page: Page) -> None:
    ready_at(page, "/enrichment")
    page.get_by_text("Reveal sensitive").click()
    ready(page)
    open_first(page, CANDIDATES)
    assert "unit=4/2/6/0" in page.url.replace("%2F", "/")
    expect(page.get_by_role("switch", name="Reveal sensitive")).to_be_checked()


def test_a_click_on_a_unit_in_the_circuit_figure_opens_it(page: Page) -> None:
    ready_at(page, f"/unit?unit=4/2/6/0&model={MODEL}")
    page.locator(".figure svg a[data-unit='4/1/6/0'] image, .figure svg a[data-unit='4/1/6/0'] rect").last.click()
    expect(page.locator("h1", has_text="4/1/6/0")).to_be_visible(timeout=PATIENCE)


def test_a_link_to_a_unit_opens_it_in_another_tab_too(page: Page) -> None:
    ready_at(page, f"/unit?unit=4/2/6/0&model={MODEL}")
    link = page.locator(".branches a.pill", has_text="4/2/5/0")
    with page.context.expect_page() as other:
        link.click(modifiers=["ControlOrMeta"])
    expect(other.value.locator("h1", has_text="4/2/5/0")).to_be_visible(timeout=PATIENCE)


def test_pictures_of_the_three_branches_stand_in_columns(page: Page) -> None:
    ready_at(page, f"/unit?unit=4/2/6/0&model={MODEL}")
    rows = page.locator(".branches .row")
    expect(rows).to_have_count(3)
    lefts = [[image.bounding_box()["x"] for image in row.locator("img").all()] for row in rows.all()]  # type: ignore[index]
    shortest = min(map(len, lefts))
    assert shortest > 0
    assert len({tuple(left[:shortest]) for left in lefts}) == 1


def test_a_label_is_added_by_the_form(page: Page, planted_store: ModelStore) -> None:
    ready_at(page, f"/unit?unit=4/2/6/11&model={MODEL}")
    signed(page, "ada")
    page.get_by_label("Label", exact=True).fill("<b>mittens</b>")
    page.get_by_role("button", name="Add label").click()
    expect(page.locator(".heading .chip")).to_have_text("<b>mittens</b>", timeout=PATIENCE)
    (label,) = Labels(planted_store).current(Unit.parse("4/2/6/11"))
    assert (label.text, label.author) == ("<b>mittens</b>", "ada")


def test_hostile_label_text_does_nothing(page: Page, planted_store: ModelStore) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    Labels(planted_store).add(Unit.parse("4/2/6/12"), hostile, "ada")
    ready_at(page, f"/unit?unit=4/2/6/12&model={MODEL}")
    expect(page.locator(".heading .chip")).to_have_text(hostile, timeout=PATIENCE)
    expect(page.locator(".figure svg")).to_be_visible(timeout=PATIENCE)
    assert page.title() != "owned"


def test_a_word_of_ones_own_over_a_baseline_of_ones_own_and_its_address_show_the_same_units(demo_page: Page) -> None:
    ready_at(demo_page, "/words")
    word, over = demo_page.get_by_label("Word", exact=True), demo_page.get_by_role("combobox", name="Over")
    word.fill("<b>banana")
    word.press("Enter")
    over.fill("bananas & more")
    over.press("Enter")
    choose(demo_page, "Layer", "4/1/6")
    expect(demo_page.get_by_text("Units of 4/1/6 that rise most")).to_be_visible(timeout=PATIENCE)
    ready(demo_page)
    pills = demo_page.locator(".edges a.pill")
    found = difference(load_network("demo"), "<b>banana", "bananas & more", Layer(4, 1, 6)).top(20)
    expect(pills).to_have_text([str(unit) for unit, rise in found if rise > 0], timeout=PATIENCE)
    expect(demo_page.locator("figcaption")).to_have_text(["<b>banana", "bananas & more"])
    address = demo_page.url
    demo_page.goto("about:blank")
    ready_at(demo_page, address)
    expect(pills).to_have_text([str(unit) for unit, rise in found if rise > 0], timeout=PATIENCE)
    pills.first.click()
    expect(demo_page.locator("h1", has_text=str(found[0][0]))).to_be_visible(timeout=PATIENCE)


def test_a_catalog_cut_short_is_refused_without_a_click_once_that_is_found(
    browser: Browser,
    random_extraction: Callable[..., Extraction],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = loaded(random_extraction(tmp_path / "a.extraction", "random:a", 1, width=8), tmp_path_factory)
    (file,) = (folder / "databases" / "circuits").glob("CONTRIBUTES_0.*.bucket")
    os.truncate(file, int(file.stat().st_size * 0.6))
    with serving(folder) as served, watched(browser, served) as page:
        page.goto("/")
        expect(page.get_by_text("The database lost data of random")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("[data-testid=stMain] .linked")).to_have_count(0)
    stop(folder)
