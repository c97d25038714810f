"""Open a catalog (a graph database of models), query it and load models into it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from catalog.circuit_view import CircuitView
from catalog.circuits import export
from catalog.errors import torch_needed
from catalog.extraction_folders import ExtractionFolders
from catalog.extraction_view import ExtractionView
from catalog.model import Model
from catalog.queries import Queries
from catalog.table import Table
from extract.files import at_home
from graph.loading import migration, removal
from graph.loading.removal import Removal
from graph.model_store import ModelStore
from graph.opening import connect, start
from graph.records import ModelCard
from graph.settings import Settings, settings
from graph.store import Store

if TYPE_CHECKING:
    from catalog.live_network import LiveNetwork
    from graph.connection.database import Database
    from graph.connection.servers import Capabilities


def open_catalog(
    place: Path | str | None = None,
    *,
    user: str | None = None,
    password: str | None = None,
    database_name: str | None = None,
) -> "Catalog":
    """Return the catalog at a URL such as bolt:// or neo4j://, or the embedded one in a folder.

    The catalog connects at its first query. An argument that is None is read from CIRCUITS_* variables, then from a
    file .env in the current folder; where no database is named, the catalog is the embedded one of this folder. Raises
    InvalidSettings.
    """
    where = settings(database=place and str(place), user=user, password=password, database_name=database_name)
    return Catalog(where)


def open_network(name: str = "demo", pretrained: str | Path | None = None, seed: int = 0) -> "LiveNetwork":
    """Open a network without a catalog: `demo`, an open_clip name such as RN50, or an open_clip configuration file.

    `pretrained` is a tag such as openai, or a weights file. With None the weights are random, drawn by `seed` (`demo`
    has its own). Raises TorchMissing, WeightsError.
    """
    with torch_needed():
        from catalog.live_network import LiveNetwork  # imports torch, which nothing else here needs
    return LiveNetwork.open(name, pretrained, seed)


def open_extraction(path: Path | str) -> ExtractionView:
    """Open an extraction folder; torch is not needed. Raises ExtractionError for a folder without an extraction."""
    from extract.folder.extraction import Extraction  # imports pyarrow in half a second; queries do not need it

    return ExtractionView(Extraction.open(at_home(path)))


def read_circuit(path: Path | str, form: export.Format | None = None) -> CircuitView:
    """Read the circuit in a file that `CircuitView.export` wrote. Raises ExportError for a file without a circuit."""
    return CircuitView(export.read(at_home(path), form))


class Catalog:
    """A graph database of models, and a context manager that closes it. `open_catalog` makes one.

    The catalog connects at its first query. If an embedded server was stopped for a load, the next query connects
    again.
    """

    def __init__(self, where: Settings) -> None:
        self._settings = where

    def __enter__(self) -> Self:
        """Return the catalog itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; an embedded server keeps running while other clients use it, then stops."""
        if "_database" in self.__dict__:
            self._database.close()
            del self.__dict__["_database"]
            self.__dict__.pop("_store", None)

    # ---- where it is

    @property
    def url(self) -> str:
        """The server's URL, or the folder of the embedded database."""
        return str(self._settings.place)

    @property
    def version(self) -> str:
        """The server's own version."""
        return self._database.version

    @property
    def capabilities(self) -> "Capabilities":
        """The kind of server, and what it supports."""
        return self._database.capabilities

    def start(self) -> None:
        """Start the embedded server, if there is one and it is not running. Connecting does the same."""
        start(self._settings.place)

    # ---- models

    @property
    def models(self) -> Table[ModelCard]:
        """Every fully loaded model, by name. Raises SchemaMismatch for a database of another schema version."""
        return Table(f"Models in {self.url}", self._store.models())

    @property
    def unfinished(self) -> dict[str, str]:
        """The half loaded or half removed models: a text that says which, and how to resume, keyed by name."""
        return self._store.unfinished()

    def model(self, name: str | None = None) -> Model:
        """Open the model with this id (None: the only model in the database).

        Raises ModelMissing if there is no such model, or if None is ambiguous; DatabaseDamaged for a model that lost
        data.
        """
        return Model(self._store, self._store.model(name), self._extractions)

    def verify(self, name: str, whole: bool = True) -> bool:
        """Read a whole model, even one that `model` refuses, and compare it with what was loaded.

        With `whole` False, only count units and edges, without following an edge, which takes seconds even for many
        millions. Returns True if the stored numbers were compared; False if not, because a count reads no numbers and
        an earlier version recorded none to compare with. Raises DatabaseDamaged if data was lost; the model is then
        refused until it is loaded again.
        """
        if not whole:
            self._store.count(name)
            return False
        self._store.verify(name)
        return self._store.verify_numbers(name)

    # ---- questions

    def query(
        self,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float = 30.0,
        limit: int = 1000,
        **named: Any,
    ) -> Table[Mapping[str, Any]]:
        """Run a Cypher query that only reads; the server refuses writes. A record maps the answer's columns to values.

        Parameters are keywords or a mapping: `catalog.query("MATCH (u:Unit {layer: $layer}) RETURN u.id",
        layer="4/2/6")`. Returns at most `limit` rows, within `timeout` seconds. Raises WriteRefused, QueryTimeout,
        QueryError.
        """
        return self.queries.ask(text, {**(parameters or {}), **named}, timeout, limit)

    @cached_property
    def queries(self) -> Queries:
        """The named queries: the built-in ones and those that people saved."""
        return Queries(self._store)

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Cache answers inside this block, in this thread: a repeated query returns its first answer until a write."""
        with self._database.reading_once():
            yield

    # ---- filling it

    def load(
        self,
        extraction: ExtractionView | Path | str,
        progress: bool = True,
        on_migration: Callable[[int], object] = lambda before: None,
    ) -> Model:
        """Load an extraction folder and return its model. A model of the same name is replaced; its labels stay.

        An interrupted load resumes where it stopped. A database of an older schema is migrated first, and
        `on_migration` is called with its old version. Raises ExtractionError for a folder that is not finished,
        LoadFailed, DatabaseBusy.
        """
        from graph.loading.load import load  # imports pyarrow in half a second; queries do not need it

        folder = extraction if isinstance(extraction, ExtractionView) else open_extraction(extraction)
        place = self._settings.place
        into = place if isinstance(place, Path) else self._database
        card = load(folder.folder, into, progress, on_migration=on_migration)
        return Model(self._store, ModelStore(self._database, card), self._extractions)  # loading has verified it

    def plan_removal(self, name: str, with_labels: bool = False) -> Removal:
        """Return what `remove` would take away; its `sentence` says so. Raises ModelMissing if nothing would go."""
        return removal.plan_removal(self._database, name, with_labels)

    def remove(self, name: str, with_labels: bool = False, progress: bool = True) -> Removal:
        """Remove a model, all of it or nothing, and return what was removed. An interrupted removal resumes.

        Labels, flags and saved circuits stay for the next load of a model of this name; `with_labels` removes them too,
        for good. Raises ModelMissing if there is no such model, or if only labels that stay are left; DatabaseBusy.
        """
        place = self._settings.place
        return removal.remove(place if isinstance(place, Path) else self._database, name, with_labels, progress)

    def migrate(self) -> int:
        """Migrate a database of an older schema to the current one; return its old version.

        Units, edges and labels stay; numbers that the current schema no longer has are removed.
        """
        return migration.migrate(self._database)

    def outdated_queries(self) -> list[str]:
        """List the saved queries that use a property which `migrate` has replaced, and so need to be corrected."""
        return migration.outdated_queries(self._database)

    @staticmethod
    def export_csv(extraction: ExtractionView | Path | str, folder: Path | str) -> str:
        """Write files for neo4j-admin (for many millions of edges), and return the command that imports them."""
        from graph.loading.neo4j_import import write_csv  # imports pyarrow in half a second; queries do not need it

        view = extraction if isinstance(extraction, ExtractionView) else open_extraction(extraction)
        return write_csv(view.folder, at_home(folder))

    def __repr__(self) -> str:
        """Return the place of the database, as text."""
        return f"<catalog in {self.url}>"

    @cached_property
    def _database(self) -> "Database":
        where = self._settings
        return connect(where.place, where.user, where.password.get_secret_value(), where.database_name)

    @cached_property
    def _extractions(self) -> ExtractionFolders:
        return ExtractionFolders(self._settings.extractions, self._settings.home)

    @cached_property
    def _store(self) -> Store:
        return Store(self._database)
