"""A stranger's extraction, whose name is Markdown and whose pictures are bombs, shown on every page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.web.views import PAGES
from graph.embedded.server import stop
from graph.loading.load import load
from tests.browser.serving import PATIENCE, ready, serving, watched
from tests.builders.planted_catalog import planted_catalog
from tests.builders.png_header import png_of

NAME = "evil:![m](http://elsewhere.example/m.png) <img src=http://elsewhere.example/n.png> $x^2$ :red[x]"

VISITS = ("/", *(f"/{entry.name}" for entry in PAGES[1:]), "/unit?unit=4/2/6/0", "/circuit?unit=4/2/6/0")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app's address while it is served on that catalog."""
    root = tmp_path_factory.mktemp("stranger")
    extraction = planted_catalog(root / "a.extraction", NAME, png_of(30_000, 30_000))
    load(extraction, root / "database", progress=False)
    with serving(root / "database") as address:
        yield address
    stop(root / "database")


@pytest.mark.parametrize(
    "path", ["/", *(f"/{entry.name}" for entry in PAGES[1:]), "/unit?unit=4/2/6/0", "/query?ask=in Cypher"]
)
def test_every_page_shows_its_name_as_text_asks_nobody_and_raises_nothing(
    browser: Browser, strangers: str, path: str
) -> None:
    with watched(browser, strangers) as page:
        page.goto(path)
        ready(page)
        if path == "/":
            expect(page.get_by_text(f"{NAME}: stages of")).to_be_visible(timeout=PATIENCE)


def test_an_error_that_quotes_a_picture_shows_text(browser: Browser, strangers: str) -> None:
    with watched(browser, strangers) as page:
        page.goto("/unit?unit=![m](http://elsewhere.example/m.png)")
        expect(page.get_by_test_id("stAlert")).to_contain_text("![m](http://elsewhere.example/m.png)", timeout=PATIENCE)
