"""Messages about connections: addresses, logins, and what a server refuses."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from neo4j import GraphDatabase

from catalog import Catalog
from graph.opening import connect
from tests.builders.encrypting_proxy import encrypting
from tests.builders.neo4j_server import Neo4j
from tests.faults.advice.messages import Ask, AskNeo4j, OnNeo4j, Question, Table
from tests.faults.advice.queries import LIMITS, SERVERS, asked

SLOW = "UNWIND range(1, 99999) AS a UNWIND range(1, 99999) AS b RETURN {}"
LETTERS = "UNWIND range(1, {}) AS x WITH collect(reduce(t = 'a' + x, i IN range(1, 24) | t + t)) AS ts RETURN size(ts)"
FIRST, SECOND = "first-password", "second-password"


def written(text: str) -> Ask:
    """Write to the catalog's database."""

    def write(catalog: Catalog) -> object:
        with connect(catalog.url) as database:
            return database.write(text)

    return write


def queried(text: str) -> AskNeo4j:
    def query(neo4j: Neo4j) -> object:
        with neo4j.connect() as database:
            return database.query(text)

    return query


def at(scheme: str) -> AskNeo4j:
    """Connect to its address with another scheme."""

    def act(neo4j: Neo4j) -> None:
        _, slashes, place = neo4j.url.partition("://")
        connect(scheme + slashes + place, neo4j.user, neo4j.password, neo4j.database).close()

    return act


def encrypted(scheme: str) -> AskNeo4j:
    """Connect by a port with a certificate that is signed by nobody else."""

    def act(neo4j: Neo4j) -> None:
        with encrypting(int(neo4j.url.rpartition(":")[2])) as port:
            connect(f"{scheme}://127.0.0.1:{port}", neo4j.user, neo4j.password, neo4j.database).close()

    return act


def where(answer: Callable[[socket.socket], object]) -> AskNeo4j:
    """Connect to a port of this machine whose server answers every connection so."""

    def act(neo4j: Neo4j) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                with suppress(OSError):  # the server is closed
                    while True:
                        with server.accept()[0] as connection:
                            answer(connection)

            threading.Thread(target=serve, daemon=True).start()
            url = f"bolt://127.0.0.1:{server.getsockname()[1]}"
            connect(url, neo4j.user, neo4j.password, timeout=2.0).close()

    return act


def web(connection: socket.socket) -> None:
    connection.recv(20)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def of_a_later_protocol(connection: socket.socket) -> None:
    connection.recv(20)
    connection.sendall(bytes(4))  # no version that was offered


def nowhere(neo4j: Neo4j) -> None:
    """Connect to a port where nothing listens."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        connect(f"bolt://127.0.0.1:{dead.getsockname()[1]}", neo4j.user, neo4j.password).close()


def to(url: str) -> AskNeo4j:
    return lambda neo4j: connect(url, neo4j.user, neo4j.password).close()


def logged_in(password: str | None = None, database: str | None = None) -> AskNeo4j:
    return lambda neo4j: connect(neo4j.url, neo4j.user, password or neo4j.password, database).close()


def in_system(neo4j: Neo4j, login: tuple[str, str], text: str) -> None:
    with GraphDatabase.driver(neo4j.url, auth=login) as driver:
        driver.execute_query(text, database_="system")


def with_a_first_password(neo4j: Neo4j) -> None:
    in_system(neo4j, (neo4j.user, neo4j.password), f"CREATE USER ada SET PASSWORD '{FIRST}' CHANGE REQUIRED")
    connect(neo4j.url, "ada", FIRST).close()


def with_a_second_password(neo4j: Neo4j) -> None:
    in_system(neo4j, ("ada", FIRST), f"ALTER CURRENT USER SET PASSWORD FROM '{FIRST}' TO '{SECOND}'")
    connect(neo4j.url, "ada", SECOND).close()
    in_system(neo4j, (neo4j.user, neo4j.password), "DROP USER ada")


READS, WRITES = "MATCH (n:Intruder) RETURN n", "CREATE (:Intruder)"
TABLE = Table(
    ("graph.connection.driver_errors", "graph.connection.servers"),
    questions=(
        Question(
            "Ask for it as text: toString()",
            asked("RETURN date('-0044-03-15') AS x"),
            asked("RETURN toString(date('-0044-03-15')) AS x"),
        ),
        Question("The server refuses this", asked(WRITES), asked(READS)),
        Question(
            "The query was stopped ({limit})",
            asked(SLOW.format("sum(a * b)"), timeout=0.5),
            asked(SLOW.format("a * b LIMIT 3")),
        ),
        Question(
            "The database already has this",
            written("MATCH (m:Model) CREATE (:Model {id: m.id})"),
            written("MATCH (m:Model) MERGE (:Model {id: m.id})"),
        ),
        Question("does not accept the query", asked("RETURN no(1)"), asked("RETURN abs(1)")),
        Question(
            "cannot carry out the query",
            written("CREATE (n:Passing) DELETE n RETURN n.x"),
            written("CREATE (n:Passing) WITH n, n.x AS x DELETE n RETURN x"),
        ),
    ),
    on_neo4j=(
        OnNeo4j("is busy or short of memory", queried(LETTERS.format(40)), queried(LETTERS.format(1))),
        OnNeo4j("asks for a new password before anything else", with_a_first_password, with_a_second_password),
        OnNeo4j("refuses the user or password", logged_in("wrong"), logged_in()),
        OnNeo4j("has no such database", logged_in(database="nowhere"), logged_in()),
        OnNeo4j("nothing listens there", nowhere, at("bolt")),
        OnNeo4j("does not speak Bolt, but perhaps HTTP", where(web), at("bolt")),
        OnNeo4j("No database answers at {url}: {message}", where(of_a_later_protocol), at("bolt")),
        OnNeo4j("there is no such host", to("bolt://nowhere.invalid"), at("bolt")),
        OnNeo4j("its certificate is not trusted", encrypted("bolt+s"), encrypted("bolt+ssc")),
        OnNeo4j("encryption does not match", at("bolt+s"), at("bolt")),
        OnNeo4j("encryption does not match", at("neo4j+s"), at("neo4j")),
        OnNeo4j("is not the address of a database", at("http"), at("bolt")),
        OnNeo4j("is not an address: {", to("bolt://[::1"), at("bolt")),
    ),
    elsewhere={
        "The queries here need Neo4j 5.23 or later": SERVERS,
        "Check whether the last change is there": LIMITS,
        "could not end the transaction": "tests/graph/connection/test_driver_errors.py",
        "Run `circuits doctor --whole` to find out which": "tests/faults/test_flipped_bits.py",
    },
)
