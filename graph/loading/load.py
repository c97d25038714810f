"""Load an extraction folder into the graph in the way that is fastest for the server.

A model of the same name is replaced. The embedded database is loaded with its server down, all or nothing. Into any
other server, rows are written over Bolt and counted, so that an interrupted load resumes where it stopped; until the
load is complete the model is refused. Annotations of the model's units stay and are linked to the new units.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from extract.printable import printable
from graph.connection.database import Database
from graph.cypher.loading import (
    CLAIM,
    CLAIMED,
    COMPLETE,
    NODES,
    RELATIONSHIPS,
    REMEMBER_FOLDER,
    REMOVE_UNUSED_LABELS,
    RESET,
)
from graph.cypher.verification import TALLY, VERIFY
from graph.embedded.server import bulk_load, is_empty
from graph.errors import DatabaseDamaged, GraphError, LoadFailed
from graph.loading.extraction_steps import content, folder_of, steps
from graph.loading.migration import migrate, statements
from graph.loading.removal import claimed_elsewhere, data_removal, losses
from graph.loading.same_weights import refuse_other_weights
from graph.opening import connect
from graph.records import ModelCard
from graph.steps import Nodes, Relationships, Statement, Step, Verification
from graph.store import Store

ROWS = 5_000  # rows in a transaction over Bolt


def load(
    extraction: Extraction,
    into: Database | Path,
    progress: bool = True,
    rows: int = ROWS,
    make_steps: Callable[[Extraction], Iterator[Step]] = steps,
    on_migration: Callable[[int], object] = lambda before: None,
) -> ModelCard:
    """Load an extraction into the embedded database of a folder, or over Bolt into any server, and verify the result.

    A model of the same name and weights is replaced, and its labels stay; a model with the same content is left
    unchanged. Over Bolt, each transaction writes `rows` rows. `on_migration` is called with the version that the schema
    had before it was brought up to date. Raises ExtractionError for an unfinished extraction, LoadFailed for one whose
    tables do not fit together, WeightsDiffer if the model of this name has other weights, DatabaseBusy if somebody else
    loads the same model, and the errors of `connect`.
    """
    refuse_unfinished(extraction)
    load_steps = _with_progress(extraction, make_steps(extraction), progress)
    if isinstance(into, Database):
        return _over_bolt(extraction, into, load_steps, rows, on_migration)
    return _in_bulk(extraction, into, load_steps, on_migration)


def refuse_unfinished(extraction: Extraction) -> None:
    """Raise ExtractionError for an extraction that lacks a part."""
    manifest = extraction.manifest
    if manifest.missing or not extraction.has("units.parquet"):
        missing, targets = len(manifest.missing), len(manifest.settings.targets)
        raise ExtractionError(
            f"{extraction.path} is not finished: {missing} of {targets} target layers of {manifest.model} are missing. "
            "Repeat the same `circuits extract`: it resumes where it stopped."
        )


def _loaded_card(extraction: Extraction, database: Database, on_migration: Callable[[int], object]) -> ModelCard | None:
    """Migrate the database; return the model's card if all of this content is there already, else None."""
    on_migration(migrate(database))
    store, model = Store(database), extraction.manifest.model
    refuse_other_weights(extraction.manifest, database)
    card = next((card for card in store.models() if (card.id, card.content) == (model, content(extraction))), None)
    try:
        if card:
            store.verify(model)
    except DatabaseDamaged:
        return None
    if card and card.folder != (folder := folder_of(extraction)):
        database.write(REMEMBER_FOLDER, model=model, folder=folder)
        return replace(card, folder=folder)
    return card


def _in_bulk(
    extraction: Extraction, folder: Path, load_steps: Iterable[Step], on_migration: Callable[[int], object]
) -> ModelCard:
    """Load into an embedded database with its server down.

    The schema is created last, because building the indexes once is faster than updating them for every row.
    """
    claim, removal = _claim(extraction), list[Step]()
    if not is_empty(folder):
        with connect(folder) as database:
            if card := _loaded_card(extraction, database, on_migration):
                return card
            removal += [*losses(database, extraction.manifest.model), *data_removal(database, _owner(claim))]
    try:
        bulk_load(folder, chain(_checked(claim), removal, load_steps, statements(), _completion(claim)))
    except LoadFailed:
        if not is_empty(folder):
            with connect(folder) as database:
                refuse_other_weights(extraction.manifest, database)
        raise
    with connect(folder) as database:
        return Store(database).model(extraction.manifest.model).card


def _checked(claim: Statement) -> Iterator[Step]:
    """Yield the steps that claim the model, and end the load if somebody else loaded other weights meanwhile."""
    yield claim
    yield Verification(CLAIMED, _owner(claim))


def _completion(claim: Statement) -> Iterator[Step]:
    """Yield the last steps of a load: count what arrived, and only then release the model for use."""
    for text in (TALLY, VERIFY):
        yield Verification(text, {"model": claim.parameters["model"]})
    yield Statement(COMPLETE, _owner(claim))
    yield Statement(REMOVE_UNUSED_LABELS)


def _over_bolt(
    extraction: Extraction,
    database: Database,
    load_steps: Iterable[Step],
    rows: int,
    on_migration: Callable[[int], object],
) -> ModelCard:
    if card := _loaded_card(extraction, database, on_migration):
        return card
    claim = _claim(extraction)
    rows_before = database.write(claim.text, **claim.parameters)
    if not rows_before:
        refuse_other_weights(extraction.manifest, database)
        raise claimed_elsewhere(extraction.manifest.model)
    done = rows_before[0]["loaded"]
    if not done:
        for statement in data_removal(database, _owner(claim)):
            database.write(statement.text, **statement.parameters)
    loading = _Loading(database, claim, done, rows)
    for step in load_steps:
        loading.write(step)
    return _complete(database, claim)


def _claim(extraction: Extraction) -> Statement:
    """Make the statement that claims the model for this load."""
    manifest = extraction.manifest
    words = {"model": manifest.model, "weights": manifest.weights_sha256, "content": content(extraction)}
    return Statement(CLAIM, words | {"loader": secrets.token_hex(8)})


def _owner(claim: Statement) -> dict[str, Any]:
    return {name: claim.parameters[name] for name in ("model", "loader")}


def _with_progress(extraction: Extraction, load_steps: Iterable[Step], progress: bool) -> Iterator[Step]:
    """Yield the steps, and show a progress bar that counts their edges."""
    total = pc.sum(extraction.table("sweeps")["kept"]).as_py()
    with tqdm(
        total=total, desc=printable(extraction.manifest.model), unit=" edges", unit_scale=True, disable=not progress
    ) as bar:
        for step in load_steps:
            yield step
            bar.update(step.table.num_rows if isinstance(step, Relationships) and step.type == "CONTRIBUTES" else 0)


class _Loading:
    """A load over Bolt that has claimed the model.

    It writes rows and counts them, together with the rows of an earlier attempt.
    """

    def __init__(self, database: Database, claim: Statement, done: int, rows: int) -> None:
        self._database, self._owner, self._rows = database, _owner(claim), rows
        self._done, self._passed = done, 0  # rows in the database, and rows of the steps so far

    def write(self, step: Step) -> None:
        """Write a step, without the rows that an earlier attempt wrote."""
        match step:
            case Statement():
                self._database.write(step.text, **step.parameters)
            case Nodes():
                for table in self._new(step.table):
                    self._write(NODES[step.label], table, rows=table.to_pylist())
            case Relationships():
                for table in self._new(step.table.sort_by("target")):
                    self._write(RELATIONSHIPS[step.source[0], step.type], table, groups=_grouped_by_target(table))

    def _new(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows that an earlier attempt did not write, one table for each transaction."""
        start, self._passed = self._passed, self._passed + table.num_rows
        for row in range(max(0, self._done - start), table.num_rows, self._rows):
            yield table.slice(row, self._rows)

    def _write(self, text: str, table: pa.Table, **rows: Any) -> None:
        after = self._done + table.num_rows
        written = self._database.write(text, **self._owner, loaded=after, **rows)[0]["done"]
        if written != table.num_rows:
            raise _load_error(self._database, self._owner, f"{written} of {table.num_rows} rows found their ends")
        self._done = after


def _grouped_by_target(table: pa.Table) -> list[list[Any]]:
    """Group a table's rows by target: its key, and a list of its rows.

    Each row holds a source's key and then the properties in the table's order.
    """
    others = [table[name].to_pylist() for name in table.column_names if name != "target"]
    rows: Iterable[tuple[Any, ...]] = zip(table["target"].to_pylist(), *others, strict=True)
    return [[key, [list(row[1:]) for row in group]] for key, group in groupby(rows, key=lambda row: row[0])]


def _complete(database: Database, claim: Statement) -> ModelCard:
    """Count what arrived, and only then release the model for use; return the model's card."""
    store, owner = Store(database), _owner(claim)
    try:
        store.verify(owner["model"])
    except DatabaseDamaged as error:
        raise _load_error(database, owner, str(error)) from error
    if not database.write(COMPLETE, **owner):
        raise _load_error(database, owner, "")
    database.write(REMOVE_UNUSED_LABELS)
    return store.model(owner["model"]).card


def _load_error(database: Database, owner: dict[str, Any], reason: str) -> GraphError:
    """Return the error to raise: another load took over, or the tables do not fit and the next load starts anew."""
    model = owner["model"]
    if not database.write(RESET, **owner):
        return claimed_elsewhere(model)
    return LoadFailed(
        f"{model} was not loaded completely, and cannot be opened until it is loaded again. The extraction's tables "
        f"may not fit together: copy the folder again or extract again. ({reason})"
    )
