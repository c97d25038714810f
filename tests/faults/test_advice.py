"""Every message that gives advice: a case that brings it up, and the advice followed.

It holds the part of the messages that the modules in `MODULES` raise; a message there that is not in the table fails.
"""

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from catalog.circuits import export
from catalog.circuits.circuit import Circuit, Node
from catalog.labels import files
from extract.errors import CircuitsError
from extract.units import Unit
from graph.settings import settings

MODULES = ("catalog.labels.files", "catalog.labels.file_entries", "catalog.circuits.export", "graph.settings")
CIRCUIT = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit"),), ())


@dataclass(frozen=True)
class Advice:
    """The beginning of a message, what brings it up, and the same with its advice followed."""

    message: str
    case: Callable[[], object]
    followed: Callable[[], object]


def table(content: str, **columns: str) -> Callable[[], object]:
    return lambda: files.decode(content.encode(), "csv", "m", "ada", columns)


def circuit(old: str = "", new: str = "", form: export.Format = "json") -> Callable[[], object]:
    return lambda: export.decode(export.encode(CIRCUIT, form).replace(old.encode(), new.encode()), form)


def environment(content: bytes) -> Callable[[], object]:
    def read() -> object:
        Path(".env").write_bytes(content)
        return settings()

    return read


def written(name: str) -> Callable[[], object]:
    def write() -> object:
        export.write(CIRCUIT, Path(name))
        return export.read(Path(name))

    return write


LABELS, NODE = "unit,text\n4/2/6/1,hat\n", '"nodes": [\n'
TABLE = (
    Advice("A label has no field", table(LABELS, caption="text"), table(LABELS, text="text")),
    Advice("The file has no column {absent", table(LABELS, text="words"), table(LABELS, text="text")),
    Advice(
        "The file has no column {missing",
        table("unit,description\n4/2/6/1,hat\n"),
        table("unit,description\n4/2/6/1,hat\n", text="description"),
    ),
    Advice(
        "The file has a column",
        table("unit,text,confidance\n4/2/6/1,hat,0.5\n"),
        table("unit,text,confidence\n4/2/6/1,hat,0.5\n"),
    ),
    Advice("Entries that are no labels", table("unit,text\n4/2/6/1,\n"), table(LABELS)),
    Advice("The name {name", lambda: files.form_of("labels.xlsx"), lambda: files.form_of("labels.csv")),
    Advice("In this file", table("unit,text,text\n4/2/6/1,hat,cap\n"), table("unit,text,notes\n4/2/6/1,hat,cap\n")),
    Advice(
        "This is no label file in",
        lambda: files.decode("unit,text\n4/2/6/1,Hüt\n".encode("latin-1"), "csv", "m", "ada"),
        table("unit,text\n4/2/6/1,Hüt\n"),
    ),
    Advice("In this circuit", circuit('"kind": "k"', '"kind": "k", "kind": "l"'), circuit()),
    Advice("This holds no circuit as", circuit('"model": "m"', '"limit": 2'), circuit()),
    Advice("The name {path", written("circuit.txt"), written("circuit.json")),
    Advice("{path", lambda: _read("{}"), written("circuit.json")),
    Advice("The file {_FILE", environment("CIRCUITS_USER=ada".encode("utf-16")), environment(b"CIRCUITS_USER=ada")),
    Advice("CIRCUITS_{name", environment(b"CIRCUITS_HEAP=much"), environment(b"CIRCUITS_HEAP=512")),
)


def _read(content: str) -> object:
    Path("circuit.json").write_text(content)
    return export.read(Path("circuit.json"))


def messages() -> Iterator[str]:
    """The texts of the errors of ours that the modules raise, with the names of what is put into them."""
    for module in MODULES:
        tree = ast.parse(Path(str(import_module(module).__file__)).read_text())
        for node in ast.walk(tree):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id not in PYTHONS:
                yield ast.unparse(call.args[0]).lstrip("f").strip("'\"")


PYTHONS = ("ValueError", "TypeError", "UnicodeError")  # which others turn into our errors


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("USER", "HEAP", "DATABASE"):
        monkeypatch.delenv(f"CIRCUITS_{name}", raising=False)


def test_every_message_is_in_the_table() -> None:
    beginnings = tuple(advice.message for advice in TABLE)
    found = list(messages())
    assert [message for message in found if not message.startswith(beginnings)] == []
    assert [begin for begin in beginnings if not any(message.startswith(begin) for message in found)] == []


@pytest.mark.parametrize("advice", TABLE, ids=lambda advice: advice.message)
def test_the_case_brings_the_message_up_and_the_advice_works(advice: Advice) -> None:
    with pytest.raises(CircuitsError) as error:
        advice.case()
    begin = advice.message.partition("{")[0]
    assert str(error.value).startswith(begin)
    assert str(error.value).rstrip().endswith((".", ")"))
    advice.followed()
    assert json.dumps(str(error.value))
