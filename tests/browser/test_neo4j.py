"""The app in a real browser over a real Neo4j: it shows what it shows over the embedded server, and writes there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.web.views import PAGES, Entry
from catalog.labels.labels import Labels
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.loading.load import load
from graph.store import Store
from tests.browser.serving import CANDIDATES, MODEL, PATIENCE, open_first, ready, ready_at, serving, signed, watched
from tests.builders.neo4j_server import Neo4j


@pytest.fixture(scope="module")
def neo4j_served(neo4j: Neo4j, planted: Extraction) -> Iterator[str]:
    """The app's address while it is served on the planted catalog in Neo4j."""
    with neo4j.emptied() as database:
        load(planted, database, progress=False)
    login = {"CIRCUITS_USER": neo4j.user, "CIRCUITS_PASSWORD": neo4j.password}
    if neo4j.database:
        login["CIRCUITS_DATABASE_NAME"] = neo4j.database
    with serving(neo4j.url, **login) as address:
        yield address
    neo4j.emptied().close()


@pytest.fixture
def page(browser: Browser, neo4j_served: str) -> Iterator[Page]:
    """A page of that catalog."""
    with watched(browser, neo4j_served) as opened:
        yield opened


@pytest.mark.parametrize("entry", PAGES[1:], ids=lambda entry: entry.name)
def test_every_page_opens_over_neo4j(page: Page, entry: Entry) -> None:
    ready_at(page, f"/{entry.name}")


def test_candidates_lead_to_a_unit_that_is_labelled_and_the_label_undone(page: Page, neo4j: Neo4j) -> None:
    ready_at(page, "/enrichment")
    open_first(page, CANDIDATES)
    ready(page)
    signed(page, "ada")
    page.get_by_label("Label", exact=True).fill("mittens")
    page.get_by_role("button", name="Add label").click()
    expect(page.locator(".heading .chip")).to_have_text("mittens", timeout=PATIENCE)
    with neo4j.connect() as database:
        labels = Labels(Store(database).model(MODEL))
        assert [(a.text, a.author) for a in labels.current(Unit.parse("4/2/6/0"))] == [("mittens", "ada")]
        ready(page)
        page.get_by_role("button", name="Undo add of “mittens” by ada", exact=True).click()
        expect(page.locator(".heading .chip")).to_have_count(0, timeout=PATIENCE)
        assert not labels.current(Unit.parse("4/2/6/0"))
