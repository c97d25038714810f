"""Loads over Bolt in another process, and how far each has come."""

from contextlib import suppress

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.errors import GraphError

LOAD = """
import sys
from pathlib import Path
from extract.folder.extraction import Extraction
from graph.loading.load import load
from graph.opening import connect
with connect(sys.argv[1], timeout=2.0) as database:
    load(Extraction.open(Path(sys.argv[2])), database, progress=False, rows=40)  # many small transactions
"""


def rows_there(database: Database) -> int:
    """Return how many rows a load has written so far; 0 while the model or the database is not there yet."""
    with suppress(GraphError):
        for row in database.read("MATCH (m:Model) RETURN coalesce(m.loaded, 0) AS loaded"):
            return int(row["loaded"])
    return 0


def whole(extraction: Extraction, database: Database) -> bool:
    """Return whether the database holds the edges of the extraction, each once, and no other edge."""
    text = (
        "MATCH (s:Unit)-[e:CONTRIBUTES]->(t:Unit) RETURN s.layer AS source, s.channel AS source_channel, "
        "t.layer AS target, t.channel AS target_channel, e.magnitude AS magnitude"
    )
    names = ["source", "source_channel", "target", "target_channel", "magnitude"]
    expected = extraction.table("edges").select(names).to_pylist()
    found = database.read(text)
    return sorted(map(str, found)) == sorted(map(str, expected))
