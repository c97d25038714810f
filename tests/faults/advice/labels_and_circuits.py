"""Messages about label files, circuits in files, and settings."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from catalog.circuits import drawing, drawing_files, editing, export, layout
from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.labels import files
from catalog.text_rules import checked_author
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


def drawn(name: str) -> Act:
    return lambda: drawing_files.write(drawing.draw(CIRCUIT), Path(name))


def joined(model: str) -> Act:
    return lambda: editing.join(CIRCUIT, replace(CIRCUIT, model=model))


def laid_out(*ends: tuple[int, int]) -> Act:
    """Place a circuit with edges between units of these channels."""
    units = {channel: Unit.parse(f"4/2/6/{channel}") for channel in (1, 2)}
    edges = [CircuitEdge(units[one], units[other], "CONTRIBUTES", 1, 1, 1, 1, True) for one, other in ends]
    nodes = tuple(Node(unit, "unit") for unit in units.values())
    return lambda: layout.layout(Circuit("c", "k", "m", nodes, tuple(edges)))


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
    ("These entries are not labels", table("unit,text\n4/2/6/1,\n"), table(LABELS)),
    (
        "Name a file that ends in .csv or .json",
        lambda: files.form_of("labels.xlsx"),
        lambda: files.form_of("labels.csv"),
    ),
    ("In this file", table("unit,text,text\n4/2/6/1,hat,cap\n"), table("unit,text,notes\n4/2/6/1,hat,cap\n")),
    (
        "This is not a label file in",
        lambda: files.decode("unit,text\n4/2/6/1,Hüt\n".encode("latin-1"), "csv", "m", "ada"),
        table("unit,text\n4/2/6/1,Hüt\n"),
    ),
    ("In this circuit", circuit('"kind": "k"', '"kind": "k", "kind": "l"'), circuit()),
    ("No circuit can be read from this as", circuit('"model": "m"', '"limit": 2'), circuit()),
    ("Name the format, or end the name in one of", written("circuit.txt"), written("circuit.json")),
    ("{path}: {error}", read_circuit("{}"), written("circuit.json")),
    ("does not show the picture's format", drawn("circuit.doc"), drawn("circuit.svg")),
    ("Join circuits of the same model", joined("n"), joined("m")),
    ("The edges form a loop", laid_out((1, 2), (2, 1)), laid_out((1, 2))),
    ("A drawing has at most", laid_out(*[(1, 2)] * 4_001), laid_out(*[(1, 2)] * 20)),
    ("This entry is not valid", lambda: checked_author("a\0da"), lambda: checked_author("ada")),
    ("The file {_FILE", environment("CIRCUITS_USER=ada".encode("utf-16")), environment(b"CIRCUITS_USER=ada")),
    ("does not have the form NAME=value", environment(b"CIRCUITS_HEAP"), environment(b"CIRCUITS_HEAP=512")),
    ("is not a setting", environment(b"CIRCUITS_HEAPS=512"), environment(b"CIRCUITS_HEAP=512")),
    ("CIRCUITS_{name", environment(b"CIRCUITS_HEAP=much"), environment(b"CIRCUITS_HEAP=512")),
)
TABLE = Table(
    (
        *("catalog.labels.files", "catalog.labels.file_entries", "catalog.text_rules", "graph.settings"),
        *(f"catalog.circuits.{name}" for name in ("export", "drawing_files", "editing", "layout")),
    ),
    tuple(Advice(*case) for case in CASES),
    untested={"this machine has no login name": "this machine has one"},
)
