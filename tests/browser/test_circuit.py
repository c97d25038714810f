"""The circuit canvas in a real browser: clicks and keys inside the figure, what is saved, and a copied address."""

import io
from pathlib import Path

import pypdfium2
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from catalog.circuits.editing import without
from catalog.circuits.export import read
from catalog.circuits.local import enrichment_circuit, neighbourhood
from catalog.circuits.saved import saved_circuits
from extract.units import Unit
from graph.model_store import ModelStore
from tests.browser.serving import MODEL, PATIENCE, heard, ready, ready_at, signed


def unit(page: Page, name: str) -> Locator:
    return page.locator(f".figure svg a[data-unit='{name}']")


def shown(page: Page, units: int) -> set[str]:
    """The units in the figure, once there are so many."""
    links = page.locator(".figure svg a[data-unit]")
    expect(links).to_have_count(units, timeout=PATIENCE)
    return {link.get_attribute("data-unit") or "" for link in links.all()}


def act(page: Page, name: str, label: str) -> None:
    """Choose a unit by a click and press one of the buttons."""
    unit(page, name).locator(".frame").click()
    expect(page.locator(".linked > .pill", has_text=name).first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name=label, exact=True).click()
    ready(page)


def test_a_unit_is_expanded_removed_and_pinned_by_clicks_and_the_address_shows_it_all(
    page: Page, planted_store: ModelStore
) -> None:
    ready_at(page, f"/circuit?unit=4/2/6/26&trace=enrichment&strongest=2&model={MODEL}")
    start = enrichment_circuit(planted_store, Unit.parse("4/2/6/26"), 2)
    near = neighbourhood(planted_store, Unit.parse("4/1/6/26"), 2)
    grown = {str(node.id) for node in (*start.units, *near.units)}
    assert shown(page, len(start.units)) == {str(node.id) for node in start.units}
    act(page, "4/1/6/26", "Expand")
    assert shown(page, len(grown)) == grown
    act(page, "4/2/5/26", "Pin")
    expect(page.get_by_role("button", name="Unpin")).to_have_count(1, timeout=PATIENCE)
    act(page, "4/2/5/26", "Remove")
    left = grown - {str(node.id) for node in start.units} | {
        str(n.id) for n in without(start, Unit.parse("4/2/5/26")).units
    }
    assert shown(page, len(left)) == left
    address = page.url
    page.goto("about:blank")
    ready_at(page, address)
    assert shown(page, len(left)) == left
    expect(page.get_by_role("button", name="Unpin")).to_have_count(1, timeout=PATIENCE)


def test_a_click_in_the_figure_runs_the_page_once(page: Page) -> None:
    """In a second run, what a button pressed meanwhile puts in the address would be lost."""
    kinds = heard(page)
    ready_at(page, f"/circuit?unit=4/2/6/26&trace=enrichment&strongest=2&model={MODEL}")
    kinds.clear()
    unit(page, "4/2/5/26").locator(".frame").click()
    expect(unit(page, "4/2/5/26").locator(".frame")).to_have_attribute("stroke-width", "4", timeout=PATIENCE)
    ready(page)
    assert kinds.count("new_session") == 1


def test_controls_stand_in_the_address(page: Page) -> None:
    ready_at(page, f"/circuit?model={MODEL}")
    page.get_by_role("radio", name="backward").click()
    page.get_by_label("From unit").fill("4/2/6/26")
    page.get_by_label("From unit").press("Enter")
    told = page.locator(".quiet", has_text="What leads to 4/2/6/26")
    expect(told).to_be_visible(timeout=PATIENCE)
    steps = page.get_by_role("slider", name="Steps")
    steps.focus()
    steps.press("ArrowLeft")
    expect(page.get_by_text("over 2 steps")).to_be_visible(timeout=PATIENCE)
    text = told.inner_text()
    address = page.url.replace("%2F", "/")
    assert all(part in address for part in ("trace=backward", "unit=4/2/6/26", "steps=2"))
    page.goto("about:blank")
    ready_at(page, address)
    expect(told).to_have_text(text, timeout=PATIENCE)


def test_the_keyboard_reaches_a_unit_chooses_it_and_stays_there(page: Page) -> None:
    ready_at(page, f"/circuit?unit=4/2/6/27&trace=enrichment&strongest=1&model={MODEL}")
    first = page.locator(".figure svg a[data-unit]").first
    name = first.get_attribute("data-unit") or ""
    first.focus()
    page.keyboard.press("Tab")
    second = page.locator(".figure svg a:focus").get_attribute("data-unit") or ""
    assert second not in ("", name)
    page.keyboard.press("Enter")
    expect(page.locator(".linked > .pill", has_text=second).first).to_be_visible(timeout=PATIENCE)
    expect(unit(page, second).locator(".frame")).to_have_attribute("stroke-width", "4", timeout=PATIENCE)
    expect(unit(page, second)).to_be_focused()


def test_on_a_unit_s_page_enter_opens_the_unit_under_the_keyboard(page: Page) -> None:
    ready_at(page, f"/unit?unit=4/2/6/27&model={MODEL}")
    unit(page, "4/2/5/27").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1", has_text="4/2/5/27")).to_be_visible(timeout=PATIENCE)


def stand_out(page: Page, hovered: str, count: int) -> bool:
    """Point at a unit and see whether all edges but so many fade; a figure drawn anew forgets the pointer."""
    page.mouse.move(2, 2)
    unit(page, hovered).hover()
    for _ in range(50):
        faint = page.locator(".figure svg .edge").evaluate_all("edges => edges.map(e => getComputedStyle(e).opacity)")
        if (faint.count("1"), faint.count("0.15")) == (count, len(faint) - count):
            return True
        page.wait_for_timeout(100)
    return False


def test_the_edges_of_the_unit_under_the_pointer_or_the_keyboard_stand_out(page: Page) -> None:
    ready_at(page, f"/circuit?unit=4/2/6/27&trace=enrichment&strongest=1&model={MODEL}")
    lit = page.locator(".figure svg.lit .edge.of")
    assert any(stand_out(page, "4/2/6/27", 2) for _ in range(5))
    expect(lit).to_have_count(2)
    page.mouse.move(2, 2)
    expect(lit).to_have_count(0)
    unit(page, "4/2/5/27").focus()
    expect(lit).to_have_count(3)  # its sum, and an input of either sign


def test_every_format_is_saved_from_the_page(page: Page, tmp_path: Path, planted_store: ModelStore) -> None:
    ready_at(page, f"/circuit?unit=4/2/6/28&trace=enrichment&strongest=2&model={MODEL}")
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/28"), 2)
    saved: dict[str, Path] = {}
    for label in ("SVG", "PNG", "PDF", "JSON", "GraphML", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        saved[label] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[label])
    assert {file.suffix for file in saved.values()} == {".svg", ".png", ".pdf", ".json", ".graphml", ".zip"}
    assert all(file.stem == "enrichment-4-2-6-28" for file in saved.values())
    for label in ("JSON", "GraphML", "CSV"):
        assert read(saved[label]) == circuit
    assert saved["SVG"].read_text().count("data-source") == len(circuit.edges)
    assert pypdfium2.PdfDocument(saved["PDF"])[0].get_size()[0] > 500
    with Image.open(io.BytesIO(saved["PNG"].read_bytes())) as image:
        assert image.width == 2 * pypdfium2.PdfDocument(saved["PDF"])[0].get_size()[0]


def test_a_circuit_is_saved_under_a_name_and_opened_again(page: Page, planted_store: ModelStore) -> None:
    name = "<img src=x onerror=alert(1)> 29"
    ready_at(page, f"/circuit?unit=4/2/6/29&trace=enrichment&strongest=1&model={MODEL}")
    units = shown(page, len(enrichment_circuit(planted_store, Unit.parse("4/2/6/29"), 1).units))
    signed(page, "ada")
    page.get_by_label("Save as").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(name)).to_be_visible(timeout=PATIENCE)
    ready_at(page, f"/circuit?unit=4/2/5/1&model={MODEL}")
    page.get_by_role("button", name="Open", exact=True).last.click()
    expect(page.locator(".quiet", has_text="Enrichment circuit of 4/2/6/29")).to_be_visible(timeout=PATIENCE)
    assert shown(page, len(units)) == units
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_text("Replaced or deleted (").first).to_be_visible(timeout=PATIENCE)
    assert name not in {circuit.name for circuit in saved_circuits(planted_store)}
