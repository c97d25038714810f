"""Both servers through one driver: reading only, time and row limits, plain values, and refusals in our words."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from neo4j import WRITE_ACCESS
from neo4j.exceptions import Neo4jError, ResultFailedError

from graph.connection.database import Database
from graph.connection.driver_errors import server_error, translate
from graph.connection.servers import ARCADEDB, NEO4J, _capabilities
from graph.embedded.server import ensure
from graph.endpoint import Endpoint
from graph.errors import (
    AccessRefused,
    ConstraintViolated,
    DatabaseMissing,
    GraphError,
    QueryError,
    QueryTimeout,
    ServerUnavailable,
    WriteRefused,
)
from graph.opening import connect
from tests.builders.neo4j_server import Neo4j

RUNAWAY = "MATCH (a:Many), (b:Many), (c:Many), (d:Many) WHERE a.i + b.i + c.i + d.i < 0 RETURN count(*) AS n"
NUMBERS = "UNWIND range(1, 99999) AS a UNWIND range(1, 99999) AS b RETURN sum(a * b)"
WRITES = """
CREATE (:Intruder)
cReAtE /* MATCH */ (:Intruder)
MERGE (i:Intruder {name: 'x'}) RETURN i
MERGE (m:Many {i: 1}) ON MATCH SET m.hit = true RETURN m
MATCH (m:Many) SET m.i = 7
MATCH (m:Many {i: 1}) SET m:Intruder
MATCH (m:Many) SET m += {i: 7} RETURN m
MATCH (m:Many {i: -1}) SET m.i = 7
MATCH (m:Many {i: -1}) CALL (m) { CREATE (:Intruder) } RETURN m
MATCH (m:Many) REMOVE m.i
MATCH (m:Many) DETACH DELETE m
MATCH (m:Many) FOREACH (x IN [1] | CREATE (:Intruder))
MATCH (m:Many) WITH m LIMIT 1 CALL (m) { CREATE (:Intruder) } RETURN m
UNWIND [1, 2] AS x CREATE (:Intruder {x: x})
MATCH (a:Many {i: 1}), (b:Many {i: 2}) CREATE (a)-[:INTRUDES]->(b)
CREATE INDEX intruder IF NOT EXISTS FOR (m:Many) ON (m.hit)
CREATE CONSTRAINT intruder IF NOT EXISTS FOR (i:Intruder) REQUIRE i.name IS UNIQUE
DROP CONSTRAINT many_i
CREATE USER intruder SET PASSWORD 'intruder1'
LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line
load/**/csv from '/etc/passwd' as line return line
LOAD CSV FROM 'https://example.org/x.csv' AS line RETURN line
CALL { LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line } RETURN line
RETURN [x IN [1] | COLLECT { LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line }]
PROFILE LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line
TERMINATE TRANSACTIONS 'neo4j-transaction-1'
terminate /* all */ transaction 'neo4j-transaction-1'
SHOW TRANSACTIONS
show transactions YIELD currentQuery, transactionId
SHOW SETTINGS
SHOW USERS
ALTER USER neo4j SET PASSWORD 'intruder1'
DROP USER neo4j
""".strip().split("\n")
UNKNOWN = r"""
RETURN 1; CREATE (:Intruder)
CREATE (:Intruder); RETURN 1
CREATE FULLTEXT INDEX intruder FOR (m:Many) ON EACH [m.name]
ALTER CURRENT USER SET PASSWORD FROM 'x' TO 'intruder1'
CREATE DATABASE intruder
DROP DATABASE neo4j
CALL db.createLabel('Intruder')
CALL db.index.vector.createNodeIndex('intruder', 'Many', 'i', 2, 'cosine')
CALL dbms.killConnection('bolt-0')
cAlL /* no */ dbms . killConnections(['bolt-0'])
UNWIND [1] AS x CALL dbms.killConnection('bolt-0') YIELD message RETURN message
RETURN [x IN [1] | COLLECT { CALL dbms.killConnection('bolt-0') YIELD message RETURN message }]
CALL db.clearQueryCaches()
CALL db.checkpoint()
CALL tx.setMetaData({intruder: 1})
CALL db.resampleOutdatedIndexes()
RETURN [x IN [1] | COLLECT { CALL `db`.stats.clear('QUERIES') YIELD data RETURN data }]
CALL apoc.cypher.doIt('CREATE (:Intruder)', {})
/* \u002a/ CALL db.clearQueryCaches() YIELD value AS /* */ nothing RETURN nothing
\u0043REATE (:Intruder)
""".strip().split("\n")
SERVERS = ["embedded", "neo4j"]


@pytest.fixture(scope="module", params=SERVERS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with 300 nodes :Many, whose `i` counts from 1: the embedded one, and a real Neo4j."""
    server: Path | Neo4j = request.getfixturevalue(request.param)
    with connect(server) if isinstance(server, Path) else server.emptied() as database:
        database.write("CREATE CONSTRAINT many_i IF NOT EXISTS FOR (m:Many) REQUIRE m.i IS UNIQUE")
        database.write("UNWIND range(1, 300) AS i MERGE (:Many {i: i})")
        yield database
        database.write("MATCH (m:Many) DETACH DELETE m")


def everything(database: Database) -> list[object]:
    sums = database.write("MATCH (n) RETURN count(n) AS n, sum(n.i) AS i, count(n.hit) AS hits")
    return [
        sums,
        database.write("MATCH ()-[r]->() RETURN count(r) AS n"),
        database.write("SHOW INDEXES YIELD name RETURN name"),
    ]


@pytest.mark.parametrize("text", [*WRITES, "// MATCH\nCREATE (:Intruder)"])
def test_the_console_refuses_more_than_reading(database: Database, text: str) -> None:
    before = everything(database)
    with pytest.raises(WriteRefused):
        database.query(text)
    assert everything(database) == before


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_a_server_does_not_know_or_refuses_changes_nothing(database: Database, text: str) -> None:
    before = everything(database)
    with pytest.raises(QueryError):
        database.query(text)
    assert everything(database) == before


@pytest.mark.parametrize("text", ["PROFILE CREATE (:Intruder)", "EXPLAIN CREATE (:Intruder)"])
def test_the_plan_of_a_write_changes_nothing(database: Database, text: str) -> None:
    before = everything(database)
    with suppress(WriteRefused):
        assert database.query(text).columns == ("plan",)
    assert everything(database) == before


def refuses(database: Database, text: str) -> bool:
    try:
        database.query(text)
    except QueryError as error:
        return isinstance(error, WriteRefused)
    return False


def test_only_procedures_that_read_are_called(neo4j: Neo4j) -> None:
    text = "SHOW PROCEDURES YIELD name, mode, argumentDescription RETURN name, mode, size(argumentDescription) AS n"
    with neo4j.emptied() as database:
        procedures = database.read(text)
        calls = {row["name"]: f"CALL {row['name']}({', '.join(['null'] * row['n'])})" for row in procedures}
        refused = {name for name, call in calls.items() if refuses(database, call)}
    act = {"db.stats.clear", "db.resampleIndex", "db.prepareForReplanning"}  # although their mode is to read
    assert refused >= act | {row["name"] for row in procedures if row["mode"] != "READ"}
    assert refused.isdisjoint({"db.labels", "db.propertyKeys", "db.schema.visualization", "db.index.vector.queryNodes"})


def test_neo4j_searches_texts_in_its_own_way(neo4j: Neo4j) -> None:
    with neo4j.emptied(keep=()) as database:
        database.write("CREATE FULLTEXT INDEX words FOR (l:Label) ON EACH [l.text]")
        database.write("CALL db.awaitIndexes()")
        database.write("UNWIND ['dog fur', 'hot dog', 'cat'] AS text CREATE (:Label {text: text})")
        text = "CALL db.index.fulltext.queryNodes('words', $word) YIELD node RETURN node.text AS text ORDER BY text"
        assert database.query(text, {"word": "dog"}).rows == [["dog fur"], ["hot dog"]]
        nested = "RETURN [x IN [1] | COLLECT { CALL db.labels() YIELD label RETURN label }] AS labels"
        assert database.query(nested).rows == [[[["Label"]]]]


@pytest.mark.parametrize("text", ["{} {}", "// why\n{} {}", "/* a */ /* b */\t{}\n{}"])
@pytest.mark.parametrize("word", ["PROFILE", "explain"])
def test_a_plan_is_shown_for_a_text_that_reads(database: Database, word: str, text: str) -> None:
    rows = database.query(text.format(word, "MATCH (m:Many {i: $i}) RETURN m.i AS i // 'end'"), {"i": 7})
    assert rows.columns == ("plan",)
    assert len(rows.rows) > 3


@pytest.mark.parametrize(
    ("text", "words", "instead"),
    [
        (r"RETURN '\u00e9' AS x", "Write that character itself", "RETURN 'é' AS x"),
        ("CALL tx.getMetaData()", "only procedures that list or search", "CALL db.ping()"),
        ("CREATE INDEX x FOR (m:Many) ON (m.x)", "The query manages the server or its schema", "SHOW INDEXES"),
    ],
)
def test_what_neo4j_is_not_asked_may_be_asked_in_another_way(neo4j: Neo4j, text: str, words: str, instead: str) -> None:
    with neo4j.emptied() as database:
        with pytest.raises(WriteRefused, match=words):
            database.query(text)
        assert database.query(instead).rows


@pytest.mark.parametrize(
    "text",
    [
        "RETURN 'LOAD CSV, CALL x()' AS `show transactions`",
        "RETURN 1 // CALL x()",
        "CALL () { RETURN 1 AS x } RETURN x",
    ],
)
def test_words_in_quotes_comments_and_subqueries_are_no_commands(database: Database, text: str) -> None:
    assert len(database.query(text).rows) == 1


NESTED = (
    "MATCH (m:Many) WHERE COUNT { MATCH (m)<-[:OVER]-(n) WHERE COUNT { (n)<-[:OVER]-() } % 2 = 0 } = 0 "
    "RETURN count(m) AS n"
)


@pytest.fixture
def chain_of_three(database: Database) -> Iterator[Database]:
    """1 has 2 over it, and 2 has 3 and 4."""
    database.write("MATCH (a:Many {i: 1}), (b:Many {i: 2}) CREATE (b)-[:OVER]->(a)")
    database.write("MATCH (a:Many {i: 2}), (b:Many) WHERE b.i IN [3, 4] CREATE (b)-[:OVER]->(a)")
    yield database
    database.write("MATCH (:Many)-[o:OVER]->(:Many) DELETE o")


@pytest.mark.parametrize("start", ["", "\n", " \r\n\t", "// why\n", "/* why */\n"])
def test_a_subquery_means_the_same_wherever_its_text_begins(chain_of_three: Database, start: str) -> None:
    """The first answer to a text too; each has a comment of its own, so that it is new."""
    for end in ("", "\n"):
        mark = f" /* {uuid.uuid4()} */"
        assert chain_of_three.query(f"{start}{NESTED}{mark}{end}").rows == [[298]]
        if not start.strip():  # texts of ours begin with no comment
            assert chain_of_three.read(f"{start}{NESTED}{mark} {end}") == [{"n": 298}]


def test_a_text_with_an_emoji_is_answered_rightly_or_refused(chain_of_three: Database) -> None:
    text = "WITH '🧢' AS cap " + NESTED
    if chain_of_three.capabilities.reads_all_characters:
        assert chain_of_three.query(text).rows == [[298]]
        return
    with pytest.raises(QueryError, match="misreads a subquery in a text with 🧢"):
        chain_of_three.query(text)
    handed = "WITH $cap AS cap " + NESTED
    assert chain_of_three.query(handed, {"cap": "🧢"}).rows == [[298]]


def test_an_address_of_a_cluster_serves_as_well(neo4j: Neo4j) -> None:
    with neo4j.emptied(), neo4j.routed() as database:
        database.write("CREATE (:Many {i: 1})")
        assert database.read("MATCH (m:Many) RETURN m.i AS i") == [{"i": 1}]
        assert database.query("MATCH (m:Many) RETURN m.i").rows == [[1]]
        with pytest.raises(WriteRefused):
            database.query("CREATE (:Intruder)")


@pytest.mark.parametrize("place", ["file:///etc/passwd", "/etc/passwd", "https://example.org/x.csv"])
def test_the_embedded_server_loads_no_csv_even_for_those_who_may_write(embedded: Path, place: str) -> None:
    with connect(embedded) as database, pytest.raises(GraphError, match="disabled"):
        database.write("LOAD CSV FROM $place AS line RETURN line", place=place)


@pytest.mark.parametrize("text", [RUNAWAY, NUMBERS])
def test_a_query_that_runs_away_is_stopped_and_the_server_goes_on(database: Database, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(QueryTimeout, match="after 1 s"):
        database.query(text, timeout=1.0)
    assert time.monotonic() - start < 30
    assert database.query("MATCH (m:Many) RETURN count(m)").rows == [[300]]
    running = database.write("SHOW TRANSACTIONS YIELD currentQuery")
    assert not [row for row in running if text in row["currentQuery"]]


def test_a_query_in_time_is_not_stopped_and_leaves_no_watchdog(database: Database) -> None:
    threads = threading.active_count()
    assert database.query("RETURN 1 AS one // a comment to the end", timeout=30).rows == [[1]]
    assert threading.active_count() == threads


def test_rows_end_at_the_limit_at_once_and_say_so(database: Database) -> None:
    start = time.monotonic()
    rows = database.query("MATCH (a:Many), (b:Many), (c:Many), (d:Many) RETURN a.i, b.i", limit=3, timeout=300)
    assert time.monotonic() - start < 30  # there are 8,100,000,000
    assert (rows.columns, len(rows.rows), rows.truncated) == (("a.i", "b.i"), 3, True)
    exact = database.query("MATCH (m:Many) WHERE m.i <= $most RETURN m.i ORDER BY m.i", {"most": 3}, limit=3)
    assert (exact.rows, exact.truncated) == ([[1], [2], [3]], False)


def test_values_are_plain_json(database: Database) -> None:
    try:
        database.write("CREATE (:Left {x: 1, at: datetime('2026-01-02T03:04:05Z')})-[:JOINS {mean: 0.5}]->(:Right)")
        rows = database.query(
            "MATCH p = (l:Left)-[j:JOINS]->(r:Right) RETURN l, j, r, p, [date('2026-01-02'), {k: l.x}] AS v"
        )
    finally:
        database.write("MATCH (n) WHERE n:Left OR n:Right DETACH DELETE n")
    assert json.loads(json.dumps(rows.rows)) == rows.rows
    left, joins, right, path, values = rows.rows[0]
    assert left == {"id": left["id"], "labels": ["Left"], "properties": {"x": 1, "at": "2026-01-02T03:04:05+00:00"}}
    assert joins == {
        "id": joins["id"], "type": "JOINS", "start": left["id"], "end": right["id"], "properties": {"mean": 0.5}
    }  # fmt: skip
    assert path == {"nodes": [left, right], "relationships": [joins]}
    assert values == ["2026-01-02", {"k": 1}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BOGUS", "BOGUS"),
        ("MATCH (m RETURN m", "line 1"),
        ("RETURN $absent", "absent"),
        ("RETURN nothing(1)", "nothing"),
    ],
)
def test_a_query_in_error_is_told_what_is_wrong_without_our_mark(database: Database, text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words) as refusal:
        database.query(text)
    assert "/*" not in str(refusal.value)


def test_two_of_what_there_is_one_of_is_refused(database: Database) -> None:
    with pytest.raises(ConstraintViolated, match="already has this"):
        database.write("CREATE (:Many {i: 1})")


def test_writes_that_collide_are_tried_again(database: Database) -> None:
    database.write("CREATE (:Tally {n: 0})")

    def count() -> None:
        for _ in range(10):
            database.write("MATCH (t:Tally) SET t.n = t.n + 1")

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.write("MATCH (t:Tally) WITH t, t.n AS n DELETE t RETURN n") == [{"n": 30}]


@pytest.mark.parametrize("server", SERVERS)
def test_a_wrong_password_or_database_is_told_at_once(request: pytest.FixtureRequest, server: str) -> None:
    place: Path | Neo4j = request.getfixturevalue(server)
    endpoint = ensure(place) if isinstance(place, Path) else place
    url = endpoint.uri if isinstance(endpoint, Endpoint) else endpoint.url
    with pytest.raises(AccessRefused, match="CIRCUITS_PASSWORD"):
        connect(url, endpoint.user, "wrong")
    with pytest.raises(DatabaseMissing, match="nowhere"):
        connect(url, endpoint.user, endpoint.password, "nowhere")


def test_a_server_that_would_let_a_query_write_is_not_asked(embedded: Path) -> None:
    endpoint = ensure(embedded)
    with connect(endpoint.uri, endpoint.user, endpoint.password, endpoint.database) as database:
        assert database.write("RETURN 1 AS one") == [{"one": 1}]
        with pytest.raises(WriteRefused, match="has no user that may only read"):
            database.query("RETURN 1")


@pytest.fixture
def places() -> Iterator[dict[str, int]]:
    """Ports: one where nothing listens, one that never answers, one that speaks HTTP."""

    class Silent(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with (
        socket.socket() as dead,
        socket.create_server(("127.0.0.1", 0)) as silent,
        HTTPServer(("127.0.0.1", 0), Silent) as http,
    ):
        dead.bind(("127.0.0.1", 0))
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield {"dead": dead.getsockname()[1], "silent": silent.getsockname()[1], "http": http.server_port}
        http.shutdown()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("bolt://127.0.0.1:{dead}", "nothing listens there"),
        ("neo4j://127.0.0.1:{dead}", "nothing listens there"),
        ("bolt://127.0.0.1:{http}", "does not speak Bolt"),
        ("bolt://127.0.0.1:{silent}", "does not speak Bolt"),
        ("http://127.0.0.1:{http}", "is not the address of a database"),
        ("bolt://nowhere.invalid:7687", "no such host"),
        ("bolt://127.0.0.1:port", "is not an address"),
    ],
)
def test_where_no_database_answers_is_told_soon(places: dict[str, int], url: str, words: str) -> None:
    start = time.monotonic()
    with pytest.raises(ServerUnavailable, match=words):
        connect(url.format_map(places), "neo4j", "x", timeout=2.0)
    assert time.monotonic() - start < 20


def test_a_server_is_known_by_what_it_calls_itself() -> None:
    assert _capabilities("Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)", "bolt://x") == (ARCADEDB, "26.10.2")
    for version in ("2025.06.2", "5.26.31"):
        assert _capabilities(f"Neo4j/{version}", "bolt://x") == (NEO4J, version)


@pytest.mark.parametrize("agent", ["Neo4j/4.4.9", "Neo4j/5.22.0", "Neo4j/v5.11.0 compatible - Memgraph", "x"])
def test_a_server_too_old_or_of_another_make_is_refused(agent: str) -> None:
    with pytest.raises(ServerUnavailable, match=r"need Neo4j 5\.23"):
        _capabilities(agent, "bolt://x")


def test_a_result_that_has_failed_is_told_by_the_servers_own_error(neo4j: Neo4j) -> None:
    """The driver raises the server's error once, and after it that the result has failed, whatever is asked of it."""
    with neo4j.emptied() as database, database._server.session(WRITE_ACCESS) as session:
        result = session.begin_transaction().run("UNWIND [1, 0] AS x RETURN 1 / x AS y")
        with pytest.raises(Neo4jError) as first:
            list(result)
        with pytest.raises(ResultFailedError) as again:
            list(result)
        told = translate(again.value, database.url)
    assert server_error(again.value) is first.value
    assert str(told) == str(translate(first.value, database.url))
    assert not isinstance(told, ServerUnavailable)


def test_a_database_closes_where_a_question_broken_off_still_holds_the_drivers_buffer(embedded: Path) -> None:
    database = connect(embedded)
    with database._server.session() as session, session.begin_transaction() as transaction:
        transaction.run("RETURN 1 AS x").consume()
        connection = transaction._connection
    with memoryview(connection.outbox._chunked_data):
        database.close()
    connection.kill()
