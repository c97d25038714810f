"""Query texts: Neo4j's own parser accepts every one, and each names its parameters."""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from graph.cypher import current_label, schema
from tests.builders.query_texts import MODULES, TEXTS

LINTER = "@neo4j-cypher/language-support@2.0.0-next.38"
SCRIPT = """
const l = require('@neo4j-cypher/language-support'), bad = [];
const texts = JSON.parse(require('fs').readFileSync(0));
for (const version of l.allCypherVersions) for (const text of texts) {
  const found = l.lintCypherQuery(text, {defaultLanguage: version});
  const errors = (found.diagnostics || found).filter(x => x.severity === 1 && !/^Parameter \\$/.test(x.message));
  if (errors.length) bad.push(`${version}: ${text}: ${errors.map(x => x.message).join(' | ')}`);
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
    """What Neo4j 5 and its successor have against these texts."""
    command = ["node", "-e", SCRIPT]
    output = subprocess.run(command, cwd=folder, input=json.dumps(texts), capture_output=True, check=True, text=True)
    errors: list[str] = json.loads(output.stdout)
    return errors


def test_neo4j_parses_every_text(linter: Path) -> None:
    assert lint(linter, [*TEXTS.values(), *schema.CONSTRAINTS, *schema.INDEXES, *schema.FURTHER_INDEXES]) == []


@pytest.mark.parametrize("text", ["MATCH (u:Unit RETURN u", "MATCH (u:Unit) RETURN v", "MATCH (u) RETURN u ORDER BY"])
def test_the_parser_finds_a_mistake(linter: Path, text: str) -> None:
    assert lint(linter, [text])


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
