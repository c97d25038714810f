"""An extraction folder into the graph, each server its fastest way; a model already there is replaced.

The embedded database is loaded with its server down, all or nothing. Any other server is written to over Bolt, and the
model refused until it is there to the end. What people said about its units stays, and is tied to the new ones.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from extract.errors import ExtractionError
from extract.extraction import Extraction
from graph import queries
from graph.database import Database, connect
from graph.errors import DatabaseDamaged, LoadFailed
from graph.local_server import bulk_load
from graph.schema import CONSTRAINTS, INDEXES, ModelCard
from graph.steps import Edges, Nodes, Statement, Step
from graph.store import CircuitStore
from graph.tables import steps

ROWS = 5_000  # in a transaction over Bolt
REMOVED = 100  # nodes in a transaction, each with up to thousands of edges

_SCHEMA = tuple(map(Statement, (*CONSTRAINTS, *INDEXES)))
_REMOVAL = {"units": queries.REMOVE_UNITS, "images": queries.REMOVE_IMAGES, "layers": queries.REMOVE_LAYERS}


def load(extraction: Extraction, into: Database | Path, progress: bool = True) -> ModelCard:
    """Load an extraction into the embedded database of a folder, or over Bolt into any server, and count it there.

    A model of the same name is replaced; its labels stay. Raises ExtractionError for an extraction that is not
    finished, LoadFailed for one whose tables do not fit together, and what `connect` raises.
    """
    _refuse_unfinished(extraction)
    if isinstance(into, Database):
        return _over_bolt(extraction, into, progress)
    return _in_bulk(extraction, into, progress)


def _refuse_unfinished(extraction: Extraction) -> None:
    manifest = extraction.manifest
    if manifest.missing or not extraction.has("units.parquet"):
        missing, targets = len(manifest.missing), len(manifest.settings.targets)
        raise ExtractionError(
            f"{extraction.path} is not finished: {missing} of {targets} target layers of {manifest.model} are missing. "
            "Repeat the same `circuits extract`: it goes on where it stopped."
        )


def _in_bulk(extraction: Extraction, folder: Path, progress: bool) -> ModelCard:
    """The schema comes last: building the indexes at once is faster than keeping them up."""
    model, removal = extraction.manifest.model, list[Step]()
    if folder.exists():
        with connect(str(folder)) as database:
            removal += _removal(database, model)
    bulk_load(folder, chain(removal, _shown(extraction, progress), _SCHEMA))
    with connect(str(folder)) as database:
        return _finished(database, model)


def _over_bolt(extraction: Extraction, database: Database, progress: bool) -> ModelCard:
    model = extraction.manifest.model
    for statement in (*_SCHEMA, Statement(queries.BEGIN, {"model": model})):
        _write(statement, database)
    for step in chain(_removal(database, model), _shown(extraction, progress)):
        _write(step, database)
    return _finished(database, model)


def _removal(database: Database, model: str) -> Iterator[Step]:
    """As many statements as it takes to remove what there is of a model, a few nodes each."""
    for row in database.read(queries.HELD, model=model):
        statement = Statement(_REMOVAL[row["what"]], {"model": model, "limit": REMOVED})
        yield from [statement] * math.ceil(row["found"] / REMOVED)


def _shown(extraction: Extraction, progress: bool) -> Iterator[Step]:
    """The steps, with a bar of the edges handed over."""
    total = pc.sum(extraction.table("sweeps")["kept"]).as_py()
    with tqdm(total=total, desc=extraction.manifest.model, unit=" edges", unit_scale=True, disable=not progress) as bar:
        for step in steps(extraction):
            yield step
            bar.update(step.table.num_rows if isinstance(step, Edges) and step.type == "CONTRIBUTES" else 0)


def _write(step: Step, database: Database) -> None:
    """One step over Bolt."""
    match step:
        case Statement():
            database.write(step.text, **step.parameters)
        case Nodes():
            for batch in step.table.to_batches(max_chunksize=ROWS):
                database.write(queries.NODES[step.label], rows=batch.to_pylist())
        case Edges():
            ordered = step.table.sort_by("target")
            for start in range(0, ordered.num_rows, ROWS):
                groups = _by_target(ordered.slice(start, ROWS))
                database.write(queries.EDGES[step.type], groups=groups)


def _by_target(table: pa.Table) -> list[list[Any]]:
    """Each target's key with its rows: a source's key and then the properties, in the table's order."""
    others = [table[name].to_pylist() for name in table.column_names if name != "target"]
    rows: Iterable[tuple[Any, ...]] = zip(table["target"].to_pylist(), *others, strict=True)
    return [[key, [list(row[1:]) for row in group]] for key, group in groupby(rows, key=lambda row: row[0])]


def _finished(database: Database, model: str) -> ModelCard:
    """Count what arrived, and only then let the model be used."""
    store = CircuitStore(database)
    try:
        store.verify(model)
    except DatabaseDamaged as error:
        raise LoadFailed(
            f"{model} did not arrive whole and stays refused until it is loaded again. The extraction's tables may not "
            f"fit together: copy it anew or extract again. ({error})"
        ) from error
    database.write(queries.COMPLETE, model=model)
    database.write(queries.REMOVE_LABELS)
    return store.model(model)
