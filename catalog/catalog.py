"""A catalog: a graph database of models, opened here, and asked and filled through this one object."""

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
    """The catalog at bolt://, neo4j:// and the like, or the embedded one in a folder; connects at its first question.

    What is not given is read from CIRCUITS_* variables and from a file .env here; else the embedded catalog of this
    folder. Raises InvalidSettings.
    """
    where = settings(database=place and str(place), user=user, password=password, database_name=database_name)
    return Catalog(where)


def open_network(name: str = "demo", pretrained: str | Path | None = None, seed: int = 0) -> "LiveNetwork":
    """A network, which needs no catalog: `demo`, an open_clip name such as RN50, or an open_clip configuration file.

    `pretrained` is a tag such as openai, or a weights file; without it the weights are random, by `seed`. Raises
    TorchMissing, WeightsError.
    """
    with torch_needed():
        from catalog.live_network import LiveNetwork  # reaches torch, and all else here does without
    return LiveNetwork.open(name, pretrained, seed)


def open_extraction(path: Path | str) -> ExtractionView:
    """An extraction folder, which needs no torch. Raises ExtractionError for a folder that holds none."""
    from extract.folder.extraction import Extraction  # pyarrow takes half a second, which questions do without

    return ExtractionView(Extraction.open(at_home(path)))


def read_circuit(path: Path | str, form: export.Format | None = None) -> CircuitView:
    """The circuit in a file that `CircuitView.export` wrote. Raises ExportError for a file that holds none."""
    return CircuitView(export.read(at_home(path), form))


class Catalog:
    """A graph database of models; a context manager. `open_catalog` makes one.

    It connects at its first question, and after an embedded server was stopped for a load at the next one.
    """

    def __init__(self, where: Settings) -> None:
        self._settings = where

    def __enter__(self) -> Self:
        """The catalog itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection; an embedded server goes on for others, and stops when nobody is left."""
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
        """What the server is and can."""
        return self._database.capabilities

    def start(self) -> None:
        """Start the embedded server if there is one and it does not run; connecting does so by itself."""
        start(self._settings.place)

    # ---- models

    @property
    def models(self) -> Table[ModelCard]:
        """Every model that is wholly loaded, by name. Raises SchemaMismatch for a database of another version."""
        return Table(f"Models in {self.url}", self._store.models())

    @property
    def unfinished(self) -> dict[str, str]:
        """Models of which a load or a removal broke off, or is at work, by name: which, and how it goes on."""
        return self._store.unfinished()

    def model(self, name: str | None = None) -> Model:
        """A model by its id, or the only one there.

        Raises ModelMissing where there is none or several, DatabaseDamaged for one that lost data.
        """
        return Model(self._store, self._store.model(name), self._extractions)

    def verify(self, name: str, whole: bool = True) -> bool:
        """Read all of a model, also one that `model` refuses, and compare it with what was loaded.

        Not `whole`, it counts without following an edge, which takes seconds for many millions. False where numbers
        were not compared: a count reads none, and a load by an earlier version recorded nothing to compare with.
        Raises DatabaseDamaged where it lost data, and refuses the model from then on until it is loaded again.
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
        """Ask in Cypher; the server refuses whatever writes. A record is a mapping of the answer's columns.

        Parameters are named, or stand in a mapping: `catalog.query("MATCH (u:Unit {layer: $layer}) RETURN u.id",
        layer="4/2/6")`. At most `limit` rows in `timeout` seconds. Raises WriteRefused, QueryTimeout, QueryError.
        """
        return self.queries.ask(text, {**(parameters or {}), **named}, timeout, limit)

    @cached_property
    def queries(self) -> Queries:
        """The queries that have a name, ours and those that people saved."""
        return Queries(self._store)

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Ask no question twice inside this block, in this thread: what was answered first holds until a write."""
        with self._database.reading_once():
            yield

    # ---- filling it

    def load(
        self,
        extraction: ExtractionView | Path | str,
        progress: bool = True,
        on_migration: Callable[[int], object] = lambda before: None,
    ) -> Model:
        """Load an extraction folder; a model of the same name is replaced and its labels stay; the model.

        An interrupted load goes on where it stopped. A database of an older version is brought up first:
        `on_migration` is called with the version that it had. Raises ExtractionError for a folder that is not finished,
        LoadFailed, DatabaseBusy.
        """
        from graph.loading.load import load  # pyarrow takes half a second, which questions do without

        folder = extraction if isinstance(extraction, ExtractionView) else open_extraction(extraction)
        place = self._settings.place
        into = place if isinstance(place, Path) else self._database
        card = load(folder.folder, into, progress, on_migration=on_migration)
        return Model(self._store, ModelStore(self._database, card), self._extractions)  # loading has verified it

    def plan_removal(self, name: str, with_labels: bool = False) -> Removal:
        """What `remove` would take away: its `sentence` says so. Raises ModelMissing as `remove`."""
        return removal.plan_removal(self._database, name, with_labels)

    def remove(self, name: str, with_labels: bool = False, progress: bool = True) -> Removal:
        """Remove a model, whole or not at all; what went. A removal that broke off goes on.

        Labels, flags and saved circuits stay for the next load of a model of this name; `with_labels` removes them too,
        for good. Raises ModelMissing where there is no such model, or nothing but labels that stay; DatabaseBusy.
        """
        place = self._settings.place
        return removal.remove(place if isinstance(place, Path) else self._database, name, with_labels, progress)

    def migrate(self) -> int:
        """Bring a database of an older version up to this one; the version it had. Units, edges and labels stay."""
        return migration.migrate(self._database)

    def outdated_queries(self) -> list[str]:
        """Names of saved queries that mention a property which `migrate` has replaced; they find nothing by it."""
        return migration.outdated_queries(self._database)

    @staticmethod
    def export_csv(extraction: ExtractionView | Path | str, folder: Path | str) -> str:
        """Write files for neo4j-admin into a folder, for many millions of edges; the command that imports them."""
        from graph.loading.neo4j_import import write_csv  # pyarrow takes half a second, which questions do without

        view = extraction if isinstance(extraction, ExtractionView) else open_extraction(extraction)
        return write_csv(view.folder, at_home(folder))

    def __repr__(self) -> str:
        """Where it is."""
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
