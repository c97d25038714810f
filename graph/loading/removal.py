"""Remove a model from the database; people's entries about it stay for its next load, unless they are removed too.

The embedded database is changed with its server down, all or nothing. On any other server, the first transaction hides
the model, so that it counts as gone, and removes people's entries if these go too. What was loaded is then removed a
few nodes at a time; if that is interrupted, the next removal or load of the model finishes it.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.printable import printable
from graph.connection.database import Database
from graph.cypher.loading import LOST, NODE_COUNTS, REMOVE, REMOVE_UNUSED_LABELS
from graph.cypher.removal import CONTENTS, HIDE, HIDE_WITH_LABELS, REMOVE_MODEL
from graph.embedded.server import bulk_load
from graph.errors import DatabaseBusy, ModelMissing
from graph.opening import connect
from graph.steps import Statement
from graph.store import Store

_NODES = 100  # nodes removed in a transaction, each with up to thousands of edges


@dataclass(frozen=True)
class Removal:
    """What removing a model takes away, and how many entries people made about it, which go only `with_labels`.

    `annotations` counts the entries of the label history, `edges` the edges that were loaded. `complete` is False for a
    model that was not loaded to the end; `removing` is True for one whose removal broke off or is still running.
    """

    model: str
    with_labels: bool
    present: bool
    complete: bool
    removing: bool
    units: int
    edges: int
    images: int
    words: int
    annotations: int
    flags: int
    circuits: int
    earlier_circuits: int

    @property
    def sentence(self) -> str:
        """A sentence that says what goes and what stays."""
        data = _counts({"unit": self.units, "edge": self.edges, "image": self.images, "word": self.words})
        said = _counts(self.said)
        if self.with_labels:
            return (
                f"{data} of {self.model} go, with all that people entered about it: {said}. What people entered "
                f"cannot be restored.{self._state}"
            )
        return f"{data} of {self.model} go. {said} stay, and return when it is loaded again.{self._state}"

    @property
    def said(self) -> dict[str, int]:
        """How many entries people made about the model, keyed by what such an entry is called."""
        circuits = {"saved circuit": self.circuits, "replaced or removed circuit": self.earlier_circuits}
        return {"annotation": self.annotations, "flag": self.flags, **circuits}

    @property
    def _state(self) -> str:
        if self.removing:
            return " Another removal of it broke off or is still running; this one takes its place."
        unfinished = self.present and not self.complete
        unloaded = " It was not loaded completely. If a load of it is still running, that load ends with an error."
        return unloaded if unfinished else ""


def _counts(counts: Mapping[str, int]) -> str:
    """Join numbers and the nouns that they count, as in `1 unit, 2 edges and 3 words`."""
    *most, last = (f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())
    return f"{', '.join(most)} and {last}"


def plan_removal(database: Database, model: str, with_labels: bool = False) -> Removal:
    """Count what removing a model takes away. Raises ModelMissing if there is nothing to remove."""
    removal = Removal(model, with_labels, **database.read(CONTENTS, model=model)[0])
    said = any(removal.said.values())
    if removal.present or (said and with_labels):
        return removal
    if said:
        raise ModelMissing(
            f"{model} is already removed; its labels, flags and saved circuits stay for its next load. Remove them too "
            "(with_labels=True)."
        )
    Store(database).model(model)  # raises ModelMissing
    return removal


def remove(source: Database | Path, model: str, with_labels: bool = False, progress: bool = True) -> Removal:
    """Remove a model from the embedded database of a folder, or over Bolt from any server. Returns what was removed.

    Raises the ModelMissing of `plan_removal`, and DatabaseBusy if somebody else loads the database or the model.
    """
    if isinstance(source, Database):
        return _over_bolt(source, model, with_labels, progress)
    with connect(source) as database:
        removal = plan_removal(database, model, with_labels)
        statements = [*losses(database, model), *_statements(database, model, with_labels)]
    bulk_load(source, statements)
    with connect(source) as database:
        _refuse_present(database, model)
    return removal


def _over_bolt(database: Database, model: str, with_labels: bool, progress: bool) -> Removal:
    from tqdm import tqdm  # a command that removes nothing starts without it

    removal = plan_removal(database, model, with_labels)
    statements = list(_statements(database, model, with_labels))
    for statement in tqdm(statements, desc=printable(model), unit=" steps", disable=not progress):
        database.write(statement.text, **statement.parameters)
    _refuse_present(database, model)
    return removal


def _statements(database: Database, model: str, with_labels: bool) -> Iterator[Statement]:
    owner = {"model": model, "loader": secrets.token_hex(8)}
    yield Statement(HIDE_WITH_LABELS if with_labels else HIDE, owner)
    yield from data_removal(database, owner)
    yield Statement(REMOVE_UNUSED_LABELS)
    yield Statement(REMOVE_MODEL, owner)


def _refuse_present(database: Database, model: str) -> None:
    """Raise DatabaseBusy if the model is still in the database, because somebody else has claimed it."""
    if database.read(CONTENTS, model=model)[0]["present"]:
        raise claimed_elsewhere(model)


def claimed_elsewhere(model: str) -> DatabaseBusy:
    """Return the error for a load or removal that has lost its claim on the model to somebody else."""
    return DatabaseBusy(
        f"Somebody else began to load or remove {model}, so this stopped. Wait until they have finished."
    )


def data_removal(database: Database, owner: dict[str, Any]) -> Iterator[Statement]:
    """Yield statements that each remove a few nodes of what was loaded; `owner` names the model and who claimed it."""
    for row in database.read(NODE_COUNTS, model=owner["model"]):
        statement = Statement(REMOVE[row["what"]], owner | {"limit": _NODES})
        yield from [statement] * -(-row["found"] // _NODES)


def losses(database: Database, model: str) -> Iterator[Statement]:
    """Yield statements that mark other models as having lost data, if files were cut short.

    They must be marked before anything is written, because writing makes the files longer again.
    """
    store = Store(database)
    for card in store.models() if database.shortened else ():
        if card.id != model and not store.is_whole(card.id):
            yield Statement(LOST, {"model": card.id})
