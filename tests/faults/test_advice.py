"""Every message that gives advice: a case that brings it up, and the advice followed.

The tables hold the messages of the modules that they name; a message there that is in no table fails, and so does a
module that gives messages and is in no table.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from catalog import Catalog, open_catalog
from extract.errors import CircuitsError
from extract.folder.extraction import Extraction
from graph.embedded.server import stop
from graph.loading.load import load
from graph.opening import connect
from tests.builders.extractions import BARE, units_alone
from tests.builders.neo4j_server import Neo4j
from tests.builders.servers import loaded
from tests.faults.advice import (
    article,
    census,
    circuits,
    connections,
    databases,
    folders,
    labels,
    labels_and_circuits,
    loading,
    macroscopic,
    measurements,
    models,
    probes,
    queries,
    units,
    weights,
)
from tests.faults.advice.messages import Act, Advice, Message, OnNeo4j, Question, messages

ROOT = Path(__file__).parents[2]
TABLES = (
    labels_and_circuits.TABLE,
    units.TABLE,
    probes.TABLE,
    weights.TABLE,
    folders.TABLE,
    measurements.TABLE,
    macroscopic.TABLE,
    census.TABLE,
    article.TABLE,
    databases.TABLE,
    connections.TABLE,
    labels.TABLE,
    circuits.TABLE,
    models.TABLE,
    queries.TABLE,
    loading.TABLE,
)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("USER", "HEAP", "DATABASE"):
        monkeypatch.delenv(f"CIRCUITS_{name}", raising=False)


@cache
def told() -> list[Message]:
    return [message for table in TABLES for module in table.modules for message in messages(module)]


def test_every_message_is_in_a_table() -> None:
    parts = [part for table in TABLES for part in table.parts]
    texts = [message.text for message in told()]
    assert [text for text in texts if not any(part in text for part in parts)] == []
    assert [part for part in parts if not any(part in text for text in texts)] == []
    assert all((ROOT / test).is_file() for table in TABLES for test in table.elsewhere.values())


def test_every_module_that_gives_messages_is_in_a_table() -> None:
    files = [file.relative_to(ROOT) for room in ("extract", "graph", "catalog") for file in (ROOT / room).rglob("*.py")]
    modules = {".".join(file.with_suffix("").parts) for file in files if file.stem not in ("__init__", "__main__")}
    scripts = {module for module in modules if module.startswith(("extract.demo.", "graph.embedded.java_process"))}
    speaking = {module for module in modules - scripts if any(messages(module))}
    assert speaking == {module for table in TABLES for module in table.modules}


@pytest.fixture(scope="module")
def bare(planted: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return units_alone(planted, tmp_path_factory.mktemp("bare") / "bare.extraction")


@pytest.fixture(scope="module")
def catalog(planted: Extraction, bare: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog of the planted model, and of its units alone under another name."""
    folder = loaded(planted, tmp_path_factory)
    with open_catalog(folder) as catalog:
        with connect(folder) as database:
            load(bare, database, progress=False)
        yield catalog
    stop(folder)


@pytest.mark.parametrize("advice", [each for table in TABLES for each in table.advice], ids=lambda advice: advice.part)
def test_the_case_brings_the_message_up_and_the_advice_works(advice: Advice) -> None:
    check(advice.part, advice.case, advice.followed)


def test_a_model_that_lost_a_unit_has_it_after_the_next_load(catalog: Catalog, bare: Extraction) -> None:
    unit = catalog.model(BARE).unit("4/2/6/0")
    with connect(catalog.url) as database:
        database.write("MATCH (u:Unit {key: $key}) DETACH DELETE u", key=f"{BARE}/4/2/6/0")
        with pytest.raises(CircuitsError, match="The database lost unit"):
            assert unit.refresh().card
        load(bare, database, progress=False)
    assert unit.refresh().card.id == unit.id


@pytest.mark.parametrize("asked", [each for table in TABLES for each in table.questions], ids=lambda asked: asked.part)
def test_the_question_brings_the_message_up_and_the_advice_works(asked: Question, catalog: Catalog) -> None:
    check(asked.part, lambda: asked.case(catalog), lambda: asked.followed(catalog))


@pytest.mark.parametrize("asked", [each for table in TABLES for each in table.on_neo4j], ids=lambda asked: asked.part)
def test_neo4j_brings_the_message_up_and_the_advice_works(asked: OnNeo4j, neo4j: Neo4j) -> None:
    neo4j.emptied().close()
    check(asked.part, lambda: asked.case(neo4j), lambda: asked.followed(neo4j))


def check(part: str, case: Act, followed: Act) -> None:
    patterns = [message.pattern for message in told() if part in message.text]
    with pytest.raises(CircuitsError) as error:
        case()
    assert any(pattern.search(str(error.value)) for pattern in patterns), str(error.value)
    assert str(error.value).rstrip().endswith((".", ")", "?"))
    followed()
    assert json.dumps(str(error.value))
