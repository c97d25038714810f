"""Query texts: Neo4j accepts every one, and each names its parameters."""

import ast
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from neo4j import GraphDatabase, Query, ResultSummary
from neo4j.exceptions import ClientError

from graph.cypher import current_label, schema
from tests.builders.neo4j_server import Neo4j
from tests.builders.query_texts import MODULES, TEXTS

EVERY = [
    *TEXTS.values(),
    *schema.CONSTRAINTS,
    *schema.INDEXES,
    *schema.FURTHER_INDEXES,
    *chain(*schema.MIGRATIONS.values()),
]
MISTAKES = ["MATCH (u:Unit RETURN u", "MATCH (u:Unit) RETURN v", "MATCH (u) RETURN u ORDER BY"]
LINTER = "@neo4j-cypher/language-support@2.0.0-next.38"
SCRIPT = """
const l = require('@neo4j-cypher/language-support'), bad = [];
const texts = JSON.parse(require('fs').readFileSync(0));
for (const text of texts) {
  const found = l.lintCypherQuery(text, {defaultLanguage: 'CYPHER 25'});
  const errors = (found.diagnostics || found).filter(x => x.severity === 1 && !/^Parameter \\$/.test(x.message));
  if (errors.length) bad.push(`${text}: ${errors.map(x => x.message).join(' | ')}`);
}
console.log(JSON.stringify(bad));
"""


@pytest.fixture(scope="session")
def linter(request: pytest.FixtureRequest) -> Path:
    """Neo4j's parser for JavaScript, fetched once into pytest's cache."""
    if not (npm := shutil.which("npm")) or not shutil.which("node"):
        pytest.skip("npm and node are needed to run Neo4j's parser")
    folder = request.config.cache.mkdir("neo4j-parser")
    if not (folder / "node_modules").exists():
        install = [npm, "install", "--silent", "--no-fund", "--no-audit", LINTER]
        if subprocess.run(install, cwd=folder, check=False, timeout=300).returncode:
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            pytest.skip(f"npm could not fetch {LINTER}")
    return folder


def lint(folder: Path, texts: list[str]) -> list[str]:
    """What the Cypher of Neo4j's coming versions has against these texts."""
    command = ["node", "--single-threaded", "--max-semi-space-size=128", "-e", SCRIPT]  # two cores are busy already
    output = subprocess.run(command, cwd=folder, input=json.dumps(texts), capture_output=True, check=True, text=True)
    errors: list[str] = json.loads(output.stdout)
    return errors


def parsing(text: str) -> str:
    """A hash of a text and of all that parses it."""
    return hashlib.sha256("\n".join((LINTER, SCRIPT, text)).encode()).hexdigest()


def explain(server: Neo4j, texts: Iterable[str]) -> list[ResultSummary]:
    """What the running Neo4j, a version 5, says of texts that it parses and plans; raises ClientError for a mistake."""
    with (
        GraphDatabase.driver(server.url, auth=(server.user, server.password)) as driver,
        driver.session(database=server.database) as session,
    ):
        return [session.run(Query(f"EXPLAIN {text}")).consume() for text in texts]


def deprecated(summaries: Iterable[ResultSummary]) -> list[str]:
    """What a later version of Neo4j will not run."""
    statuses = [status for summary in summaries for status in summary.gql_status_objects]
    return [each.status_description for each in statuses if each.raw_classification == "DEPRECATION"]


def test_neo4j_5_runs_every_text_and_finds_nothing_deprecated(neo4j: Neo4j) -> None:
    assert deprecated(explain(neo4j, EVERY)) == []


def test_neo4j_tells_what_is_deprecated(neo4j: Neo4j) -> None:
    (words,) = deprecated(explain(neo4j, ["UNWIND [1] AS x CALL { WITH x RETURN x AS y } RETURN y"]))
    assert "CALL subquery without a variable scope clause" in words


def test_coming_versions_parse_every_text(linter: Path) -> None:
    """The parser takes a core for half a minute: what it takes without an error is remembered beside it."""
    memory = linter / "parsed.json"
    parsed = set(json.loads(memory.read_text())) if memory.exists() else set()
    new = [text for text in EVERY if parsing(text) not in parsed]
    if new:
        assert lint(linter, new) == []
    memory.write_text(json.dumps(sorted(map(parsing, EVERY))))


@pytest.fixture(scope="module")
def refused(linter: Path) -> list[str]:
    """What the parser says of the mistakes."""
    return lint(linter, MISTAKES)


@pytest.mark.parametrize("text", MISTAKES)
def test_the_parser_of_coming_versions_finds_a_mistake(refused: list[str], text: str) -> None:
    assert [error for error in refused if error.startswith(f"{text}: ")]


@pytest.mark.parametrize("text", MISTAKES)
def test_neo4j_5_finds_a_mistake(neo4j: Neo4j, text: str) -> None:
    with pytest.raises(ClientError):
        explain(neo4j, [text])


def test_the_comment_above_a_text_lists_its_parameters() -> None:
    source = "".join(Path(str(module.__file__)).read_text() for module in MODULES)
    for name, text in TEXTS.items():
        constant = name.partition("[")[0]
        comment = re.search(rf"((?:^#.*\n)+){constant} = ", source, re.MULTILINE)
        assert comment, f"{name} has no comment"
        for parameter in set(re.findall(r"\$(\w+)", text)):
            assert re.search(rf"\b{parameter}\b", comment[1]), f"{name} does not list {parameter}"


@pytest.mark.parametrize("module", [*MODULES, current_label])
def test_no_text_is_formatted(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    formatting = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.Call | ast.Mod)]
    assert all(isinstance(node, ast.Call) and ast.unparse(node.func) == "NamedQuery" for node in formatting)
