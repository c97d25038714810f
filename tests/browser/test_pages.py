"""The app in a real browser: what only shows there, such as clicks inside a picture, escaping and the network."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from app import linked
from app.views import PAGES, Entry
from catalog.labels import Labels
from extract.difference import difference
from extract.units import Layer, Unit
from extract.weights import load_network
from graph.store import CircuitStore
from tests.demo_catalog import demo_catalog

MAIN = Path(linked.__file__).with_name("main.py")
MODEL = "planted:by-hand"
PATIENCE = 60_000  # milliseconds for anything to appear
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, the machine's own."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on the PATH; on Debian `apt install chromium`")
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's sandbox refuses root
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=[*FLAGS, *root])
        yield launched
        launched.close()


@contextmanager
def serving(database: Path) -> Iterator[str]:
    """The app's address while it is served on a catalog."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.headless=true", f"--server.port={port}"]
    environment = {**os.environ, "CIRCUITS_DATABASE": str(database)}
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, "--server.address=127.0.0.1"], env=environment) as server:
        try:
            _wait_for(f"{address}/_stcore/health", server)
            yield address
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def served(planted_folder: Path) -> Iterator[str]:
    """The app's address while it is served on the planted catalog."""
    with serving(planted_folder) as address:
        yield address


@pytest.fixture(scope="module")
def demo_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app's address while it is served on the demo's catalog."""
    with demo_catalog(tmp_path_factory.mktemp("demo")) as folder, serving(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """A page of the planted catalog."""
    with watched(browser, served) as opened:
        yield opened


@pytest.fixture
def demo_page(browser: Browser, demo_served: str) -> Iterator[Page]:
    """A page of the demo's catalog."""
    with watched(browser, demo_served) as opened:
        yield opened


@contextmanager
def watched(browser: Browser, served: str) -> Iterator[Page]:
    """A fresh session that fails the test on any request to elsewhere and on any error in the console."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=served)
    opened, elsewhere, errors = context.new_page(), [], []
    opened.set_default_timeout(PATIENCE)

    def asked(request: Request) -> None:
        if not request.url.startswith((served, "data:", "blob:")):
            elsewhere.append(request.url)

    def said(message: ConsoleMessage) -> None:
        probing = "/_stcore/" in message.location["url"]  # Streamlit asks for itself below a page's address first
        if message.type == "error" and not probing:
            errors.append(message.text)

    opened.on("request", asked)
    opened.on("console", said)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not elsewhere
    assert not errors


def ready(page: Page) -> Page:
    """The page once its script has run to the end."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    return page


@pytest.mark.parametrize("entry", PAGES[::-1], ids=lambda entry: entry.name)  # the fresh server's first is no home
def test_every_page_opens_by_its_address_without_error_or_request_to_elsewhere(page: Page, entry: Entry) -> None:
    page.goto("/" if entry == PAGES[0] else f"/{entry.name}")
    ready(page)
    expect(page.locator(".linked").first).to_be_visible(timeout=PATIENCE)


def test_a_click_on_a_candidate_opens_its_unit_in_the_same_session(page: Page) -> None:
    ready_at(page, "/enrichment")
    page.get_by_text("Reveal sensitive").click()
    ready(page)
    page.locator(".card .top a.pill").first.click()
    expect(page.locator("h1", has_text="4/2/6/0")).to_be_visible(timeout=PATIENCE)
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


def test_a_label_is_added_by_the_form(page: Page, planted_store: CircuitStore) -> None:
    ready_at(page, f"/unit?unit=4/2/6/11&model={MODEL}")
    page.get_by_label("Label", exact=True).fill("<b>mittens</b>")
    page.get_by_label("Author").fill("ada")
    page.get_by_role("button", name="Add label").click()
    expect(page.locator(".heading .chip")).to_have_text("<b>mittens</b>", timeout=PATIENCE)
    (label,) = Labels(planted_store, MODEL).current(Unit.parse("4/2/6/11"))
    assert (label.text, label.author) == ("<b>mittens</b>", "ada")


def test_hostile_label_text_does_nothing(page: Page, planted_store: CircuitStore) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    Labels(planted_store, MODEL).add(Unit.parse("4/2/6/12"), hostile, "ada")
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
    demo_page.get_by_role("combobox", name="Layer").click()
    demo_page.get_by_role("option", name="4/1/6").click()
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


def ready_at(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)
    expect(page.locator(".linked").first).to_be_visible(timeout=PATIENCE)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(address, timeout=1):  # noqa: S310, our own http address
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(address)
