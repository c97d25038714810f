"""The app served to a real browser, and watched there."""

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

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.builders.planted_catalog import MODEL as MODEL

CANDIDATES = ["4/2/6/0", "4/2/6/4", "4/2/6/1"]  # planted, the one of the largest difference in modality first
PATIENCE = 60_000  # milliseconds for anything to appear
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

NOTE_A_RUN = """app => {
  window.hasRun = false;
  new MutationObserver(() => window.hasRun = true).observe(app, {attributeFilter: ['data-test-script-state']});
}"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


def chromium() -> str | None:
    """The machine's own Chromium, if there is one the lighter one that draws no window of its own."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """That Chromium, headless."""
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *root])
        yield browser
        browser.close()


@contextmanager
def serving(database: Path | str, **variables: str) -> Iterator[str]:
    """The app's address while it is served on a catalog; `variables` of its surroundings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("circuits")), "app", "--headless", "--address", "127.0.0.1"]
    address = f"http://127.0.0.1:{port}"
    command += ["--port", str(port), "--database", str(database)]
    with subprocess.Popen(command, env={**os.environ, **variables}) as server:
        try:
            _wait_for(f"{address}/_stcore/health", server)
            yield address
        finally:
            server.terminate()


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


def signed(page: Page, author: str) -> None:
    """The page with this author in the side bar; entered, so that no click meets the rerun that it causes."""
    page.get_by_label("Author").fill(author)
    page.get_by_test_id("stApp").evaluate(NOTE_A_RUN)
    page.get_by_label("Author").press("Enter")
    page.wait_for_function("() => window.hasRun")
    ready(page)


def heard(page: Page) -> list[str]:
    """The kinds of messages of the server to this page, as they come: `new_session` where its script starts to run."""
    kinds: list[str] = []

    def came(frame: bytes | str) -> None:
        if isinstance(frame, bytes):
            kinds.append(ForwardMsg.FromString(frame).WhichOneof("type") or "")

    page.on("websocket", lambda socket: socket.on("framereceived", came))
    return kinds


def choose(page: Page, menu: str, option: str = "") -> str:
    """Choose from a menu the first option with this text; scrolled to before, since scrolling closes an open menu."""
    box, found = page.get_by_role("combobox", name=menu), page.get_by_role("option", name=option).first
    box.scroll_into_view_if_needed()
    page.evaluate(TWO_FRAMES)  # a page is told of scrolling with the next frame
    box.click()
    text = found.inner_text()
    found.click()
    return text


def open_first(page: Page, units: list[str]) -> None:
    """Open the first of these candidates, once the cards of all are there; each is drawn when it is ready."""
    pills = page.locator(".card .top a.pill")
    expect(pills).to_have_text(units, timeout=PATIENCE)
    pills.first.click()
    expect(page.locator("h1", has_text=units[0])).to_be_visible(timeout=PATIENCE)


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
