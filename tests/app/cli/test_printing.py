import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import printing
from app.cli.main import cli

Print = Callable[..., str]
MORE = re.compile(r"(\d+) more columns? with --wide or --json\n")
TABLES = [
    ["find"],
    ["find", "--by", "weights"],
    ["unit", "4/2/6/0"],
    ["unit", "4/2/5/6", "--limit", "3"],
    ["search", "hammer"],
    ["word", "hammer"],
    ["label", "history"],
    ["query", "list"],
    ["trace", "4/2/6/0", "--steps", "2"],
    ["doctor"],
    [
        "cypher",
        "MATCH (u:Unit {layer: '4/2/6'}) RETURN u.id, u.share_exact, u.layer, u.model, u.key, u.channel LIMIT 3",
    ],
]


@pytest.fixture
def printed(planted_folder: Path) -> Print:
    """Runs the command line in a terminal of some width."""

    def run(arguments: list[str], width: int) -> str:
        environment = {"CIRCUITS_DATABASE": str(planted_folder), "COLUMNS": str(width)}
        done = CliRunner().invoke(cli, arguments, env=environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_in_80_columns_no_word_is_broken_and_the_rest_is_told_of(printed: Print, arguments: list[str]) -> None:
    narrow, wide, roomy = printed(arguments, 80), printed([*arguments, "--wide"], 80), printed(arguments, 400)

    assert wide.split() == roomy.split()  # sentences below a table are broken at its width
    assert not MORE.search(wide)
    assert set(MORE.sub("", narrow).split()) <= set(wide.split())
    assert all(len(line.rstrip()) <= 80 or "/" in line for line in narrow.splitlines() if not is_sentence(line))


def is_sentence(line: str) -> bool:
    return line.rstrip().endswith(".")


def test_what_decides_comes_first_where_not_all_fits(printed: Print) -> None:
    lines = [line.split() for line in printed(["find"], 80).splitlines()]

    assert ["unit", "verdict", "weakest"] in [line[:3] for line in lines]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("COLUMNS", "40")

    def show(content: printing.TerminalTable, wide: bool = False) -> str:
        printing.show(content, wide=wide)
        return capsys.readouterr().out

    return show


def test_nothing_is_no_table(shown: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    nothing = printing.table("Measured on", ("",), [])

    assert shown(nothing) == ""
    printing.show_rows([], nothing, json_output=False)
    assert capsys.readouterr().out == "Measured on: none\n"


def test_columns_that_do_not_fit_are_counted(shown: Callable[..., str]) -> None:
    content = printing.table("Long", ("name", "a", "b", "c"), [("unit", "a" * 15, "b" * 15, "c" * 15)], ("name", "c"))

    assert shown(content).split()[:7] == ["Long", "name", "c", "a", "unit", "c" * 15, "a" * 15]
    assert shown(content).endswith("1 more column with --wide or --json\n")
    assert shown(content, wide=True).split() == ["Long", "name", "a", "b", "c", "unit", "a" * 15, "b" * 15, "c" * 15]


def test_a_word_that_fits_no_terminal_stays_whole(shown: Callable[..., str]) -> None:
    address = "https://" + "x" * 60

    assert address in shown(printing.table("", ("", ""), [("Microscope", address)]))


def test_long_texts_are_broken_between_words(shown: Callable[..., str]) -> None:
    text = " ".join(f"word{n}" for n in range(20))

    lines = shown(printing.table("", ("unit", "why"), [("4/2/6/0", text)])).splitlines()

    assert len(lines) > 2
    assert max(map(len, lines)) <= 40
    assert " ".join(line.removeprefix("4/2/6/0").strip() for line in lines[1:]) == text


def test_of_a_very_long_text_the_beginning_is_shown_and_how_much_more_there_is(shown: Callable[..., str]) -> None:
    numbers = list(range(1_000_000))
    lines = shown(printing.table("", ("numbers",), [(numbers,)])).splitlines()
    shown_text = " ".join(line.strip() for line in lines[1:])
    beginning, _, more = shown_text.partition(" … ")
    whole = str(numbers)
    assert whole.startswith(beginning)
    assert more == f"{len(whole) - 10_000:,} more letters with --json"
    assert printing.cell("x" * 10_000) == "x" * 10_000
