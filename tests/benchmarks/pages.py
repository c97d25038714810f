"""How long the app makes its user wait, on a catalog of 41,600 units, two million edges and ten thousand words.

    python tests/benchmarks/pages.py [--rounds 10] [--edges 2000000] [--words 10000] [--labels 1000] [--catalog FOLDER]

The catalog is synthetic (`tests/benchmarks/catalogs.py`), the browser is a headless Chromium of this machine, and the
embedded server is started as `circuits app` starts it. A cold first page is that of a new app process whose database
server has to start too, on files that were not counted yet. A first page is that of a new session of a warm app. All
other times are of one session that goes from page to page. A time runs from the click to the end of the last script run
that the click causes, as the browser itself noted it, with the page's content painted. Each is taken `--rounds` times,
with another value than the one shown. The widgets changed are those of the kinds in CHANGES that are neither in a form
nor folded away. The aim is under a second, and under three for the first page. On a busy machine compare CPU times:
those of app, database server and browser together, which take turns for the most part. Linux only.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Locator, Page

from app.web.views import PAGES
from extract.probes.word_lists import most_common
from extract.units import Layer
from graph.embedded.server import status, stop
from graph.loading.load import load
from graph.opening import connect
from graph.store import Store
from tests.benchmarks.catalogs import MODEL, SUM, furnish, label, synthetic
from tests.browser.serving import PATIENCE, launched, serving, signed

QUIET = 0.4  # after so many seconds without a run, the last run counts as the last
# Notes when the script's state last turned to not running, after two frames so that what came with it is painted.
NOTE = """
() => {
  const app = document.querySelector('[data-testid=stApp]');
  const state = () => app.dataset.testScriptState;
  window.runs = 0;
  new MutationObserver(() => {
    window.changed = performance.now();
    if (state() === 'notRunning') requestAnimationFrame(() => requestAnimationFrame(() => {
      window.runs += 1;
      window.ended = performance.now();
    }));
  }).observe(app, {attributeFilter: ['data-test-script-state']});
}
"""
SETTLED = """
([before, quiet]) => window.runs > before && performance.now() - window.changed > quiet
  && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'
"""
CONV = Layer(SUM.stage, SUM.block, SUM.index - 1)
ADDRESSES = {
    PAGES[0].name: "/",
    "unit": f"/unit?unit={CONV}/7",
    "circuit": "/circuit?trace=backward",
}  # to most widgets
OUTSIDE = ":not([data-testid=stForm] *)"  # what a form holds waits for its button


def _number(turn: int) -> str:
    return f"{turn + 1}"


LETTERS = "aeotsinrlcdm"
TEXTS: dict[str, Callable[[int], str]] = {  # what to write in a round; else the round's number
    "From unit": lambda turn: f"{SUM}/{turn + 1}",
    "Unit, label, concept or word": lambda turn: LETTERS[turn % len(LETTERS)],  # the letters that find most
}
Seconds = tuple[float, float]  # on the clock, and of CPU
Times = dict[str, list[Seconds]]  # by what was done
Change = Callable[[Page, Locator, int], None]


class NoChoice(Exception):
    """A menu has only one entry."""


def _choose(page: Page, box: Locator, turn: int) -> None:
    box.scroll_into_view_if_needed()  # a click that has to scroll first opens no menu
    box.locator("input").click()
    page.get_by_role("option").first.wait_for()
    others = page.locator("[role=option]:not([aria-selected=true])")
    if not others.count():
        raise NoChoice
    others.nth(turn % others.count()).click()


def _press(_: Page, group: Locator, turn: int) -> None:
    buttons = group.get_by_role("radio")
    buttons.nth((turn + 1) % buttons.count()).click()


def _pick(_: Page, group: Locator, turn: int) -> None:
    choices = group.locator("label:has(input)")
    choices.nth((turn + 1) % choices.count()).click()


def _slide(_: Page, slider: Locator, turn: int) -> None:
    knob = slider.get_by_role("slider")
    down, at_end = turn % 4 > 1, knob.evaluate("e => e.value === e.max")
    knob.press("ArrowLeft" if down or at_end else "ArrowRight")


def _write(_: Page, field: Locator, turn: int) -> None:
    field.locator("input").fill(TEXTS.get(_label(field), _number)(turn))
    field.locator("input").press("Enter")


def _toggle(_: Page, box: Locator, __: int) -> None:
    box.locator("label").click()


CHANGES: dict[str, Change] = {  # a kind of widget, and how to give one another value in a round
    "stSlider": _slide,
    "stSelectbox": _choose,
    "stButtonGroup": _press,
    "stRadio": _pick,
    "stTextInput": _write,
    "stNumberInput": _write,
    "stCheckbox": _toggle,
}


def _label(widget: Locator) -> str:
    return str(widget.get_by_test_id("stWidgetLabel").first.inner_text()).strip()


# ---- one wait


@dataclass
class Clock:
    """The CPU time of all processes that serve and show the app."""

    folder: Path

    def cpu(self) -> float:
        """Return the CPU seconds so far of this process's descendants and of the database's server."""
        ours, seconds, server = {os.getpid()}, 0.0, status(self.folder)
        for pid, (parent, spent) in sorted(_processes().items()):  # parents have lower numbers
            if parent in ours or (server and pid == server.pid):
                ours.add(pid)
                seconds += spent
        return seconds


def _processes() -> dict[int, tuple[int, float]]:
    """Return every process's parent and CPU seconds, keyed by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            values = (process / "stat").read_text().rpartition(")")[2].split()
            found[int(process.name)] = int(values[1]), (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
    return found


def waited(page: Page, clock: Clock, act: Callable[[], object]) -> Seconds:
    """Return the seconds from an act to the end of the last run that the act causes."""
    before, start = page.evaluate("[window.runs, performance.now()]")
    spent = clock.cpu()
    act()
    page.wait_for_function(SETTLED, arg=[before, 1000 * QUIET], timeout=PATIENCE)
    spent = clock.cpu() - spent
    _sound(page)
    return float(page.evaluate("window.ended") - start) / 1000, spent


def first(page: Page, clock: Clock, address: str) -> Seconds:
    """Return the seconds from asking for a URL to the end of the first run, with the page's content there."""
    start, spent = time.perf_counter(), clock.cpu()
    page.goto(address)
    page.locator(".linked").first.wait_for(timeout=PATIENCE)
    page.wait_for_function("document.querySelector('[data-test-script-state=notRunning]')", timeout=PATIENCE)
    seconds = time.perf_counter() - start, clock.cpu() - spent
    _sound(page)
    page.wait_for_timeout(1000 * QUIET)
    page.evaluate(NOTE)
    return seconds


def _sound(page: Page) -> None:
    if wrong := page.locator("[data-testid=stException]").all_inner_texts():
        raise RuntimeError(f"{page.url} shows an error: {wrong}")


@contextmanager
def session(browser: Browser, served: str) -> Iterator[Page]:
    """Open a new session of the app, and yield its page."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=served)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


# ---- what is timed


def cold(browser: Browser, clock: Clock, rounds: int, times: Times) -> None:
    """Time the first page of a new process, on a database that nobody has open."""
    for _ in range(rounds):
        stop(clock.folder)
        with serving(clock.folder) as served, session(browser, served) as page:
            times["first page, cold"].append(first(page, clock, "/"))
            page.wait_for_timeout(15_000)  # so that what still goes on is no burden to the next


def going(page: Page, clock: Clock, rounds: int, times: Times) -> None:
    """Time the ways from page to page by the links at the side, and to a unit from a candidate."""
    links = page.get_by_test_id("stSidebarNavLink")
    for _ in range(rounds):
        for entry in PAGES[1:] + PAGES[:1]:
            link = links.filter(has_text=entry.title).first
            times[f"{entry.title}: open"].append(waited(page, clock, link.click))
            page.locator(".linked").first.wait_for()
    for turn in range(rounds):
        waited(page, clock, links.filter(has_text="Enrichment").first.click)
        pill = page.locator(".card .top a.pill").nth(turn % 10)
        times["Unit: open from a candidate"].append(waited(page, clock, pill.click))


def changing(page: Page, clock: Clock, rounds: int, times: Times) -> None:
    """Time changes of the widgets of every page, except those in forms or folded away."""
    for entry in PAGES:
        address = ADDRESSES.get(entry.name, f"/{entry.name}")
        for kind, change in CHANGES.items():
            first(page, clock, address)
            widgets = page.get_by_test_id("stMain").locator(f"[data-testid={kind}]{OUTSIDE}")
            for place in range(widgets.count()):
                first(page, clock, address)
                widget = widgets.nth(place)
                if not widget.is_visible() or not widget.locator("input:enabled, button:enabled").count():
                    continue
                name = f"{entry.title}: {_label(widget)}"
                with suppress(NoChoice):
                    for turn in range(rounds):
                        act = lambda change=change, widget=widget, turn=turn: change(page, widget, turn)  # noqa: E731
                        times[name].append(waited(page, clock, act))


def drawing(page: Page, clock: Clock, rounds: int, times: Times) -> None:
    """Time selecting a unit of an enrichment circuit in the figure, expanding, pinning and removing the unit."""
    for turn in range(rounds):
        first(page, clock, f"/circuit?trace=enrichment&unit={SUM}/{turn}&model={MODEL}")
        unit = page.locator(f".figure svg a[data-unit='{CONV}/{turn}'] .frame")
        times["Circuit: click a unit"].append(waited(page, clock, unit.click))
        for name in ("Expand", "Pin", "Remove"):
            button = page.get_by_role("button", name=name, exact=True)
            times[f"Circuit: {name}"].append(waited(page, clock, button.click))


def labelling(page: Page, clock: Clock, rounds: int, times: Times) -> None:
    """Time adding a label to a unit that has none, until the label's chip is there, and undoing the label."""
    signed(page, "ada")
    for turn in range(rounds):
        first(page, clock, f"/unit?unit={SUM}/{2047 - turn}&model={MODEL}")
        page.get_by_label("Label", exact=True).fill(f"mittens {turn}")
        times["Unit: add a label"].append(waited(page, clock, page.get_by_role("button", name="Add label").click))
        page.locator(".heading .chip", has_text=f"mittens {turn}").wait_for()
        times["Unit: undo"].append(waited(page, clock, page.get_by_role("button", name="Undo add of").click))


def table(times: Times) -> None:
    print(f"\n{'seconds':40} {'median':>8} {'p95':>8} {'median of CPU':>14} {'rounds':>7}")
    for name, found in ((name, found) for name, found in times.items() if found):
        clock, cpu = zip(*found, strict=True)
        late = "  too slow" if np.quantile(clock, 0.95) > (3 if name.startswith("first page") else 1) else ""
        cells = f"{np.median(clock):8.2f} {np.quantile(clock, 0.95):8.2f} {np.median(cpu):14.2f}"
        print(f"{name:40} {cells} {len(found):7}{late}")
    print(f"load average {' '.join(f'{load:.1f}' for load in os.getloadavg())}", flush=True)


def made(folder: Path, edges: int, words: int, labels: int) -> None:
    """Make the catalog, unless it is there."""
    if folder.exists():
        return
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        extraction = furnish(synthetic(Path(place) / "x", edges), most_common(words))
        load(extraction, folder, progress=False)
    with connect(folder) as database:
        store = Store(database)
        label(store.model(MODEL), labels)
        card = store.model(MODEL).card
    told = f"{card.units:,} units, {card.edges:,} edges, {card.words:,} words, {card.labelled:,} labelled units"
    print(f"{told}; made and loaded in {time.perf_counter() - start:.0f} s", flush=True)


@contextmanager
def printing(times: Times) -> Iterator[None]:
    """Print the table at the end, even if something broke off."""
    try:
        yield
    finally:
        table(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cold", type=int, default=3, help="rounds from cold, of half a minute each")
    parser.add_argument("--edges", type=int, default=2_000_000)
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--catalog", type=Path, help="where the catalog is, or is made; else a folder that is deleted")
    chosen = parser.parse_args()
    times: Times = defaultdict(list)
    with tempfile.TemporaryDirectory() as place:
        folder = (chosen.catalog or Path(place) / "database").resolve()
        made(folder, chosen.edges, chosen.words, chosen.labels)
        clock = Clock(folder)
        with printing(times), launched() as browser:
            cold(browser, clock, chosen.cold, times)
            with serving(folder) as served:
                for _ in range(chosen.rounds):
                    with session(browser, served) as page:
                        times["first page, new session"].append(first(page, clock, "/"))
                with session(browser, served) as page:
                    first(page, clock, "/")
                    going(page, clock, chosen.rounds, times)
                    changing(page, clock, chosen.rounds, times)
                    drawing(page, clock, chosen.rounds, times)
                    labelling(page, clock, chosen.rounds, times)
        stop(folder)


if __name__ == "__main__":
    main()
