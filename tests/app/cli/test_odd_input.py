"""Files and values as other tools and people write them: read, or refused by the name of what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import Result

from app.cli.main import COMMANDS
from tests.app.cli.test_mistakes import one_line

Run = Callable[..., Result]
NAMES_A_PATH = {"probes", "pictures", "pretrained", "network", "words", "classes"}


def test_json_holds_null_where_it_lacks_a_number(circuits: Run) -> None:
    answer = circuits("cypher", "RETURN 1.0/0 AS x, 0.0/0.0 AS y, [-1.0/0, 0.5] AS z, {a: 0.0/0.0} AS m", "--json")
    (row,) = json.loads(answer.stdout, parse_constant=pytest.fail)
    assert row == {"x": None, "y": None, "z": [None, 0.5], "m": {"a": None}}
    assert "[null]" in circuits("cypher", "RETURN [1.0/0] AS x").stdout


def test_names_and_units_that_turn_the_writing_are_printed_without_that(circuits: Run) -> None:
    assert "\u202e" not in circuits("query", "save", "\u202ehat", "RETURN 1 AS x", "--author", "ada").stdout
    Path("labels.csv").write_text("unit,text\n4/2/6/\u202e1,hat\n", encoding="utf-8")
    plan = circuits("label", "import", "labels.csv", "--dry-run").stdout
    assert "1 unknown (4/2/6/\ufffd1)" in plan


@pytest.mark.parametrize("end", [";", " ;\n", ";;", "; // the end", ";\n/* the end */ ;"])
def test_a_query_may_end_in_a_semicolon(circuits: Run, end: str) -> None:
    assert json.loads(circuits("cypher", f"RETURN ';' AS x{end}", "--json").stdout) == [{"x": ";"}]


def test_two_statements_are_refused(circuits: Run) -> None:
    one_line(circuits("cypher", "RETURN 1 AS x; RETURN 2 AS y"))


def test_a_parameter_or_a_key_that_stands_twice_is_refused_by_its_name(circuits: Run) -> None:
    twice = circuits("cypher", "RETURN $x AS x", "--parameter", "x=1", "--parameter", "x=2")
    assert (twice.exit_code, "'x' occurs twice" in twice.stderr) == (2, True)
    assert "key 'a' occurs twice" in one_line(circuits("cypher", "RETURN $x AS x", "--parameter", 'x={"a":1,"a":2}'))


def test_a_label_file_of_another_tool_is_taken_in_by_saying_which_column_is_the_text(circuits: Run) -> None:
    Path("dissect.csv").write_text("layer,unit,description,similarity\n4/1/6,21,you,0.2\n4/1/6,22,hut,0.1\n")
    refusal = one_line(circuits("label", "import", "dissect.csv", "--dry-run"))
    assert "no column 'text'; it has layer, unit, description, similarity" in refusal
    assert "with --columns FIELD=COLUMN" in refusal
    plan = circuits("label", "import", "dissect.csv", "--columns", "text=description", "--dry-run")
    assert "2 seen: 2 new, 0 already there, 0 in conflict, 0 unknown; columns not read: similarity (2 cells)" in (
        plan.stdout
    )
    assert "4/1/6/21" in plan.stdout
    for wrong in ("text", "=x", "text=description --columns text=unit"):
        assert circuits("label", "import", "dissect.csv", "--columns", *wrong.split()).exit_code == 2


def test_a_tilde_in_a_path_is_the_home_folder(circuits: Run, tmp_path: Path) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    assert circuits("label", "export", "~/labels.csv", HOME=str(home)).exit_code == 0
    assert circuits("export", "4/2/6/0", "--output=~/unit.json", HOME=str(home)).exit_code == 0
    assert circuits("figure", "~/unit.json", "--output=~/unit.svg", HOME=str(home)).exit_code == 0
    assert circuits("label", "import", "~/labels.csv", HOME=str(home)).exit_code == 0
    assert {path.name for path in home.iterdir()} == {"labels.csv", "unit.json", "unit.svg"}
    assert not Path("~").exists()


@pytest.mark.parametrize("module", sorted({*COMMANDS} - {"app"}))
def test_every_option_that_names_a_path_takes_a_tilde_for_the_home_folder(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/ada")
    content = getattr(import_module(f"app.cli.{module}"), module)
    verbs = (
        [v.callback for v in content.registered_commands if v.callback]
        if isinstance(content, typer.Typer)
        else [content]
    )
    for verb in verbs:
        for name, parameter in signature(verb).parameters.items():
            kind, option = get_args(parameter.annotation)
            kinds = kind, *get_args(kind)
            if Path in kinds or (name in NAMES_A_PATH and bool not in kinds):
                assert str(option.parser("~/w")) == "/ada/w", name
                assert str(option.parser("RN50")) == "RN50"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_letter_that_the_output_lacks_is_printed_as_its_code(encoding: str, planted_folder: Path) -> None:
    def printed(*options: str) -> str:
        environment = os.environ | {"PYTHONIOENCODING": encoding, "CIRCUITS_DATABASE": str(planted_folder)}
        code = "from app.cli.main import main; main()"
        command = [sys.executable, "-c", code, "cypher", "RETURN '\u732b' AS x", *options]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(encoding)

    assert json.loads(printed("--json")) == [{"x": "\u732b"}]
    assert ("\u732b" if encoding == "utf-8" else "\\u732b") in printed()
