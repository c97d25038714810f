import subprocess
import sys

SERVE = """
import sys
from graph.embedded.java_process import Absent

sys.meta_path.insert(0, Absent("numpy"))
import arcadedb_embedded

assert "numpy" not in sys.modules
"""
LOAD = """
import sys
from graph.embedded.java_process import Absent

sys.meta_path.insert(0, Absent("pandas"))
import arcadedb_embedded, graph.embedded.batch_writer, pyarrow

assert pyarrow.array([1]).to_pylist() == [1]
assert "pandas" not in sys.modules
"""


def test_a_server_starts_without_numpy_and_a_load_without_pandas() -> None:
    for text in (SERVE, LOAD):
        subprocess.run([sys.executable, "-c", text], check=True)
