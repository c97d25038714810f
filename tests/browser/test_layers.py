"""The layers page in a real browser."""

from playwright.sync_api import Page, expect

from tests.browser.serving import PATIENCE, choose, ready, ready_at


def test_a_layer_and_its_address_show_its_shares_and_lead_to_its_units(page: Page) -> None:
    ready_at(page, "/layers")
    choose(page, "Layer", "4/2/6")
    expect(page.get_by_text("Units of 4/2/6")).to_be_visible(timeout=PATIENCE)
    ready(page)
    address = page.url
    page.goto("about:blank")
    ready_at(page, address)
    expect(page.locator(".chart b")).to_have_text(["4/2/6"], timeout=PATIENCE)
    expect(page.locator(".chart g")).to_have_count(22)
    page.get_by_text("Units of 4/2/6").click()
    expect(page.locator(".units a.pill").first).to_contain_text("4/2/6/", timeout=PATIENCE)
