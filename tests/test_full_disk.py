"""Every file that is written onto a disk without room: the old one stays whole, and a message says why."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from tests.builders.contents import contents

# A limit on the size of a file stands for a full disk: both refuse in the middle of a write.
FULL = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from catalog.circuits import drawing_files, export
from catalog.circuits.circuit import Circuit, Node
from catalog.labels import files
from extract.errors import CircuitsError
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.loading.neo4j_import import write_csv
from graph.records import Annotation
"""

LIMIT = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
path = Path(sys.argv[1])
try:
    {call}
except CircuitsError as error:
    print(error)
"""


def on_a_full_disk(path: Path, call: str) -> str:
    """What is said of a call that writes more than 4 KB to `path`."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL + LIMIT.format(call=call), str(path)],  # else it caches modules that are cut
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def extraction(random_extraction: Callable[..., Extraction], tmp_path: Path) -> Extraction:
    return random_extraction(tmp_path / "a.extraction", "random:full", 1)


def test_an_extraction_stays_as_it_was(extraction: Extraction) -> None:
    before = contents(extraction.path)
    call = """Extraction.open(path).add({"activations/a.safetensors": {"x": np.zeros(9000)}})"""
    assert "a.safetensors cannot be written: File too large" in on_a_full_disk(extraction.path, call)
    assert contents(extraction.path) == before
    Extraction.open(extraction.path)


@pytest.mark.parametrize("exists", [True, False])
def test_files_for_neo4js_import_are_all_there_or_none(extraction: Extraction, tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "csv" / "below"
    if exists:
        target.mkdir(parents=True)
    call = f"write_csv(Extraction.open(Path({str(extraction.path)!r})), path, progress=False)"
    said = on_a_full_disk(target, call)
    assert "cannot be written to" in said
    assert "File too large" in said
    assert target.exists() == target.parent.exists() == exists
    assert contents(tmp_path / "csv") == {}


def test_an_extraction_that_cannot_begin_leaves_no_folder(extraction: Extraction, tmp_path: Path) -> None:
    call = f"Extraction.create(path, Extraction.open(Path({str(extraction.path)!r})).manifest)"
    said = on_a_full_disk(tmp_path / "new" / "below" / "b.extraction", call)
    assert "manifest.json cannot be written: File too large" in said
    assert not (tmp_path / "new").exists()


CIRCUIT = "Circuit('c', 'trace', 'm', tuple(Node(Unit.parse(f'4/2/6/{i}'), 'final') for i in range(1500)), ())"
LABELS = "[Annotation(str(i), 'm', '4/2/6/1', 'a label', 'ada', datetime.now(UTC)) for i in range(200)]"
DRAWING = """'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300">' + ''.join(
        f'<circle cx="{i * 37 % 300}" cy="{i * 91 % 300}" r="{i % 9}" fill="#{i * 997:06x}"/>' for i in range(400)
    ) + '</svg>'"""


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("c.json", f"export.write({CIRCUIT}, path)"),
        ("c.graphml", f"export.write({CIRCUIT}, path)"),
        ("c.zip", f"export.write({CIRCUIT}, path)"),
        ("d.svg", f"drawing_files.write({DRAWING}, path)"),
        ("d.png", f"drawing_files.write({DRAWING}, path)"),
        ("d.pdf", f"drawing_files.write({DRAWING}, path)"),
        ("l.csv", f"files.write({LABELS}, path)"),
        ("l.json", f"files.write({LABELS}, path)"),
    ],
)
def test_an_export_leaves_the_old_file(tmp_path: Path, name: str, call: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    assert f"{name} cannot be written: File too large. Choose another place." in on_a_full_disk(tmp_path / name, call)
    assert contents(tmp_path) == {name: b"old"}


def test_nothing_but_replace_file_writes_a_users_file_in_place() -> None:
    here = Path(__file__).parents[1]
    in_place = {
        str(file.relative_to(here))
        for room in ("extract", "graph", "catalog", "app")
        for file in (here / room).rglob("*.py")
        if any(call in file.read_text() for call in (".write_bytes(", ".write_text(", '.open("w', '.open("a'))
    }
    own = {f"graph/embedded/{name}.py" for name in ("java_process", "directory")}  # the embedded server's own folder
    assert in_place == own | {"extract/files.py", "extract/demo/bundle.py"}
