"""Messages about the models of a database, and about their networks."""

from datetime import UTC, datetime
from typing import Any

from catalog import Catalog, open_network
from catalog.live_network import LiveNetwork
from extract import demo
from extract.units import Layer
from graph.opening import connect
from graph.records import Annotation, Filters
from graph.store import Store
from graph.verification import compare
from tests.builders.extractions import BARE
from tests.builders.planted_catalog import MODEL
from tests.faults.advice.messages import Advice, Ask, Question, Table

HERE, STORE = "tests/faults/test_advice.py", "tests/graph/test_store.py"
LOAD, REMOVAL = "tests/graph/loading/test_load.py", "tests/graph/loading/test_removal.py"


def opened(name: str | None) -> Ask:
    return lambda catalog: catalog.model(name)


def candidates(model: str) -> Ask:
    return lambda catalog: catalog.model(model).candidates()


def tally(layer: str) -> Ask:
    return lambda catalog: catalog.model(MODEL).tally(Layer.parse(layer))


def reading(word: str) -> Ask:
    return lambda catalog: catalog.model(MODEL).units_reading(word)


def counted(meanwhile: bool) -> Ask:
    """Count a model as if data was lost, while somebody labels it or before all of it is there."""

    def ask(catalog: Catalog) -> bool:
        unit = catalog.model(MODEL).unit("4/2/6/20")

        def count() -> list[dict[str, Any]]:
            if meanwhile:
                unit.withdraw(unit.label("hat", author="ada").id, author="ada")
            return [{"what": "units", "found": 1 if meanwhile else 2, "recorded": 2}]

        with connect(catalog.url) as database:
            return compare(database, MODEL, count)

    return ask


def annotated(entries: int, text: str) -> Ask:
    """Annotate a unit that had so many entries when its history was read."""

    def ask(catalog: Catalog) -> None:
        with connect(catalog.url) as database:
            note = Annotation(text, MODEL, "4/2/6/21", text, "ada", datetime.now(UTC))
            Store(database).model(MODEL).annotate(note, entries=entries)

    return ask


def by_weights(source: str) -> Ask:
    return lambda catalog: catalog.model(MODEL).candidates_by_weights("4/2/6", source)


def ablated(**part: str) -> object:
    return open_network("demo").ablate("4/2/6/34", count=2, classes=(), **part)  # type: ignore[arg-type]


TABLE = Table(
    (
        *("catalog.errors", "catalog.live_network"),
        *(f"graph.{name}" for name in ("model_store", "records", "store", "verification")),
    ),
    (
        Advice("Units have no number", lambda: Filters(at_least={"size": 1}), lambda: Filters(at_least={"q": 1})),
        Advice(
            "Name one part to ablate",
            lambda: ablated(branch="conv", source="4/2/3/80"),
            lambda: ablated(branch="conv"),
        ),
        Advice(
            "are not those of the catalog",
            lambda: LiveNetwork.of("demo:emoji", "0" * 64),
            lambda: open_network("demo", demo.WEIGHTS),
        ),
        Advice(
            "they cannot be loaded by this name",
            lambda: LiveNetwork.of("tiny:mine@0123456789ab", "0" * 64),
            lambda: open_network("demo", demo.WEIGHTS),
        ),
    ),
    questions=(
        Question("Name one of them (model=...)", opened(None), opened(MODEL)),
        Question("Name one of these, or load {name!r}", opened("none"), opened(MODEL)),
        Question("was shown no probes. Show it probes", candidates(BARE), candidates(MODEL)),
        Question("and only a sum has two branches", tally("4/2/5"), tally("4/2/6")),
        Question("word with `circuits difference`", reading("cat"), reading("hammer")),
        Question("were not extracted. {way}", by_weights("4/2/3"), by_weights("4/0/8")),
        Question("Read the history, then try again.", annotated(1, "early"), annotated(0, "late")),
        Question("because its labels keep changing", counted(meanwhile=True), counted(meanwhile=False)),
    ),
    elsewhere={
        "Install it again": "tests/catalog/test_live_network.py",
        "Reading a network needs torch": "tests/app/cli/test_main.py",
        "The database lost unit": HERE,
        "Open that model for them": STORE,
        "try again if the change is still right": "tests/catalog/labels/test_annotations.py",
        "An earlier check found that the database lost data": "tests/graph/test_stored_numbers.py",
        "The database holds no model yet": REMOVAL,
        "the load resumes where it stopped, and labels stay": LOAD,
        "{way}; all its data stays": "tests/graph/loading/test_migration.py",
        "The database no longer holds the model": REMOVAL,
        "Load the extraction again; labels stay": LOAD,
        "lost data of {model}: {damage}": LOAD,
    },
)
