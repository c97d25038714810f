"""The `Store` of a database: its models, queries over all of them, and the texts that its answers hide."""

from collections.abc import Mapping
from typing import Any

from graph import answers, saved, verification
from graph.connection.database import Database
from graph.cypher.loading import LOST
from graph.cypher.models import MODELS, UNFINISHED
from graph.cypher.named_query import EarlierQuery, NamedQuery
from graph.cypher.verification import FOUND_LOST
from graph.errors import DatabaseDamaged, ModelMissing, SchemaMismatch
from graph.hidden_texts import HiddenTexts, hidden_texts
from graph.model_store import ModelStore
from graph.records import ModelCard, Rows
from graph.schema import VERSION
from graph.stored_numbers import verify_numbers


class Store:
    """A database and the models in it.

    Opening a model checks, once for each start of the server, that the model's data is still there, and refuses the
    model if some is missing. Only a passed check is remembered, so a refused model is checked again the next time. See
    `graph.verification`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._checked: set[tuple[str, str | None]] = set()  # models that passed the check, with the start of the server

    # ---- models

    def models(self) -> list[ModelCard]:
        """Return every fully loaded model, sorted by name. Raises SchemaMismatch."""
        return [answers.model(row) for row in self._models() if row["complete"]]

    def unfinished(self) -> dict[str, str]:
        """Return, keyed by name, the state of each model that is half loaded or half removed, and the way out."""
        return {row["id"]: _HALF[row["removing"]] for row in self.database.read(UNFINISHED)}

    def model(self, name: str | None = None) -> ModelStore:
        """Open the model of a name, or without a name the only model in the database.

        Raises ModelMissing, SchemaMismatch, or DatabaseDamaged if the model lost data or was not loaded to the end.
        """
        rows = {row["id"]: row for row in self._models()}
        if not rows:
            raise ModelMissing("The database holds no model yet. Load one with `circuits demo` or `circuits load`.")
        if name is None and len(rows) > 1:
            raise ModelMissing(f"The database holds several models: {', '.join(rows)}. Name one of them (model=...).")
        row = next(iter(rows.values())) if name is None else rows.get(name)
        if row is None:
            raise ModelMissing(
                f"The database holds no model {name!r}; it holds {', '.join(rows)}. Name one of these, or load "
                f"{name!r}."
            )
        if not row["complete"]:
            raise DatabaseDamaged(
                f"{row['id']} was not loaded completely. Load it again: the load resumes where it stopped, and labels "
                "stay."
            )
        _refuse_lost(row)
        self._check(row["id"])
        return ModelStore(self.database, answers.model(row))

    def _models(self) -> list[dict[str, Any]]:
        rows = self.database.read(MODELS)
        for row in rows:
            if row["version"] != VERSION:
                way = "Upgrade it with `circuits migrate`" if row["version"] < VERSION else "Update clip-circuits"
                raise SchemaMismatch(
                    f"The database has schema {row['version']}, and this version needs schema {VERSION}. {way}; all "
                    "its data stays."
                )
        return rows

    def _refuse_marked(self, model: str) -> None:
        for row in self.database.read(FOUND_LOST, model=model):
            _refuse_lost({"id": model, **row})

    def _check(self, model: str) -> None:
        use = model, self.database.start
        if use not in self._checked:
            verification.check(self.database, model)
            self._checked.add(use)

    def count(self, model: str) -> None:
        """Count a model's nodes and edges without following the edges. Raises DatabaseDamaged if data was lost."""
        self._refuse_marked(model)
        if not verification.count(self.database, model):
            self.model(model)  # raises ModelMissing

    def verify(self, model: str) -> None:
        """Count and sum all data of a model, following its edges in both directions.

        Raises DatabaseDamaged if data was lost.
        """
        self._refuse_marked(model)
        verification.refuse_shortened(self.database, model)
        if not verification.verify(self.database, model):
            self.model(model)  # raises ModelMissing

    def verify_numbers(self, model: str) -> bool:
        """Read every number of a model, and compare the checksums of the numbers with those that the load recorded.

        Returns False if an earlier version loaded the model and recorded no checksums. Raises DatabaseDamaged if
        anything differs; the model is then refused until it is loaded again.
        """
        try:
            return verify_numbers(self.database, model)
        except DatabaseDamaged:
            self.database.write(LOST, model=model)
            raise

    def is_whole(self, model: str) -> bool:
        """Return whether all data of a model is there, even if files of the database were cut short."""
        try:
            return verification.verify(self.database, model)
        except DatabaseDamaged:
            return False

    # ---- queries over all models

    def query(
        self, text: str, parameters: Mapping[str, Any] | None = None, timeout: float = 30.0, limit: int = 1000
    ) -> Rows:
        """Run a user's read-only Cypher; see `Database.query`."""
        return self.database.query(text, parameters, timeout=timeout, limit=limit)

    def saved_queries(self) -> list[NamedQuery]:
        """Return the users' saved queries, sorted by name."""
        return saved.saved_queries(self.database)

    def save_query(self, query: NamedQuery, replace: bool = False, author: str | None = None) -> bool:
        """Save a query. Returns False, and saves nothing, if its name is taken and `replace` is False.

        `author` is the person who saves the query, if that is not the query's own author.
        """
        return saved.save_query(self.database, query, replace, author)

    def remove_query(self, name: str, author: str) -> bool:
        """Remove a saved query, which becomes an earlier version. Returns False if there is no query of this name."""
        return saved.remove_query(self.database, name, author)

    def earlier_queries(self) -> list[EarlierQuery]:
        """Return the saved queries that were replaced or removed, the most recent first."""
        return saved.earlier_queries(self.database)

    # ---- what answers hide

    def hidden_texts(self) -> HiddenTexts:
        """Return the texts to hide in answers, over all models."""
        return hidden_texts(self.database)


_HALF = {
    True: "a removal of it broke off or is still running: remove it again to finish",
    False: "a load of it broke off or is still running: load it again to resume where it stopped; labels stay",
}


def _refuse_lost(row: Mapping[str, Any]) -> None:
    """Raise DatabaseDamaged if an earlier check marked the model of this row as having lost data."""
    if row["lost"]:
        raise DatabaseDamaged(
            f"An earlier check found that the database lost data of {row['id']}. Load it again; labels stay."
        )
