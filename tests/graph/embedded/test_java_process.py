"""What the processes of the embedded database import."""

import subprocess
import sys
from pathlib import Path

import pytest

from graph.embedded.server import status
from graph.opening import connect

LOAD = """
import sys
from graph.embedded.java_process import Absent

sys.meta_path.insert(0, Absent("pandas"))
import arcadedb_embedded, graph.embedded.batch_writer, pyarrow

assert pyarrow.array([1]).to_pylist() == [1]
assert "pandas" not in sys.modules
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded stands in /proc")
def test_a_server_runs_without_numpy(planted_folder: Path) -> None:
    with connect(planted_folder):
        server = status(planted_folder)
        assert server is not None
        loaded = Path(f"/proc/{server.pid}/maps").read_text()
    assert "jpype" in loaded
    assert "numpy" not in loaded


def test_what_a_load_imports_does_without_pandas() -> None:
    subprocess.run([sys.executable, "-c", LOAD], check=True)
