"""Messages about label files, circuits in files, and settings."""

from collections.abc import Callable
from pathlib import Path

from catalog.circuits import export
from catalog.circuits.circuit import Circuit, Node
from catalog.labels import files
from extract.units import Unit
from graph.settings import settings
from tests.faults.advice.messages import Act, Advice, Table

CIRCUIT = Circuit("c", "k", "m", (Node(Unit.parse("4/2/6/34"), "unit"),), ())


def table(content: str, **columns: str) -> Act:
    return lambda: files.decode(content.encode(), "csv", "m", "ada", columns)


def circuit(old: str = "", new: str = "", form: export.Format = "json") -> Act:
    return lambda: export.decode(export.encode(CIRCUIT, form).replace(old.encode(), new.encode()), form)


def environment(content: bytes) -> Act:
    def read() -> object:
        Path(".env").write_bytes(content)
        return settings()

    return read


def written(name: str) -> Act:
    def write() -> object:
        export.write(CIRCUIT, Path(name))
        return export.read(Path(name))

    return write


def read_circuit(content: str) -> Act:
    def read() -> object:
        Path("circuit.json").write_text(content)
        return export.read(Path("circuit.json"))

    return read


LABELS = "unit,text\n4/2/6/1,hat\n"
DESCRIPTIONS = "unit,description\n4/2/6/1,hat\n"
CASES: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
    ("A label has no field", table(LABELS, caption="text"), table(LABELS, text="text")),
    ("The file has no column {absent", table(LABELS, text="words"), table(LABELS, text="text")),
    ("The file has no column {missing", table(DESCRIPTIONS), table(DESCRIPTIONS, text="description")),
    (
        "The file has a column",
        table("unit,text,confidance\n4/2/6/1,hat,0.5\n"),
        table("unit,text,confidence\n4/2/6/1,hat,0.5\n"),
    ),
    ("Entries that are no labels", table("unit,text\n4/2/6/1,\n"), table(LABELS)),
    ("tells no form of labels", lambda: files.form_of("labels.xlsx"), lambda: files.form_of("labels.csv")),
    ("In this file", table("unit,text,text\n4/2/6/1,hat,cap\n"), table("unit,text,notes\n4/2/6/1,hat,cap\n")),
    (
        "This is no label file in",
        lambda: files.decode("unit,text\n4/2/6/1,Hüt\n".encode("latin-1"), "csv", "m", "ada"),
        table("unit,text\n4/2/6/1,Hüt\n"),
    ),
    ("In this circuit", circuit('"kind": "k"', '"kind": "k", "kind": "l"'), circuit()),
    ("This holds no circuit as", circuit('"model": "m"', '"limit": 2'), circuit()),
    ("tells no format", written("circuit.txt"), written("circuit.json")),
    ("{path}: {error}", read_circuit("{}"), written("circuit.json")),
    ("The file {_FILE", environment("CIRCUITS_USER=ada".encode("utf-16")), environment(b"CIRCUITS_USER=ada")),
    ("CIRCUITS_{name", environment(b"CIRCUITS_HEAP=much"), environment(b"CIRCUITS_HEAP=512")),
)
TABLE = Table(
    ("catalog.labels.files", "catalog.labels.file_entries", "catalog.circuits.export", "graph.settings"),
    tuple(Advice(*case) for case in CASES),
)
