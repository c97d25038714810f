"""Migrations killed at random points, they or their server: the next ends where an undisturbed one does."""

import random
import time
from collections.abc import Callable

import pytest

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.errors import SchemaMismatch
from graph.loading.load import load
from graph.loading.migration import migrate
from graph.schema import VERSION
from graph.store import Store
from tests.builders.earlier_catalogs import as_version_1, as_version_3, as_version_4
from tests.builders.killable_server import KillableServer, Victim
from tests.builders.removals import MODEL, check_said, speak
from tests.faults.fault_table import RecordFault, trials

MIGRATE = """
import sys
from graph.loading.migration import migrate
from graph.opening import connect
with connect(sys.argv[1], timeout=2.0) as database:
    migrate(database)
"""
CONTENT = "MATCH (n) WHERE n:Unit OR n:Model OR n:Query RETURN properties(n) AS p ORDER BY n.key, n.id, n.name"


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("migrated") / "a.extraction", MODEL, 1, width=2)


def make_old(database: Database, extraction: Extraction) -> None:
    """A catalog of version 1 whose units have what versions 3 and 4 wrote too, and what people said of them."""
    database.write("MATCH (n) DETACH DELETE n")
    load(extraction, database, progress=False)
    speak(database)
    database.write("CREATE (:Query {name: 'old', text: 'RETURN 1'})")
    for earlier in (as_version_4, as_version_3, as_version_1):
        earlier(database)


@pytest.fixture(scope="module")
def undisturbed(killable: KillableServer, extraction: Extraction) -> tuple[list[dict[str, object]], int]:
    """What a migration that nobody killed ends in, and its number of transactions."""
    with killable.connect() as database:
        make_old(database, extraction)
        writes = killable.writes(MIGRATE)
        return content(database), writes


def content(database: Database) -> list[dict[str, object]]:
    """The properties of what a migration changes, without what differs between two loads."""
    rows = (row["p"] for row in database.read(CONTENT))
    return [{name: value for name, value in row.items() if name != "loader"} for row in rows]


@pytest.mark.parametrize(("victim", "trial"), [*trials(0, 15, "client"), *trials(0, 5, "server")])
def test_a_migration_that_is_killed(
    service: KillableServer,
    extraction: Extraction,
    undisturbed: tuple[list[dict[str, object]], int],
    victim: Victim,
    trial: int,
    record_fault: RecordFault,
) -> None:
    expected, writes = undisturbed
    chance = random.Random(f"{victim} {trial}")  # noqa: S311 (no secret)
    with service.connect() as database:
        make_old(database, extraction)
    service.interrupt(victim, chance.randint(1, writes), chance.uniform(0, 0.03), MIGRATE)
    began, held = time.monotonic(), False
    try:
        with service.connect() as database:
            is_refused_until_migrated(database)
            assert migrate(database) == VERSION
            assert content(database) == expected
            check_said(database)
        held = True
    finally:
        record_fault(f"kill of the {victim} of a migration", held, time.monotonic() - began)


def is_refused_until_migrated(database: Database) -> None:
    """Migrate, and see that the model could not be opened before, unless all of it was done."""
    try:
        Store(database).models()
    except SchemaMismatch:
        assert migrate(database) < VERSION
