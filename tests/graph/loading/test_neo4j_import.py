"""CSV files for Neo4j's own import: the real tool reads them, and a load finishes what it began."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from graph.connection.database import Database
from graph.errors import DatabaseDamaged, LoadFailed
from graph.loading.load import load
from graph.loading.neo4j_import import write_csv
from graph.store import Store
from tests.builders.neo4j_server import LocalNeo4j, Neo4j

MODEL = "random:a"
AWKWARD = 'a "b", c; d\\e 中\N{RIGHT-TO-LEFT MARK} \''


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """A random extraction with a probe of an awkward name."""
    made = random_extraction(tmp_path_factory.mktemp("offline") / "a.extraction", MODEL, 1)
    probes = made.table("probes").to_pylist()
    probes[0]["concept"] = AWKWARD
    made.add({"probes.parquet": pa.Table.from_pylist(probes, SCHEMAS["probes"])})
    return made


def content(database: Database) -> list[object]:
    """All that the database holds but for who loaded it, the edges by the keys of their ends."""
    nodes = database.read("MATCH (n) WHERE NOT n:Model RETURN labels(n) AS labels, properties(n) AS p")
    edges = database.read(
        "MATCH (a)-[e]->(b) RETURN coalesce(a.key, a.id) AS a, type(e) AS type, properties(e) AS p, b.key AS b"
    )
    models = database.read("MATCH (m:Model) RETURN m {.*, loaded: 0} AS m")
    return [sorted(json.dumps(row, sort_keys=True) for row in rows) for rows in (nodes, edges, models)]


def test_neo4j_imports_the_files_and_a_load_finishes(
    extraction: Extraction, local_neo4j: LocalNeo4j, neo4j: Neo4j, tmp_path: Path
) -> None:
    command = write_csv(extraction, tmp_path / "csv", progress=False)
    program, *arguments = command.split()
    assert program == "neo4j-admin"
    local_neo4j.admin(*arguments)
    local_neo4j.start()
    with local_neo4j.connect() as imported, neo4j.emptied(keep=()) as usual:
        with pytest.raises(DatabaseDamaged, match="Load it again"):
            Store(imported).model(MODEL)
        units = imported.read("MATCH (u:Unit) RETURN elementId(u) AS id ORDER BY id")
        assert load(extraction, imported, progress=False) == load(extraction, usual, progress=False)
        assert content(imported) == content(usual)
        assert imported.read("MATCH (u:Unit) RETURN elementId(u) AS id ORDER BY id") == units  # none was made again
        assert imported.read("MATCH (i:Image {concept: $name}) RETURN count(i) AS n", name=AWKWARD) == [{"n": 1}]
        indexes = "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name ORDER BY name"
        assert imported.read(indexes) == usual.read(indexes)


def test_a_folder_that_holds_something_is_left_alone(extraction: Extraction, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(LoadFailed, match="not empty"):
        write_csv(extraction, tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_unfinished_extraction_is_not_written(extraction: Extraction, tmp_path: Path) -> None:
    unfinished = Extraction.create(tmp_path / "half", extraction.manifest.model_copy(update={"files": {}}))
    with pytest.raises(ExtractionError, match="not finished"):
        write_csv(unfinished, tmp_path / "csv", progress=False)
    assert not (tmp_path / "csv").exists()
