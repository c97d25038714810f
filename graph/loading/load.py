"""An extraction folder into the graph, each server its fastest way; a model already there is replaced.

The embedded database is loaded with its server down, all or nothing. Any other server is written to over Bolt, row by
counted row, so that a load that broke off goes on where it stopped; until it is there to the end the model is refused.
What people said about its units stays, and is tied to the new ones.
"""

import secrets
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.cypher.loading import CLAIM, COMPLETE, FORGET, HELD, NODES, RELATIONSHIPS, REMOVE, REMOVE_LABELS
from graph.embedded.server import bulk_load
from graph.errors import DatabaseBusy, DatabaseDamaged, GraphError, LoadFailed
from graph.instructions import Edges, Nodes, Statement, Step
from graph.loading.migration import migrate, statements
from graph.loading.rows import content, steps
from graph.opening import connect
from graph.records import ModelCard
from graph.store import Store

ROWS = 5_000  # in a transaction over Bolt
REMOVED = 100  # nodes in a transaction, each with up to thousands of edges


def load(extraction: Extraction, into: Database | Path, progress: bool = True, rows: int = ROWS) -> ModelCard:
    """Load an extraction into the embedded database of a folder, or over Bolt into any server, and count it there.

    Over Bolt a transaction writes so many `rows`. A model of the same name is replaced, its labels stay; the very same
    content is left as it is. Raises ExtractionError for an extraction that is not finished, LoadFailed for one whose
    tables do not fit together, DatabaseBusy if somebody else loads the same model, and what `connect` raises.
    """
    refuse_unfinished(extraction)
    if isinstance(into, Database):
        return _over_bolt(extraction, into, progress, rows)
    return _in_bulk(extraction, into, progress)


def refuse_unfinished(extraction: Extraction) -> None:
    """ExtractionError for an extraction of which a part is missing."""
    manifest = extraction.manifest
    if manifest.missing or not extraction.has("units.parquet"):
        missing, targets = len(manifest.missing), len(manifest.settings.targets)
        raise ExtractionError(
            f"{extraction.path} is not finished: {missing} of {targets} target layers of {manifest.model} are missing. "
            "Repeat the same `circuits extract`: it goes on where it stopped."
        )


def _there(extraction: Extraction, database: Database) -> ModelCard | None:
    """The model, if it is in the database with this very content and nothing of it was lost."""
    migrate(database)
    store, model = Store(database), extraction.manifest.model
    card = next((card for card in store.models() if (card.id, card.content) == (model, content(extraction))), None)
    try:
        if card:
            store.verify(model)
    except DatabaseDamaged:
        return None
    return card


def _in_bulk(extraction: Extraction, folder: Path, progress: bool) -> ModelCard:
    """The schema comes last: building the indexes at once is faster than keeping them up."""
    claim, removal = _claim(extraction), list[Step]()
    if folder.exists():
        with connect(folder) as database:
            if card := _there(extraction, database):
                return card
            removal += _removal(database, claim)
    bulk_load(folder, chain([claim], removal, _shown(extraction, progress), statements()))
    with connect(folder) as database:
        return _finished(database, claim)


def _over_bolt(extraction: Extraction, database: Database, progress: bool, rows: int) -> ModelCard:
    if card := _there(extraction, database):
        return card
    claim = _claim(extraction)
    done = database.write(claim.text, **claim.parameters)[0]["loaded"]
    if not done:
        for statement in _removal(database, claim):
            database.write(statement.text, **statement.parameters)
    loading = _Loading(database, claim, done, rows)
    for step in _shown(extraction, progress):
        loading.write(step)
    return _finished(database, claim)


def _claim(extraction: Extraction) -> Statement:
    """Make the model ours to load."""
    words = {"model": extraction.manifest.model, "content": content(extraction), "loader": secrets.token_hex(8)}
    return Statement(CLAIM, words)


def _removal(database: Database, claim: Statement) -> Iterator[Statement]:
    """As many statements as it takes to remove what there is of a model, a few nodes each."""
    owner = _owner(claim)
    for row in database.read(HELD, model=owner["model"]):
        statement = Statement(REMOVE[row["what"]], owner | {"limit": REMOVED})
        yield from [statement] * -(-row["found"] // REMOVED)


def _owner(claim: Statement) -> dict[str, Any]:
    return {name: claim.parameters[name] for name in ("model", "loader")}


def _shown(extraction: Extraction, progress: bool) -> Iterator[Step]:
    """The steps, with a bar of the edges handed over."""
    total = pc.sum(extraction.table("sweeps")["kept"]).as_py()
    with tqdm(total=total, desc=extraction.manifest.model, unit=" edges", unit_scale=True, disable=not progress) as bar:
        for step in steps(extraction):
            yield step
            bar.update(step.table.num_rows if isinstance(step, Edges) and step.type == "CONTRIBUTES" else 0)


class _Loading:
    """A load over Bolt: which rows were written, those of an earlier attempt included, and that it is still ours."""

    def __init__(self, database: Database, claim: Statement, done: int, rows: int) -> None:
        self._database, self._owner, self._rows = database, _owner(claim), rows
        self._done, self._handed = done, 0

    def write(self, step: Step) -> None:
        """Do a step, or pass over what was done before."""
        match step:
            case Statement():
                self._database.write(step.text, **step.parameters)
            case Nodes():
                for table in self._new(step.table):
                    self._write(NODES[step.label], table, rows=table.to_pylist())
            case Edges():
                for table in self._new(step.table.sort_by("target")):
                    self._write(RELATIONSHIPS[step.source[0], step.type], table, groups=_by_target(table))

    def _new(self, table: pa.Table) -> Iterator[pa.Table]:
        """What was not written before, a transaction's rows at a time."""
        start, self._handed = self._handed, self._handed + table.num_rows
        for row in range(max(0, self._done - start), table.num_rows, self._rows):
            yield table.slice(row, self._rows)

    def _write(self, text: str, table: pa.Table, **rows: Any) -> None:
        after = self._done + table.num_rows
        written = self._database.write(text, **self._owner, loaded=after, **rows)[0]["done"]
        if written != table.num_rows:
            raise _given_up(self._database, self._owner, f"{written} of {table.num_rows} rows found their ends")
        self._done = after


def _by_target(table: pa.Table) -> list[list[Any]]:
    """Each target's key with its rows: a source's key and then the properties, in the table's order."""
    others = [table[name].to_pylist() for name in table.column_names if name != "target"]
    rows: Iterable[tuple[Any, ...]] = zip(table["target"].to_pylist(), *others, strict=True)
    return [[key, [list(row[1:]) for row in group]] for key, group in groupby(rows, key=lambda row: row[0])]


def _finished(database: Database, claim: Statement) -> ModelCard:
    """Count what arrived, and only then let the model be used."""
    store, owner = Store(database), _owner(claim)
    try:
        store.verify(owner["model"])
    except DatabaseDamaged as error:
        raise _given_up(database, owner, str(error)) from error
    if not database.write(COMPLETE, **owner):
        raise _given_up(database, owner, "")
    database.write(REMOVE_LABELS)
    return store.model(owner["model"]).card


def _given_up(database: Database, owner: dict[str, Any], reason: str) -> GraphError:
    """What to raise: somebody took the load over, or what is there does not fit and is not gone on with."""
    model = owner["model"]
    if not database.write(FORGET, **owner):
        return DatabaseBusy(f"Somebody else began to load {model} and goes on alone. Wait until that is done.")
    return LoadFailed(
        f"{model} did not arrive whole and stays refused until it is loaded again. The extraction's tables may not fit "
        f"together: copy it anew or extract again. ({reason})"
    )
