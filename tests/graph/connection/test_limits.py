"""Limits hold whatever the server does: the asker is answered, others' questions go on, and nothing is lost."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.connection.database import Database
from graph.connection.parameters import DEEPEST
from graph.connection.read_only import LARGEST
from graph.embedded.server import ensure, status, stop
from graph.errors import QueryError, QueryTimeout, ServerUnavailable
from graph.opening import connect
from tests.builders.breaking_proxy import breaking_at_commit
from tests.builders.costly_queries import COSTLY
from tests.builders.neo4j_server import Neo4j

PATIENCE = 60.0  # seconds, on a busy machine
COUNT = "MATCH (m:Many) RETURN count(m) AS n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database of 300 nodes :Many, whose server has a small heap and may end at any time."""
    folder = tmp_path_factory.mktemp("limits") / "database"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRCUITS_HEAP", "256")
        with connect(folder) as database:
            database.write("UNWIND range(1, 300) AS i CREATE (:Many {i: i})")
        yield folder
        stop(folder)


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with connect(folder) as database:
        yield database


def test_a_server_that_does_not_end_a_query_is_ended_and_others_go_on(database: Database, folder: Path) -> None:
    before, over = status(folder), threading.Event()

    def go_on(act: Callable[[Database, int], None]) -> int:
        count = 0
        with connect(folder) as other:
            while not over.is_set():
                act(other, count)
                count += 1
        return count

    def read(other: Database, _: int) -> None:
        assert other.read(COUNT) == [{"n": 300}]

    def query(other: Database, _: int) -> None:
        assert other.query(COUNT, timeout=PATIENCE).rows == [[300]]

    def write(other: Database, number: int) -> None:
        other.write_idempotent("MERGE (:Written {number: $number})", number=number)

    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(go_on, act) for act in (read, query, write)]
        try:
            start = time.monotonic()
            with pytest.raises(QueryTimeout, match=r"after 1 s\. The server did not stop it, so the server was ended"):
                database.query(COSTLY["a test in a test"], timeout=1.0)
            assert time.monotonic() - start < 10
            assert database.read(COUNT) == [{"n": 300}]  # the server is back
        finally:
            over.set()
        *_, written = [other.result(PATIENCE) for other in others]
    assert status(folder) != before
    rows = database.read("MATCH (w:Written) RETURN w.number AS n ORDER BY n")
    assert [row["n"] for row in rows] == list(range(written))


ASK = """
import sys
from graph.errors import QueryError
from graph.opening import connect
with connect(sys.argv[1]) as database:
    try:
        database.query(sys.argv[2], timeout=60)
    except QueryError as error:
        print(error)
"""


def test_a_query_that_takes_all_the_memory_is_told_so_in_our_words_alone(database: Database, folder: Path) -> None:
    command = [sys.executable, "-c", ASK, str(folder), COSTLY["a text doubled"]]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert re.fullmatch(r".* ran out of memory .* nothing that was written is lost.* CIRCUITS_HEAP .*\n", done.stdout)
    assert done.stderr == ""  # the driver would tell of the broken connection there
    assert database.read(COUNT) == [{"n": 300}]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_write_whose_commit_broke_is_done_once_or_told_to_be_unknown(embedded: Path, carried_out: bool) -> None:
    endpoint = ensure(embedded)
    port = int(endpoint.uri.rpartition(":")[2])
    with connect(embedded) as direct:
        try:
            with (
                breaking_at_commit(port, carried_out) as broken,
                connect(f"bolt://127.0.0.1:{broken}", endpoint.user, endpoint.password, endpoint.database) as database,
            ):
                database.write_idempotent("MERGE (:Broken {once: 1})")
            assert direct.read("MATCH (b:Broken) RETURN count(b) AS n") == [{"n": 1}]
            with (
                breaking_at_commit(port, carried_out) as broken,
                connect(f"bolt://127.0.0.1:{broken}", endpoint.user, endpoint.password, endpoint.database) as database,
                pytest.raises(ServerUnavailable, match="Check whether the last change is there"),
            ):
                database.write("CREATE (:Broken {once: 2})")
            assert direct.read("MATCH (b:Broken {once: 2}) RETURN count(b) AS n") == [{"n": int(carried_out)}]
        finally:
            direct.write("MATCH (b:Broken) DELETE b")


def test_an_answer_of_any_size_is_bounded(database: Database) -> None:
    text = f"UNWIND range(1, 20) AS i RETURN range(1, {LARGEST // 10}) AS r"
    with pytest.raises(QueryError, match="more than 5,000,000 values"):
        database.query(text, timeout=PATIENCE)


@pytest.mark.parametrize("server", ["embedded", "neo4j"])
@pytest.mark.parametrize(("empty", "nested"), [("[]", "[x]"), ("{}", "{a: x}")])
def test_an_answer_that_nests_deeper_than_is_shown_is_refused(
    request: pytest.FixtureRequest, server: str, empty: str, nested: str
) -> None:
    place: Path | Neo4j = request.getfixturevalue(server)
    text = f"RETURN reduce(x = {empty}, i IN range(1, $levels) | {nested}) AS deep"
    with connect(place) if isinstance(place, Path) else place.emptied() as database:
        assert empty in str(database.query(text, {"levels": DEEPEST - 1}).rows)
        with pytest.raises(QueryError, match="holds lists or maps nested more than 100 deep"):
            database.query(text, {"levels": DEEPEST})
        # ArcadeDB may give up first
        with pytest.raises(QueryError, match=r"nested more than 100 deep|thousands of nested lists or maps"):
            database.query(text, {"levels": 2_000})
        assert database.query("RETURN 1 AS one").rows == [[1]]


def test_where_the_embedded_server_breaks_an_answer_off_the_message_says_so(embedded: Path) -> None:
    with connect(embedded) as database:
        with pytest.raises(QueryError, match="broke off the answer"):
            database.query("RETURN reduce(x = [], i IN range(1, 20000) | [x]) AS deep", timeout=PATIENCE)
        assert database.query("RETURN 1 AS one").rows == [[1]]


def test_of_a_server_that_is_not_ours_the_answer_says_that_it_may_be_at_work(neo4j: Neo4j) -> None:
    with neo4j.emptied() as database:
        with pytest.raises(QueryTimeout, match=r"after 1 s\. bolt://.* may still be working on it"):
            database.query(COSTLY["rows of many numbers"], timeout=1.0)
        assert database.query("RETURN 1 AS one", timeout=PATIENCE).rows == [[1]]
