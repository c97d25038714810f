"""Records and constraints of the graph."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from extract.folder.schemas import SCHEMAS
from extract.units import ARCHITECTURES
from graph.connection.database import Database
from graph.cypher.schema import CONSTRAINTS, INDEXES
from graph.embedded.server import stop
from graph.errors import ConstraintViolated
from graph.opening import connect
from graph.records import Contribution, EvidenceTerms, ModelCard, Sweep


def names(record: type) -> set[str]:
    return {field.name for field in fields(record)}


def test_a_model_card_knows_its_architecture() -> None:
    shape = ARCHITECTURES["RN50"]
    card = ModelCard("RN50:openai", shape.blocks, shape.width, shape.image_size, "0" * 64, "", 41_600, 0, 0, 0, 0, ())
    assert card.architecture == shape


@pytest.mark.parametrize(("table", "record"), [("sweeps", Sweep), ("evidence", EvidenceTerms), ("edges", Contribution)])
def test_a_record_has_every_column_of_its_table(table: str, record: type) -> None:
    of_units = {"layer", "channel", "source_channel", "target_channel"}
    assert set(SCHEMAS[table].names) - of_units <= names(record)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("schema") / "database"
    with connect(folder) as database:
        for text in (*CONSTRAINTS, *INDEXES) * 2:  # the second time they are there
            database.write(text)
        yield database
    stop(folder)


@pytest.mark.parametrize(
    "text",
    [
        "UNWIND [1, 2] AS x CREATE (:Model {id: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Layer {key: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Unit {key: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Image {key: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Annotation {id: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Label {text: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Circuit {key: 'same'})",
        "UNWIND [1, 2] AS x CREATE (:Query {name: 'same'})",
        "CREATE (:Unit:Labelled {key: 'same'}), (:Unit {key: 'same'})",
    ],
)
def test_the_database_holds_no_two_of_a_kind_with_one_key(empty: Database, text: str) -> None:
    with pytest.raises(ConstraintViolated):
        empty.write(text)
    assert empty.write("MATCH (n) RETURN count(n) AS n") == [{"n": 0}]
