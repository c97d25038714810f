"""What a user, a disk or a stranger's file gets wrong ends with exit code 2 and one line that names the cause."""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]
DEEP = "[" * 5000 + "]" * 5000


def one_line(result: Result) -> str:
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    return result.stderr


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("9223372036854775808", "64 bits"),
        ("-9223372036854775809", "64 bits"),
        ("1" * 30, "64 bits"),
        ("1" * 5000, "holds a number with too many digits. Correct it"),
        ("[1,", "The value [1, begins like JSON but is not JSON: Expecting value"),
        ('{"a": 1', "begins like JSON but is not JSON"),
        ('"a', "or write it as text in double quotes"),
        ('{"a": [18446744073709551616]}', "64 bits"),
        (r'"\ud800"', "not valid Unicode"),
        (r'{"\ud800": 1}', "not valid Unicode"),
        ("\udcff", "not valid Unicode"),
        (DEEP, "nests lists or maps too deeply. Correct it"),
        (DEEP[4850:5150], "lists or maps nested more than 100 deep"),
    ],
)
def test_a_parameter_that_no_server_takes(circuits: Run, value: str, cause: str) -> None:
    assert cause in one_line(circuits("cypher", "RETURN $x AS x", "--parameter", f"x={value}"))


@pytest.mark.parametrize("value", ["9223372036854775807", "-9223372036854775808", DEEP[4960:5040], '"\\ud83d\\ude00"'])
def test_the_largest_parameters_that_servers_take_come_back(circuits: Run, value: str) -> None:
    answer = circuits("cypher", "RETURN $x AS x", "--parameter", f"x={value}", "--json")
    assert json.loads(answer.stdout) == [{"x": json.loads(value)}]


@pytest.mark.parametrize(
    "arguments",
    [("cypher", "RETURN '\udcff' AS x"), ("search", "\udcff"), ("word", "\udcff"), ("saved", "show", "\udcff")],
)
def test_a_text_that_is_no_unicode(circuits: Run, arguments: tuple[str, ...]) -> None:
    assert "not valid Unicode" in one_line(circuits(*arguments))


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("time('23:59:59.999999999+18:00')", "23:59:59.999999999+18:00"),
        ("localtime('23:59:59.999999999')", "23:59:59.999999999"),
        ("datetime('2020-01-01T10:00:00Z')", "2020-01-01T10:00:00+00:00"),
        ("localdatetime('2020-01-01T10:00:00.120000000')", "2020-01-01T10:00:00.120000"),
        ("date('9999-12-31')", "9999-12-31"),
    ],
)
def test_a_time_of_an_answer_is_exact(circuits: Run, text: str, iso: str) -> None:
    assert json.loads(circuits("cypher", f"RETURN {text} AS x", "--json").stdout) == [{"x": iso}]


def test_a_date_before_all_years(circuits: Run) -> None:
    assert "cannot be read" in one_line(circuits("cypher", "RETURN date('-0044-03-15') AS x"))


@pytest.mark.parametrize("option", ["--limit", "--timeout"])
def test_a_limit_without_end(circuits: Run, option: str) -> None:
    result = circuits("cypher", "RETURN 1 AS x", option, "9" * 30)
    assert result.exit_code == 2
    assert "Invalid value" in result.stderr


@pytest.mark.parametrize("verb", [("doctor",), ("label", "list")])
@pytest.mark.parametrize("name", ["a\0b", "a\udcff"])
def test_a_database_whose_name_no_file_can_have(circuits: Run, verb: tuple[str, ...], name: str) -> None:
    assert "CIRCUITS_DATABASE is not valid" in one_line(circuits(*verb, "--database", name))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"CIRCUITS_USER=\xff\xfe\n", "it is not text in UTF-8"),
        (b"CIRCUITS_HEAP=much\n", "CIRCUITS_HEAP"),
        (b"CIRCUITS_EXTRACTIONS=a\0b\n", "CIRCUITS_EXTRACTIONS"),
    ],
)
def test_a_file_of_settings_that_does_not_fit(circuits: Run, content: bytes, cause: str) -> None:
    Path(".env").write_bytes(content)
    assert cause in one_line(circuits("find"))


def test_a_file_of_settings_that_the_disk_refuses(circuits: Run) -> None:
    Path(".env").symlink_to("/proc/self/mem")  # it can be opened, and not read
    assert ".env here cannot be read: Input/output error" in one_line(circuits("find"))


@pytest.mark.parametrize("version", [b"\xff\xfe\x80", b"2\x1b[31m", b"9" * 100_000])
def test_a_version_file_that_is_none(circuits: Run, version: bytes) -> None:
    Path("other").mkdir()
    Path("other/version").write_bytes(version)
    said = one_line(circuits("doctor", "--database", "other"))
    assert "another version" in said
    assert "\x1b" not in said
    assert len(said) < 400


@pytest.mark.parametrize("name", ["version", "server.lock", "server.log"])
@pytest.mark.parametrize("verb", [("doctor",), ("label", "list")])
def test_a_database_that_the_disk_refuses(circuits: Run, name: str, verb: tuple[str, ...]) -> None:
    Path("other").mkdir()
    Path("other/version").write_text("1")
    Path("other", name).unlink(missing_ok=True)
    Path("other", name).mkdir()  # opening it fails for everybody, as a file on a read-only disk does
    assert "cannot be used: Is a directory" in one_line(circuits(*verb, "--database", "other"))


def archive(name: str, flags: int = 0, method: int = 8, **members: str) -> None:
    """Write a zip whose headers say that it is encrypted (flags 1) or packed in this way."""
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as file:
        for member, text in {"circuit": "{}", "nodes": "id", "edges": "source,target", **members}.items():
            file.writestr(f"{member}.{'json' if member == 'circuit' else 'csv'}", text)
    data = bytearray(Path(name).read_bytes())
    for mark, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        start = -1
        while (start := data.find(mark, start + 1)) >= 0:
            data[start + place : start + place + 4] = struct.pack("<HH", flags, method)
    Path(name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("deep.json", lambda: Path("deep.json").write_text("[" * 100_000 + "]" * 100_000)),
        ("maps.json", lambda: Path("maps.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)),
        ("deep.graphml", lambda: Path("deep.graphml").write_text("<graph>" * 100_000 + "</graph>" * 100_000)),
        ("deep.zip", lambda: archive("deep.zip", circuit="[" * 100_000)),
        ("encrypted.zip", lambda: archive("encrypted.zip", flags=1)),
        ("unknown.zip", lambda: archive("unknown.zip", method=97)),
        ("bomb.zip", lambda: archive("bomb.zip", nodes="id\n" + "a" * (65 << 20))),
        ("pipe.json", lambda: os.mkfifo("pipe.json")),
        ("folder.json", lambda: Path("folder.json").mkdir()),
        ("no\0name.json", lambda: None),
    ],
)
def test_a_file_that_holds_no_circuit(circuits: Run, name: str, write: Callable[[], object]) -> None:
    write()
    said = one_line(circuits("figure", name, "--output", "x.svg"))
    assert any(reason in said for reason in ("No circuit can be read", "cannot be read", "cannot be used"))
    assert not Path("x.svg").exists()


def test_labels_out_of_a_pipe_that_nobody_writes_to(circuits: Run) -> None:
    os.mkfifo("labels.csv")
    assert "a pipe or a device" in one_line(circuits("label", "import", "labels.csv"))


@pytest.mark.parametrize("words", ["cat\n猫\n", "cat\n🦖\n"])
def test_a_word_that_no_font_has_is_refused_before_anything_is_computed(circuits: Run, words: str) -> None:
    Path("words.txt").write_text(words, encoding="utf-8")
    result = circuits("extract", "demo", "--words", "words.txt", "--output", "x")
    assert result.exit_code == 2
    assert "Choose a font with these letters, such as Noto" in result.stderr
    assert not Path("x").exists()


def test_a_font_of_ones_own_and_no_font_at_all(circuits: Run) -> None:
    Path("words.txt").write_text("cat\n")
    refused = circuits("extract", "demo", "--words", "words.txt", "--font", "words.txt", "--output", "x")
    assert "words.txt is not a font that can be read" in refused.stderr
    assert refused.exit_code == 2
    assert not Path("x").exists()


def test_visualisations_that_fit_no_unit_are_refused_before_anything_is_computed(circuits: Run) -> None:
    Path("pictures").mkdir()
    assert "holds no picture" in one_line(circuits("extract", "demo", "--visualisations", "pictures", "--output", "x"))
    assert not Path("x").exists()
