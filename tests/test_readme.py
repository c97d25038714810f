"""The README's commands do what it says, in its order, on the catalog that its first command makes."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ELSEWHERE = ("extract RN50", "load rn50", "app")  # need the hub, a browser or Neo4j; tested on their own


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    found = [line.partition("uv run circuits ")[2] for line in lines if "uv run circuits " in line]
    return [line for line in found if not line.startswith(ELSEWHERE)]


Run = Callable[[str], str]


@pytest.fixture(scope="module")
def circuits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The console script in a fresh folder, as a new user has it."""
    folder = tmp_path_factory.mktemp("user")
    script = str(Path(sys.executable).with_name("circuits"))

    def run(line: str) -> str:
        environment = {**os.environ, "CIRCUITS_HOME": str(folder / ".circuits")}
        done = subprocess.run(
            [script, *shlex.split(line)], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"circuits {line}: {done.stderr[-2000:]}"
        return done.stdout

    return run


def test_every_command_works_on_the_demo(circuits: Run) -> None:
    lines = commands()

    assert lines[0] == "demo"
    answers = {line: circuits(line) for line in lines}

    assert "4/2/6/" in answers["demo"]
    assert "you" in answers["label list"]
    assert "withdraw" in answers["label history"]
    assert answers["find"].count("4/2/6/") >= 10


def test_the_python_example_runs() -> None:
    (example,) = blocks("python")

    exec(compile(example, "README.md", "exec"), {})  # noqa: S102, our own text


def test_the_model_card_meets_its_bars() -> None:
    card = (ROOT / "extract/demo/README.md").read_text()

    accuracy = {name.strip(): float(value) for name, value in re.findall(r"\| ([a-z ]+) \| ([\d.]+) % \|", card)}

    assert accuracy["pictures"] >= 90
    assert accuracy["words"] >= 80


@pytest.mark.parametrize("picture", re.findall(r'(?:!\[.*?\]\(|<img src=")(.*?)[)"]', README))
def test_its_pictures_are_there(picture: str) -> None:
    assert (ROOT / picture).is_file()
