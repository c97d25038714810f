"""The Query page in a real browser: the main path, the keyboard, links that reproduce a view, saving and removing."""

from playwright.sync_api import Page, expect

from catalog.queries import Queries
from extract.units import Unit
from graph.cypher.built_in import BUILT_IN
from graph.model_store import ModelStore
from graph.store import Store
from tests.browser.serving import MODEL, PATIENCE, heard, ready, ready_at, signed

PILLS = ".units a.pill"


def write(page: Page, text: str) -> None:
    """One's own Cypher in the text area, not sent yet."""
    page.get_by_label("Cypher", exact=True).fill(text)


def test_a_named_query_answers_with_units_that_open(page: Page) -> None:
    ready_at(page, f"/query?model={MODEL}")
    expect(page.get_by_text("3 rows")).to_be_visible(timeout=PATIENCE)
    pills = page.locator(PILLS)
    expect(pills.first).to_have_text("4/2/6/0")
    page.get_by_label("verdict", exact=True).fill("open")
    page.get_by_label("verdict", exact=True).press("Enter")
    expect(page.get_by_text("26 rows")).to_be_visible(timeout=PATIENCE)
    expect(pills.first).to_have_text("4/2/6/5")
    pills.first.click()
    expect(page.locator("h1", has_text="4/2/6/5")).to_be_visible(timeout=PATIENCE)


def test_an_answer_leaves_as_csv_in_one_way_which_guards_formulas(page: Page) -> None:
    """Streamlit's own button under a table writes texts that begin with = as they are."""
    ready_at(page, f"/query?model={MODEL}")
    page.get_by_test_id("stDataFrame").hover(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Search")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    expect(page.get_by_role("button", name="CSV")).to_have_count(1)


def test_own_cypher_runs_with_ctrl_enter_and_its_address_shows_the_same(page: Page) -> None:
    ready_at(page, "/query")
    page.get_by_role("radiogroup").get_by_text("in Cypher", exact=True).click()
    ready(page)
    write(page, "MATCH (u:Unit {layer: $layer})\nWHERE u.channel < $below // & more?\nRETURN u.id AS unit")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The query needs a value of below")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("below", exact=True).fill("2")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("2 rows")).to_be_visible(timeout=PATIENCE)
    ready(page)
    address = page.url
    page.goto("about:blank")
    ready_at(page, address)
    expect(page.locator(PILLS)).to_have_text(["4/2/6/0", "4/2/6/1"], timeout=PATIENCE)
    expect(page.get_by_label("below", exact=True)).to_have_value("2")


def test_an_answer_leaves_the_address_to_whom_types_meanwhile(page: Page) -> None:
    """What the server says of the address replaces all of it, also what was entered after the page was asked."""
    kinds = heard(page)
    ready_at(page, f"/query?ask=in+Cypher&cypher=RETURN+1&model={MODEL}")
    write(page, "RETURN 2")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 rows")).to_be_visible(timeout=PATIENCE)
    page.wait_for_url("**cypher=RETURN+2**")
    ready(page)
    assert "new_session" in kinds
    assert "page_info_changed" not in kinds


def test_a_write_and_a_mistake_are_messages(page: Page, planted_store: ModelStore) -> None:
    ready_at(page, "/query?ask=in+Cypher&cypher=MATCH+(u:Unit)+SET+u.channel+%3D+7")
    expect(page.get_by_role("alert")).to_contain_text("only reading is allowed", timeout=PATIENCE)
    assert planted_store.unit(Unit.parse("4/2/6/3")).channel == 3
    write(page, "RETURN ![](http://127.0.0.1:1/x.png) <img src=x onerror=\"document.title='owned'\">")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not accept", timeout=PATIENCE)
    assert page.title() != "owned"


def test_a_query_is_saved_linked_and_removed(page: Page, planted_store: ModelStore) -> None:
    name = "browser's <b>own</b> & others"
    ready_at(page, "/query?ask=in+Cypher&cypher=RETURN+%24n+%2B+1+AS+x&$n=41")
    expect(page.get_by_text("1 rows")).to_be_visible(timeout=PATIENCE)
    signed(page, "ada")
    page.get_by_text("Save as").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("What it answers").fill("<script>document.title='owned'</script> One more.")
    page.get_by_label("What it answers").press("Enter")
    expect(page.get_by_text("Saved by ada.")).to_be_visible(timeout=PATIENCE)
    ready(page)
    address = page.url
    assert dict(Queries(Store(planted_store.database)).get(name).defaults) == {"n": 41}
    page.goto("about:blank")
    ready_at(page, address)
    expect(page.get_by_role("combobox", name="Query")).to_have_value(name, timeout=PATIENCE)
    expect(page.get_by_text("One more.")).to_be_visible()
    assert page.title() != "owned"
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("combobox", name="Query")).to_have_value(BUILT_IN[0].name, timeout=PATIENCE)
    assert name not in {query.name for query in Queries(Store(planted_store.database)).list()}


def test_a_copy_to_edit_is_in_the_address_at_once(page: Page) -> None:
    ready_at(page, f"/query?query=read-and-see&model={MODEL}")
    page.get_by_text("Its Cypher").click()
    page.get_by_role("button", name="Edit a copy").press("Enter")  # the expander still unfolds
    expect(page.get_by_label("Cypher", exact=True)).to_contain_text("RETURN u.id AS unit", timeout=PATIENCE)
    ready(page)
    address = page.url
    page.goto("about:blank")
    ready_at(page, address)
    expect(page.get_by_label("Cypher", exact=True)).to_contain_text("RETURN u.id AS unit", timeout=PATIENCE)


def test_the_answer_comes_down_as_csv(page: Page) -> None:
    ready_at(page, "/query?ask=in+Cypher&cypher=RETURN+%5B'a'%2C+'b'%5D+AS+list%2C+'x%2C+y'+AS+text")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.path().read_text() == 'list,text\n"[""a"", ""b""]","x, y"\n'
