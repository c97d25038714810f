"""Loading from the command line: what it says of a database of an earlier version."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from extract.folder.extraction import Extraction
from graph.cypher.schema import SET_VERSION
from graph.loading.migration import migrate
from graph.schema import SCHEMA, VERSION
from tests.builders.servers import emptied

Run = Callable[..., Result]
SAVED = "CREATE (:Query {name: $name, id: $name, author: 'ada', description: '', defaults: '{}', text: $cypher})"


def test_a_load_into_an_older_database_says_so_and_names_the_saved_queries_that_are_outdated(
    circuits: Run, planted: Extraction, embedded: Path
) -> None:
    with emptied(embedded) as database:
        migrate(database)
        database.write(SET_VERSION, id=SCHEMA, version=4)
        for name, text in (("mine", "MATCH (u:Unit) RETURN u.p"), ("still right", "MATCH (u:Unit) RETURN u.id")):
            database.write(SAVED, name=name, cypher=text)

    result = circuits("load", planted.path, "--database", embedded)

    assert result.exit_code == 0, result.output
    assert f"The database was upgraded from schema 4 to schema {VERSION}." in result.stdout
    assert "or that now mean something else: mine. Find the new names in the changelog" in result.stdout

    again = circuits("load", planted.path, "--database", embedded)

    assert "schema" not in again.stdout
