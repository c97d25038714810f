"""Messages about saved queries and queries of one's own."""

import json
from typing import Any

from catalog import parse_value
from graph.connection.parameters import DEEPEST
from tests.faults.advice.messages import Advice, Ask, Question, Table

SERVERS, LIMITS = "tests/graph/connection/test_database.py", "tests/graph/connection/test_limits.py"
READS = "MATCH (u:Unit) WHERE u.channel = $channel RETURN count(u) AS n"


def saved(name: str, text: str = READS, **rules: Any) -> Ask:
    return lambda catalog: catalog.queries.save(name, text, author="ada", **rules)


def run(name: str, **parameters: Any) -> Ask:
    """Run a query that was saved under this name."""

    def ask(catalog: Any) -> object:
        saved(name, replace=True)(catalog)
        return catalog.queries.run(name, parameters)

    return ask


def saved_twice(name: str, replace: bool) -> Ask:
    def ask(catalog: Any) -> object:
        saved(name)(catalog)
        return saved(name, replace=replace)(catalog)

    return ask


def removed_and_restored(catalog: Any) -> object:
    saved("gone")(catalog)
    catalog.queries.remove("gone")
    return catalog.queries.restore(catalog.queries.earlier()[0].name)


def asked(text: str, timeout: float = 30.0, **parameters: Any) -> Ask:
    return lambda catalog: catalog.query(text, parameters, timeout=timeout)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


TABLE = Table(
    (
        "catalog.queries",
        *(f"graph.connection.{name}" for name in ("read_only", "time_limit")),
    ),
    (
        Advice(
            "In the value",
            lambda: parse_value('{"a": 1, "a": 2}'),
            lambda: parse_value('{"a": 1}'),
        ),
        Advice("begins like JSON but is not JSON", lambda: parse_value('["a'), lambda: parse_value(r'"[\"a"')),
        Advice("nests lists or maps too deeply", lambda: parse_value("[" * 5000), lambda: parse_value("[[]]")),
        Advice("too many digits", lambda: parse_value("1" * 5000), lambda: parse_value("1" * 10)),
    ),
    questions=(
        Question(
            "`circuits query list` lists",
            lambda catalog: catalog.queries.get("none"),
            lambda catalog: catalog.queries.get(catalog.queries.list()[0].name),
        ),
        Question("is a built-in query and cannot be changed", saved("candidates"), saved("candidates of mine")),
        Question("It has: {names}", run("mine", chanel=1), run("mine", channel=1)),
        Question("or replace that query (replace=True)", saved_twice("ours", False), saved_twice("theirs", True)),
        Question(
            "`circuits query history` lists", lambda catalog: catalog.queries.restore("never"), removed_and_restored
        ),
        Question("The query needs a value of", run("mine"), run("mine", channel=1)),
        Question("The query cannot be saved", saved("two\nlines"), saved("two lines")),
        Question("The query writes", asked("MATCH (n:Intruder) SET n.hit = 1"), asked("MATCH (n:Intruder) RETURN n")),
        Question("is not valid Unicode. Correct it", asked("RETURN '\udcff' AS x"), asked("RETURN 'ÿ' AS x")),
        Question(
            "Pass the text as a parameter",
            asked("RETURN COUNT { MATCH (u:Unit {label: '🧢'}) } AS n"),
            asked("RETURN COUNT { MATCH (u:Unit {label: $label}) } AS n", label="🧢"),
        ),
        Question(
            "Return their contents side by side instead",
            asked("RETURN $x AS x, [$x] AS y", x=json.loads(nested(DEEPEST))),
            asked("RETURN $x AS x, $x AS y", x=json.loads(nested(DEEPEST))),
        ),
        Question(
            "{words}, which is refused here", asked("SHOW SETTINGS"), asked("MATCH (u:Unit) RETURN count(u) AS n")
        ),
    ),
    elsewhere={
        "has no user that may only read": SERVERS,
        "Write that character itself": SERVERS,
        "only procedures that list or search": SERVERS,
        "The query manages the server or its schema": SERVERS,
        "or a named unit to start from": LIMITS,
        "Ask for fewer rows, or for less in each row": LIMITS,
    },
)
