"""What is derived agrees with what it is derived from, however much of it there is."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.connection.database import Database
from graph.model_store import ModelStore
from graph.records import Annotation, SavedCircuit
from graph.store import Store
from tests.builders.servers import server_with

MODEL = "random:a"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def database(
    request: pytest.FixtureRequest,
    random_extraction: Callable[..., Extraction],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Database]:
    extraction = random_extraction(tmp_path_factory.mktemp("views") / "a.extraction", MODEL, 1, density=0.01)
    with server_with(request, extraction) as database:
        yield database


@pytest.fixture(scope="module")
def store(database: Database) -> ModelStore:
    return Store(database).model()


def note(unit: str, text: str, second: int, **rest: str) -> Annotation:
    at = NOON + timedelta(seconds=second)
    return Annotation(f"{unit} {second}", MODEL, unit, text, "ada", at, **rest)  # type: ignore[arg-type]


def shown(database: Database, unit: str) -> list[str]:
    """The texts of a unit's LABELLED relationships."""
    rows = database.read("MATCH (:Unit {key: $key})-[:LABELLED]->(l:Label) RETURN l.text AS t", key=f"{MODEL}/{unit}")
    return sorted(row["t"] for row in rows)


MANY = [pytest.param(count, marks=pytest.mark.whole) for count in (1_000, 10_000)]
UNITS = {count: f"2/1/6/{number}" for number, count in enumerate((1, 100, 101, 125, 400, 1_000, 10_000))}


@pytest.mark.parametrize("count", [1, 100, 101, 125, 400, *MANY])
def test_a_unit_shows_the_labels_that_its_history_leaves(store: ModelStore, database: Database, count: int) -> None:
    unit = UNITS[count]
    bulk = [note(unit, f"text {n}", n) for n in range(max(1, count - (25 if count < 1_000 else 3)))]
    store.annotate(*bulk)
    added = bulk + [note(unit, f"text {n}", n) for n in range(len(bulk), count)]
    for annotation in added[len(bulk) :]:
        store.annotate(annotation)
    assert shown(database, unit) == sorted(a.text for a in added)
    for n, annotation in enumerate(added[:4]):
        store.annotate(note(unit, annotation.text, 9000 + n, action="withdraw", supersedes=annotation.id))
    left = sorted(a.text for a in added[4:])
    assert shown(database, unit) == left
    assert sorted(store.unit(Unit.parse(unit)).labels) == left
    store.annotate(*(note(unit, a.text, 9100 + n, action="withdraw", supersedes=a.id) for n, a in enumerate(added[4:])))
    assert shown(database, unit) == []
    assert store.unit(Unit.parse(unit)).labels == ()


def test_a_units_own_text_names_twenty_labels_and_counts_the_others(store: ModelStore, database: Database) -> None:
    unit = "2/1/6/21"
    store.annotate(*(note(unit, f"text {n}", n) for n in range(20)))
    ((twenty,),) = database.query("MATCH (u:Unit {id: $id}) RETURN u.label", {"id": unit}).rows
    assert twenty == "; ".join(f"text {n}" for n in range(20))
    store.annotate(*(note(unit, f"text {n}", n) for n in range(20, 25)))
    ((longer,),) = database.query("MATCH (u:Unit {id: $id}) RETURN u.label", {"id": unit}).rows
    assert longer == f"{twenty}; and 5 more"


@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_a_saved_circuit_includes_the_units_that_it_was_saved_with_last(
    store: ModelStore, database: Database, count: int
) -> None:
    units = [row["id"] for row in database.read("MATCH (u:Unit) RETURN u.id AS id ORDER BY id LIMIT $n", n=count)]
    circuit = SavedCircuit(f"circuit {count}", MODEL, "neighbourhood", "ada", NOON, len(units))
    for identity, members in (("one", units), ("two", units[-3:]), ("three", units)):
        assert store.save_circuit(circuit, identity, "{}", dict.fromkeys(members, "member"), replace=True)
        text = "MATCH (:Circuit {name: $name})-[:INCLUDES]->(u:Unit) RETURN u.id AS id ORDER BY id"
        assert [row["id"] for row in database.read(text, name=circuit.name)] == sorted(members)


def test_entries_of_one_moment_stand_in_the_order_in_which_they_were_written(store: ModelStore) -> None:
    unit = "2/1/6/20"
    for number in "7305":
        store.annotate(Annotation(f"same moment {number}", MODEL, unit, number, "ada", NOON))
    assert [a.text for a in store.annotations(Unit.parse(unit))] == list("7305")
