"""Settings from arguments, the environment and .env, in this order; secrets stay unseen."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import cli
from graph.errors import InvalidSettings
from graph.settings import settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and none of our variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "DATABASE", "USER", "PASSWORD", "DATABASE_NAME", "HEAP"):
        monkeypatch.delenv(f"CIRCUITS_{name}", raising=False)


def test_without_a_word_the_catalog_is_in_a_folder_here() -> None:
    assert settings().place == Path(".circuits/database")
    assert settings(home=Path("there")).place == Path("there/database")


def test_an_argument_goes_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CIRCUITS_USER=file\nCIRCUITS_DATABASE=bolt://file:7687\nCIRCUITS_HEAP=900\nOTHER=1\n")
    monkeypatch.setenv("CIRCUITS_USER", "environment")
    monkeypatch.setenv("CIRCUITS_DATABASE", "bolt://environment:7687")
    found = settings(database="neo4j+s://argument", user=None)
    assert (found.place, found.user, found.heap) == ("neo4j+s://argument", "environment", 900)
    assert settings().place == "bolt://environment:7687"


def test_a_variable_without_a_value_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCUITS_DATABASE", "")
    assert settings().place == Path(".circuits/database")


def test_a_value_that_does_not_fit_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCUITS_HEAP", "much")
    with pytest.raises(InvalidSettings, match="CIRCUITS_HEAP is not valid"):
        settings()


@pytest.mark.parametrize("name", ["CIRCUITS_DATABSE", "circuits_databases", "CIRCUITS_PASWORD", "CIRCUITS_EXTRACTION"])
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_slip_of_the_pen_is_told_by_its_name(name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "file":
        Path(".env").write_text(f"export {name}='x'\n")
    else:
        monkeypatch.setenv(name, "x")
    with pytest.raises(InvalidSettings, match=rf"{name} is not a setting\. Write CIRCUITS_[DPE]"):
        settings()


@pytest.mark.parametrize("line", ['CIRCUITS_DATABASE="x', "export CIRCUITS_DATABASE:x", "CIRCUITS_DATABASE x"])
def test_a_line_that_sets_nothing_is_refused(line: str) -> None:
    Path(".env").write_text(f"OTHER=1\n{line}\n")
    with pytest.raises(
        InvalidSettings, match=r"Line 2 of the file \.env here does not have the form NAME=value\. Correct it"
    ):
        settings()


@pytest.mark.parametrize("line", ["not a line", '=x\nOTHER="x', "CIRCUITS_TESTS_NEED_NEO4J=1", "CIRCUITS_ROUND=1"])
def test_what_is_of_other_programs_is_left_to_them(line: str) -> None:
    Path(".env").write_text(f"CIRCUITS_USER=ada\n{line}\n")
    assert settings().user == "ada"


def test_the_password_is_not_printed() -> None:
    found = settings(password="hush-hush")  # noqa: S106
    assert found.password.get_secret_value() == "hush-hush"
    assert "hush" not in f"{found} {found!r} {found.model_dump_json()}"


@pytest.mark.parametrize("url", ["bolt://ada:hush-hush@127.0.0.1:1", "bolt://127.0.0.1:1", "http://127.0.0.1:1"])
@pytest.mark.parametrize("where", ["option", "variable", "file"])
def test_no_message_shows_the_password(url: str, where: str) -> None:
    if where == "file":
        Path(".env").write_text("CIRCUITS_PASSWORD=hush-hush\n")
    option = ["--password", "hush-hush"] if where == "option" else []
    variable = {"CIRCUITS_PASSWORD": "hush-hush"} if where == "variable" else {}
    for verb in ("find", "doctor"):
        told = CliRunner().invoke(cli, [*option, verb, "--database", url], env=variable)
        assert told.exit_code == 2
        assert told.stderr.count("\n") == 1
        assert "hush" not in told.output


@pytest.mark.parametrize("name", ["HOME", "DATABASE", "EXTRACTIONS"])
@pytest.mark.parametrize("where", ["variable", "file"])
def test_a_tilde_is_the_home_folder(name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    if where == "file":
        Path(".env").write_text(f"CIRCUITS_{name}=~/w\n")
    else:
        monkeypatch.setenv(f"CIRCUITS_{name}", "~/w")
    assert Path(str(getattr(settings(), name.lower()))) == tmp_path / "ada" / "w"
    assert settings(database="~/w").place == tmp_path / "ada" / "w"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_a_file_that_is_no_utf8_is_told_in_one_line(encoding: str) -> None:
    Path(".env").write_bytes("CIRCUITS_DATABASE=/tmp/bögs\n".encode(encoding))
    told = CliRunner().invoke(cli, ["find"])
    assert (told.exit_code, told.stderr.count("\n")) == (2, 1)
    assert "The file .env here cannot be read: it is not text in UTF-8. Save it as UTF-8" in told.stderr


@pytest.mark.parametrize("text", ["\ufeffCIRCUITS_USER=ada\n", "export CIRCUITS_USER='ada'\r\n"])
def test_a_file_as_shells_and_editors_write_it_is_read(text: str) -> None:
    Path(".env").write_bytes(text.encode())
    assert settings().user == "ada"
