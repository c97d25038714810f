"""The unit page in a real browser: its choices stand in the address, and the matrix is drawn."""

from playwright.sync_api import Page, expect

from extract.expansion.expanded_weights import expanded_weights
from extract.network.weights import load_network
from extract.units import Unit
from graph.model_store import ModelStore
from tests.browser.serving import MODEL, PATIENCE, choose, ready, ready_at
from tests.builders.demo_catalog import MODEL as DEMO
from tests.builders.demo_catalog import TARGET


def test_a_copied_address_shows_the_same_edges(page: Page, planted_store: ModelStore) -> None:
    ready_at(page, f"/unit?unit=4/2/5/6&model={MODEL}")
    page.get_by_role("radio", name="mean").click()
    ready(page)
    choose(page, "Inputs from", "4/0/8")
    ready(page)
    unit = Unit.parse("4/2/5/6")
    found = planted_store.inputs(unit, 5, source=Unit.parse("4/0/8/0").layer, by="mean")
    wanted = [str(edge.source) for edge in sorted(found, key=lambda edge: edge.mean < 0)]
    pills = page.locator(".edges").first.locator("a.pill")
    expect(pills).to_have_text(wanted, timeout=PATIENCE)
    address = page.url
    assert "order=mean" in address
    page.goto("about:blank")
    ready_at(page, address)
    expect(page.locator(".edges").first.locator("a.pill")).to_have_text(wanted, timeout=PATIENCE)


def test_the_chosen_edge_is_drawn_position_by_position(demo_page: Page) -> None:
    unit = f"{TARGET}/5"
    ready_at(demo_page, f"/unit?unit={unit}&model={DEMO}")
    chosen = choose(demo_page, "Spatial matrix of")
    cells = demo_page.locator("svg.matrix g")
    source = Unit.parse(chosen.partition(" to ")[0])
    kernel = expanded_weights(load_network("demo"), source, Unit.parse(unit)).numpy()
    expect(cells).to_have_count(kernel.size, timeout=3 * PATIENCE)  # the app loads torch and the network first
    expect(cells.first.locator("title")).to_contain_text(f": {kernel[0, 0]:+.3g}")
    address = demo_page.url
    demo_page.goto("about:blank")
    ready_at(demo_page, address)
    expect(cells).to_have_count(kernel.size, timeout=PATIENCE)
