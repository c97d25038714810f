"""A headless Chromium, and the app served on two catalogs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.serving import chromium, launched, serving, watched


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, the machine's own."""
    if chromium() is None:
        pytest.skip("no Chromium on the PATH; on Debian `apt install chromium-headless-shell`")
    with launched() as found:
        yield found


@pytest.fixture(scope="session")
def served(planted_folder: Path) -> Iterator[str]:
    """The app's address while it is served on the planted catalog."""
    with serving(planted_folder) as address:
        yield address


@pytest.fixture(scope="session")
def demo_served(demo_folder: Path) -> Iterator[str]:
    """The app's address while it is served on the demo's catalog."""
    with serving(demo_folder) as address:
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
