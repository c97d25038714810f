"""A database: its models, queries over all of them, and what answers hide."""

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
    """The models in a database.

    A model is counted when it is first opened after a start of the server, and refused if it lost data; a refusal is
    never remembered. See `graph.verification`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._checked: set[tuple[str, str | None]] = set()  # models, each on one start of the server

    # ---- models

    def models(self) -> list[ModelCard]:
        """Every model that is fully loaded, by name; SchemaMismatch."""
        return [answers.model(row) for row in self._models() if row["complete"]]

    def unfinished(self) -> dict[str, str]:
        """Models that are half loaded or half removed, by name: what became of each, with the way out."""
        return {row["id"]: _HALF[row["removing"]] for row in self.database.read(UNFINISHED)}

    def model(self, name: str | None = None) -> ModelStore:
        """Open a model by its name, or the only one there.

        Raises ModelMissing, DatabaseDamaged for lost data, SchemaMismatch.
        """
        rows = {row["id"]: row for row in self._models()}
        if not rows:
            raise ModelMissing("The database holds no model yet. `circuits demo` or `circuits load` puts one in.")
        if name is None and len(rows) > 1:
            raise ModelMissing(f"The database holds several models: {', '.join(rows)}. Name one of them (model=...).")
        row = next(iter(rows.values())) if name is None else rows.get(name)
        if row is None:
            raise ModelMissing(
                f"The database holds no model {name!r}, but {', '.join(rows)}. Name one of them, or load it."
            )
        if not row["complete"]:
            raise DatabaseDamaged(
                f"{row['id']} was not loaded to the end. Load it again: it goes on where it stopped; labels are kept."
            )
        _refuse_lost(row)
        self._check(row["id"])
        return ModelStore(self.database, answers.model(row))

    def _models(self) -> list[dict[str, Any]]:
        rows = self.database.read(MODELS)
        for row in rows:
            if row["version"] != VERSION:
                way = "`circuits migrate` brings it up" if row["version"] < VERSION else "Update clip-circuits"
                raise SchemaMismatch(
                    f"The database has schema {row['version']}, and ours is {VERSION}. {way}; all in it is kept."
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
        """Count a model without following an edge, which takes seconds; DatabaseDamaged if data was lost."""
        self._refuse_marked(model)
        if not verification.count(self.database, model):
            self.model(model)  # says that it is not there

    def verify(self, model: str) -> None:
        """Count and sum all data of a model, both ways along its edges; DatabaseDamaged if some was lost."""
        self._refuse_marked(model)
        verification.refuse_shortened(self.database, model)
        if not verification.verify(self.database, model):
            self.model(model)  # says that it is not there

    def verify_numbers(self, model: str) -> bool:
        """Read every number of a model; DatabaseDamaged, and the model is refused until it is loaded again.

        False where an earlier version loaded it, which recorded nothing to compare with.
        """
        try:
            return verify_numbers(self.database, model)
        except DatabaseDamaged:
            self.database.write(LOST, model=model)
            raise

    def is_whole(self, model: str) -> bool:
        """Whether all data of a model is there, whatever became of the files."""
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
        """The users' saved queries, by name."""
        return saved.saved_queries(self.database)

    def save_query(self, query: NamedQuery, replace: bool = False, author: str | None = None) -> bool:
        """Save a query; False if its name is taken and not replaced. `author` saves it, if that is not the query's."""
        return saved.save_query(self.database, query, replace, author)

    def remove_query(self, name: str, author: str) -> bool:
        """Remove a saved query, which becomes an earlier version; False if there is none."""
        return saved.remove_query(self.database, name, author)

    def earlier_queries(self) -> list[EarlierQuery]:
        """The saved queries that were replaced or removed, the last first."""
        return saved.earlier_queries(self.database)

    # ---- what answers hide

    def hidden_texts(self) -> HiddenTexts:
        """What to hide in answers, over all models."""
        return hidden_texts(self.database)


_HALF = {
    True: "a removal of it broke off, or is at work: remove it again, and that goes on",
    False: "a load of it broke off, or is at work: load it again, and that goes on where it stopped; labels are kept",
}


def _refuse_lost(row: Mapping[str, Any]) -> None:
    """Raise DatabaseDamaged for a row of a model that an earlier check marked."""
    if row["lost"]:
        raise DatabaseDamaged(
            f"{row['id']} lost data, as an earlier check of this database found. Load it again; labels are kept."
        )
