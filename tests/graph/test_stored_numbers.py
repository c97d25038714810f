"""Every number that a load writes is compared when all of a model is read, and what is derived with what it is from."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from graph.checksums import Checksums, checksum
from graph.connection.database import Database
from graph.errors import DatabaseDamaged
from graph.loading.load import load
from graph.records import Annotation, SavedCircuit
from graph.store import Store
from tests.builders.servers import server_with

MODEL = "random:a"
UNIT = "2/1/6/3"
PICTURE = b"RIFF"
DAMAGES = [  # each what somebody else may do to a number and, done again, undoes; and the kind that the message names
    ("MATCH (n:Layer {id: '2/1/6'}) SET n.grid = -n.grid", "Layer"),
    ("MATCH (n:Unit {id: '2/1/5/3'}) SET n.scale = -n.scale", "Unit"),
    ("MATCH (n:Unit {id: '2/1/6/3'}) SET n.activity = -n.activity", "Unit"),
    ("MATCH (n:Unit {id: '2/1/6/3'}) SET n.further = CASE WHEN n.further IS NULL THEN 1 END", "Unit"),
    ("MATCH (n:Image) WITH n ORDER BY n.key LIMIT 1 SET n.concept = reverse(n.concept)", "Image"),
    ("MATCH (n:Word) WITH n ORDER BY n.key LIMIT 1 SET n.length = -n.length", "Word"),
    ("MATCH (:Layer {id: '2/1/6'})<-[e:SWEPT]-() SET e.n = -e.n", "Layer SWEPT"),
    ("MATCH (:Unit {id: '2/1/6/3'})<-[e:ADDS]-() SET e.branch = reverse(e.branch)", "Unit ADDS"),
    ("MATCH (:Unit {id: '2/1/6/3'})<-[e:CONTRIBUTES]-() SET e.mean = -e.mean", "Unit CONTRIBUTES"),
    ("MATCH (:Unit {id: '2/1/6/3'})<-[e:CONTRIBUTES]-() SET e.rank_in = -e.rank_in", "Unit CONTRIBUTES"),
    ("MATCH (:Unit)<-[e:ACTIVATES]-(:Image) SET e.rank = -e.rank", "Image ACTIVATES"),
    ("MATCH (:Unit {id: '2/1/6/3'})<-[e:DEPICTS]-() SET e.share_published = -e.share_published", "Image DEPICTS"),
    ("MATCH (:Unit {id: '2/1/6/3'})<-[e:ACTIVATES]-(:Word) SET e.value = -e.value", "Word ACTIVATES"),
]
DERIVED = [  # what is derived from people's entries, and the kind that the message names
    ("MATCH (u:Labelled) REMOVE u:Labelled", "labelled units"),
    ("MATCH (u:Unit {id: '2/1/6/5'}), (l:Label) CREATE (u)-[:LABELLED {annotation: 'x'}]->(l)", "labels shown"),
    ("MATCH (:Unit)-[e:LABELLED]->() DELETE e", "labels on units"),
    ("MATCH (:Circuit)-[e:INCLUDES]->() DELETE e", "units of saved circuits"),
]


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """One with all kinds of rows."""
    extraction = random_extraction(tmp_path_factory.mktemp("numbers") / "a.extraction", MODEL, 1, 2, density=0.05)
    depicted = [{"layer": "2/1/6", "channel": 3, "image": PICTURE, "share_published": 0.5}]
    extraction.add({"visualisations.parquet": pa.Table.from_pylist(depicted, SCHEMAS["visualisations"])})
    return extraction


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def database(request: pytest.FixtureRequest, extraction: Extraction) -> Iterator[Database]:
    with server_with(request, extraction) as database:
        label_and_save(database)
        yield database


def label_and_save(database: Database) -> None:
    store, noon = Store(database).model(MODEL), datetime(2026, 1, 2, tzinfo=UTC)
    store.annotate(Annotation("a", MODEL, UNIT, "wound", "ada", noon), Annotation("b", MODEL, UNIT, "sky", "ada", noon))
    store.save_circuit(SavedCircuit("hat", MODEL, "trace", "ada", noon, 1), "id", "{}", {UNIT: "unit"}, replace=False)


@pytest.mark.parametrize(("damage", "kind"), DAMAGES)
def test_a_changed_number_is_found(database: Database, damage: str, kind: str) -> None:
    database.write(damage)
    with pytest.raises(DatabaseDamaged, match=f"the values of {kind}: "):
        Store(database).verify_numbers(MODEL)
    database.write(damage)
    database.write("MATCH (m:Model) REMOVE m.lost")


@pytest.mark.parametrize(("damage", "kind"), DERIVED)
def test_what_no_longer_follows_from_peoples_entries_is_found(database: Database, damage: str, kind: str) -> None:
    database.write(damage)
    with pytest.raises(DatabaseDamaged, match=kind):
        Store(database).verify_numbers(MODEL)


def test_what_was_found_damaged_is_refused_until_it_is_loaded_again(database: Database, extraction: Extraction) -> None:
    store, (damage, _) = Store(database), DAMAGES[0]
    database.write(damage)
    with pytest.raises(DatabaseDamaged):
        store.verify_numbers(MODEL)
    for refused in (store.model, store.count, store.verify):
        with pytest.raises(DatabaseDamaged, match="An earlier check found that the database lost data"):
            refused(MODEL)
    load(extraction, database, progress=False)
    assert store.verify_numbers(MODEL)
    assert [set(card.labels) for card in store.model(MODEL).labelled()] == [{"wound", "sky"}]


def test_a_model_without_checksums_is_not_compared(database: Database) -> None:
    recorded = database.read("MATCH (m:Model {id: $model}) RETURN m.checksums AS lines", model=MODEL)[0]["lines"]
    database.write("MATCH (m:Model) REMOVE m.checksums")
    assert not Store(database).verify_numbers(MODEL)
    database.write("MATCH (m:Model) SET m.checksums = $lines", lines=recorded)


ROWS = pa.table({"key": ["a", "b", "c"], "number": [1.5, -0.0, None], "whole": [1, 2, 3], "list": [[1, 2], None, [3]]})


def test_a_checksum_does_not_hang_on_the_order_of_rows_or_of_columns_or_on_batches() -> None:
    turned = ROWS.take([2, 0, 1]).select(["list", "whole", "number", "key"])
    assert checksum(turned) == checksum(ROWS)
    assert (checksum(ROWS.slice(0, 1)) + checksum(ROWS.slice(1))) % 2**64 == checksum(ROWS)
    assert checksum(pa.Table.from_pylist(ROWS.to_pylist())) == checksum(ROWS)


@pytest.mark.parametrize("bit", range(0, 64, 7))
def test_a_flipped_bit_of_a_number_changes_the_checksum(bit: int) -> None:
    numbers = np.array([0.1, 2.0, -3e5])
    flipped = numbers.copy()
    flipped.view(np.uint64)[1] ^= np.uint64(1 << bit)
    assert checksum(pa.table({"n": pa.array(flipped)})) != checksum(pa.table({"n": pa.array(numbers)}))


def test_values_that_changed_places_change_the_checksum() -> None:
    swapped = {"one": [1.0, 2.0], "other": [2.0, 1.0]}
    assert checksum(pa.table(swapped)) != checksum(pa.table({"one": [2.0, 2.0], "other": [1.0, 1.0]}))
    assert checksum(pa.table({"one": [1.0], "other": [2.0]})) != checksum(pa.table({"one": [2.0], "other": [1.0]}))


def test_a_property_of_several_types_which_no_load_writes_has_another_checksum() -> None:
    loaded, altered = Checksums(), Checksums()
    loaded.add_properties("Unit", [{"direct": True}, {"direct": False}, {}])
    altered.add_properties("Unit", [{"direct": True}, {"direct": 9}, {}])
    assert loaded.lines != altered.lines
