"""The schema's version: made, found, brought up to ours, or refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from extract.units import Layer, Unit
from graph.connection.database import Database
from graph.cypher.schema import SET_VERSION
from graph.embedded.server import stop
from graph.errors import SchemaMismatch
from graph.loading.load import load
from graph.loading.migration import migrate, outdated_queries
from graph.opening import connect
from graph.records import Annotation
from graph.schema import SCHEMA, VERSION
from graph.store import Store
from tests.builders.earlier_catalogs import as_version_1, as_version_3, as_version_4, as_version_5
from tests.builders.neo4j_server import Neo4j

MODEL = "random:a"
UNIT = "2/1/6/3"
INDEXES = "SHOW INDEXES YIELD name RETURN name ORDER BY name"


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "neo4j":
        server: Neo4j = request.getfixturevalue("neo4j")
        with server.emptied(keep=()) as database:
            yield database
        return
    folder: Path = tmp_path_factory.mktemp("migration") / "database"
    with connect(folder) as database:
        yield database
    stop(folder)


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("migration") / "a.extraction", MODEL, 1, width=2)


@pytest.fixture
def old(database: Database, extraction: Extraction) -> Store:
    """A catalog as version 1 wrote it: its number on each model, no words or pictures of units, no schema node."""
    database.write("MATCH (n) DETACH DELETE n")
    load(extraction, database, progress=False)
    store = Store(database)
    store.model(MODEL).annotate(Annotation("note", MODEL, UNIT, "wound", "ada", datetime(2026, 1, 2, tzinfo=UTC)))
    as_version_1(database)
    return store


def test_an_empty_database_gets_our_schema_and_nothing_more_the_second_time(database: Database) -> None:
    database.write("MATCH (n) DETACH DELETE n")
    assert migrate(database) == VERSION
    indexes = database.read(INDEXES)
    assert migrate(database) == VERSION
    assert database.read(INDEXES) == indexes
    assert database.read("MATCH (s:Schema) RETURN s.version AS v") == [{"v": VERSION}]


def test_an_older_schema_is_refused_and_brought_up_with_all_that_is_in_it(old: Store) -> None:
    for ask in (old.models, lambda: old.model(None)):
        with pytest.raises(
            SchemaMismatch, match=r"schema 1, and this version needs schema \d+\. Upgrade it with `circuits migrate`"
        ):
            ask()
    assert migrate(old.database) == 1
    assert migrate(old.database) == VERSION
    old.verify(MODEL)
    assert old.model(None).card.labelled == 1
    assert old.model(MODEL).unit(Unit.parse(UNIT)).labels == ("wound",)
    assert old.database.read("MATCH (m:Model) WHERE m.version IS NOT NULL RETURN m") == []


SPLIT = ("word_share_difference", "selectivity_difference")


def differences(store: Store) -> dict[str, dict[str, float | None]]:
    """What units have of both differences, and of the one that there was before."""
    text = "MATCH (u:Unit) WHERE u.layer = '2/1/6' RETURN u.id AS id, properties(u) AS known"
    names = (*SPLIT, "modality_difference", "words_shortcut", "words_conv")
    return {row["id"]: {name: row["known"].get(name) for name in names} for row in store.database.read(text)}


def test_the_difference_in_modality_becomes_two(database: Database, extraction: Extraction) -> None:
    database.write("MATCH (n) DETACH DELETE n")
    load(extraction, database, progress=False)
    store = Store(database)
    model, layer = store.model(MODEL), Layer.parse("2/1/6")
    loaded, candidates = differences(store), model.enrichment_by_evidence(layer, 99, modality_difference=0.2)
    assert any(None not in (row[SPLIT[0]], row[SPLIT[1]]) for row in loaded.values())
    as_version_3(database)
    database.write("MATCH (u:Unit {id: '2/0/8/3'}) REMOVE u.word_selectivity")  # so that 2/1/6/3 is known by words
    database.write("CREATE (:Query {name: 'old map', text: 'MATCH (u:Unit {verdict: $v}) RETURN u'})")
    for name, text in (("old", "RETURN u.modality_difference"), ("new", "MATCH (u) RETURN u.q_by, u.quality")):
        database.write("CREATE (:Query {name: $name, text: $cypher})", name=name, cypher=text)
    assert migrate(database) == 3
    after = differences(store)
    assert {row["modality_difference"] for row in after.values()} == {None}
    before = loaded["2/1/6/3"]
    assert after.pop("2/1/6/3")[SPLIT[0]] == (before[SPLIT[1]] if before[SPLIT[1]] is not None else before[SPLIT[0]])
    assert {unit: row[SPLIT[1]] for unit, row in after.items()} == {unit: loaded[unit][SPLIT[1]] for unit in after}
    for row in after.values():
        shortcut, conv = row["words_shortcut"], row["words_conv"]
        apart = None if shortcut is None or conv is None else pytest.approx(abs(shortcut - conv))
        assert row[SPLIT[1]] is None or row[SPLIT[0]] == apart
    again = store.model(MODEL).enrichment_by_evidence(layer, 99, modality_difference=0.2)
    assert [terms.unit for terms in again] == [terms.unit for terms in candidates]
    assert [terms.modality_difference for terms in again] == [terms.modality_difference for terms in candidates]
    assert len(again) > 1
    assert outdated_queries(database) == ["old", "old map"]
    assert migrate(database) == VERSION


def test_what_ablation_says_gets_a_name_of_its_own_and_the_tests_that_are_replaced_go(
    database: Database, extraction: Extraction
) -> None:
    database.write("MATCH (n) DETACH DELETE n")
    load(extraction, database, progress=False)
    unit = "MATCH (u:Unit) WHERE u.nearby_rise_conv IS NOT NULL AND u.ablation IS NOT NULL WITH u ORDER BY u.id LIMIT 1"
    (name,) = (row["id"] for row in database.read(f"{unit} RETURN u.id AS id"))
    unit = f"MATCH (u:Unit {{id: '{name}'}})"
    before = database.read(f"{unit} RETURN properties(u) AS u")[0]["u"]
    as_version_4(database)
    assert migrate(database) == 4
    after = database.read(f"{unit} RETURN properties(u) AS u")[0]["u"]
    for name in ("nearby_rise_conv", "nearby_rise_conv_low"):
        assert after.get(name) == before.get(name)
    assert after["nearby_ablation"] == before["ablation"]  # which was on concepts near those of the top probes
    gone = ("verdict", "q", "p", "p_facets", "reach_conv", "reach_shortcut", "undecided", "rise_conv", "rise_conv_low")
    assert {name: after.get(name) for name in gone} == dict.fromkeys(gone)
    assert after["share_exact"] == before["share_exact"]
    assert Store(database).verify_numbers(MODEL) is False  # its checksums were of the earlier names
    assert {row.verdict for row in Store(database).model(MODEL).verdicts(Layer.parse("2/1/6"))} == {None}


def test_what_ablation_said_of_concepts_nearby_is_not_taken_for_what_it_says_of_the_facets(
    database: Database, extraction: Extraction
) -> None:
    database.write("MATCH (n) DETACH DELETE n")
    load(extraction, database, progress=False)
    numbers = "MATCH (u:Unit) RETURN u.id AS id, properties(u) AS u"
    as_version_5(database)
    before = {row["id"]: row["u"] for row in database.read(numbers)}
    database.write("CREATE (:Query {name: 'ablated', text: 'MATCH (u) WHERE u.ablation = 1 RETURN u.effect_conv_low'})")
    assert migrate(database) == 5
    after = {row["id"]: row["u"] for row in database.read(numbers)}
    effects = [f"effect_{branch}{end}" for branch in ("conv", "shortcut") for end in ("", "_low", "_high")]
    assert sum("effect_conv" in row for row in before.values()) > 10
    for unit, row in before.items():
        assert after[unit].get("nearby_ablation") == row.get("ablation")
        if "effect_conv" in row:
            assert {name: after[unit][f"nearby_{name}"] for name in effects} == {name: row[name] for name in effects}
    gone = {"ablation", "control", "shuffled", *effects}
    assert not any(gone & row.keys() for row in after.values())
    assert "ablated" in outdated_queries(database)


def test_a_load_brings_an_older_schema_up_by_itself(old: Store, extraction: Extraction) -> None:
    card = load(extraction, old.database, progress=False)
    assert (card, card.labelled) == (old.model(None).card, 1)


def test_a_later_schema_is_left_alone(old: Store, extraction: Extraction) -> None:
    old.database.write(SET_VERSION, id=SCHEMA, version=VERSION + 1)
    before = old.database.read("MATCH (n) RETURN count(n) AS n")
    for act in (old.models, lambda: migrate(old.database), lambda: load(extraction, old.database, progress=False)):
        with pytest.raises(SchemaMismatch, match="Update clip-circuits"):
            act()
    assert old.database.read("MATCH (n) RETURN count(n) AS n") == before
    old.database.write("MATCH (s:Schema) DELETE s")
