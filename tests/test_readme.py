"""The README's commands do what it says, in its order, on the catalog that its first command makes."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import cli
from graph.embedded.server import stop

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ELSEWHERE = ("extract RN50", "reproduce RN50", "load rn50", "app")  # need the hub, a browser or Neo4j; tested apart


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    found = [line.partition("uv run circuits ")[2] for line in lines if "uv run circuits " in line]
    return [line for line in found if not line.startswith(ELSEWHERE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder, as a new user has it."""
    folder = tmp_path_factory.mktemp("user")
    yield folder
    stop(folder / ".circuits" / "database")


@pytest.fixture(scope="module")
def demo(folder: Path) -> str:
    """What the first command prints, as a user types it, which makes the catalog that all else asks."""
    script = Path(sys.executable).with_name("circuits")
    java = os.environ["JAVA_TOOL_OPTIONS"].replace("-XX:TieredStopAtLevel=1", "")  # it loads long enough to be compiled
    environment = os.environ | {"CIRCUITS_HOME": str(folder / ".circuits"), "JAVA_TOOL_OPTIONS": java}
    done = subprocess.run([script, "demo"], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"circuits demo: {done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture
def there(folder: Path, demo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process goes on where the first command ran."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CIRCUITS_HOME", str(folder / ".circuits"))


def circuits(line: str) -> str:
    result = CliRunner().invoke(cli, shlex.split(line))
    assert result.exit_code == 0, f"circuits {line}: {result.stderr[-2000:]} {result.exception!r}"
    return result.stdout


@pytest.mark.usefixtures("there")
def test_every_command_works_on_the_demo(demo: str) -> None:
    first, *others = commands()

    assert first == "demo"
    answers = {first: demo} | {line: circuits(line) for line in others}

    assert "4/2/6/" in answers["demo"]
    assert "you" in answers["label list"]
    assert "withdraw" in answers["label history"]
    assert answers["find"].count("4/2/6/") >= 10


@pytest.mark.usefixtures("there")
def test_the_python_examples_run() -> None:
    names: dict[str, Any] = {}
    for example in blocks("python"):
        exec(compile(example, "README.md", "exec"), names)  # noqa: S102, our own text
    names["catalog"].close()


@pytest.mark.usefixtures("there")
def test_the_notebook_runs_and_shows_what_each_cell_ends_in(folder: Path) -> None:
    book = json.loads((ROOT / "docs/front_door.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}

    shown = [displayed(cell, names) for cell in cells]

    assert len(shown) == 10
    assert all(shown)
    assert "<svg" in shown[3]
    assert shown[4].count('class="card"') == 5
    assert (folder / "unit-34.graphml").stat().st_size > 1000
    names["catalog"].close()


def displayed(cell: str, names: dict[str, Any]) -> str:
    """What a notebook shows below a cell: its last expression, in the richest form that it has."""
    *statements, last = ast.parse(cell).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(statements, []), "front_door.ipynb", "exec"), names)  # noqa: S102, our own text
    value = eval(compile(ast.Expression(last.value), "front_door.ipynb", "eval"), names)  # noqa: S307, our own text
    rich = next(
        (getattr(value, name) for name in ("_repr_html_", "_repr_svg_") if hasattr(value, name)), value.__repr__
    )
    return str(rich())


def test_the_model_card_meets_its_bars() -> None:
    card = (ROOT / "extract/demo/README.md").read_text()

    accuracy = {name.strip(): float(value) for name, value in re.findall(r"\| ([a-z ]+) \| ([\d.]+) % \|", card)}

    assert accuracy["pictures"] >= 90
    assert accuracy["words"] >= 80


@pytest.mark.parametrize("picture", re.findall(r'(?:!\[.*?\]\(|<img src=")(.*?)[)"]', README))
def test_its_pictures_are_there(picture: str) -> None:
    assert (ROOT / picture).is_file()
