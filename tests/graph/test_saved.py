"""What is replaced by several people at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.connection.database import Database
from graph.cypher.named_query import NamedQuery
from graph.opening import connect
from graph.store import Store
from tests.builders.neo4j_server import Neo4j


@pytest.fixture(params=["embedded", "neo4j"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server with nothing in it."""
    server: Path | Neo4j = request.getfixturevalue(request.param)
    with connect(server) if isinstance(server, Path) else server.emptied() as database:
        database.write("MATCH (n) DETACH DELETE n")
        yield database
        database.write("MATCH (n) DETACH DELETE n")


def test_of_many_who_replace_a_query_at_once_each_is_saved_or_an_earlier_version(database: Database) -> None:
    store, authors = Store(database), [f"author {n}" for n in range(8)]
    assert store.save_query(NamedQuery("mine", "RETURN 0", author="ada"))
    queries = [NamedQuery("mine", f"RETURN {n}", author=author) for n, author in enumerate(authors)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda query: store.save_query(query, replace=True), queries))
    (now,) = store.saved_queries()
    earlier = [query.author for query in store.earlier_queries()]
    assert sorted([now.author, *earlier]) == ["ada", *authors]
