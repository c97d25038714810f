import subprocess
import sys

IMPORT = """
import sys
import graph.connection.database

for name in ("numpy", "pandas", "pyarrow"):
    assert name not in sys.modules, name

import numpy, pandas, pyarrow

assert pyarrow.table(pandas.DataFrame({"a": numpy.arange(3)})).column("a").to_pylist() == [0, 1, 2]
"""


def test_the_driver_leaves_numpy_pandas_and_pyarrow_to_those_who_use_them() -> None:
    subprocess.run([sys.executable, "-c", IMPORT], check=True)


AFTERWARDS = """
import neo4j
from neo4j import _optional_deps
import graph.connection.database
import numpy

assert _optional_deps.np is numpy  # whoever imported the driver before keeps it as it was
"""


def test_a_driver_that_was_imported_before_stays_as_it_was() -> None:
    subprocess.run([sys.executable, "-c", AFTERWARDS], check=True)
