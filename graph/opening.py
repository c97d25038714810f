"""Open a database: settings, the driver's connection and the embedded server composed."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from graph.connection.database import Database
from graph.connection.servers import PATIENCE, Server, open_server
from graph.embedded import server as local_server
from graph.errors import GraphError
from graph.settings import settings


def connect(
    url: str | Path | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    patience: float = PATIENCE,
) -> Database:
    """Open the database at bolt://, neo4j:// and the like, or the embedded one in a folder, started if need be.

    What is not given is as in `graph.settings`; `database` is a name on the server; connecting, or retrying a
    transaction, may take `patience` seconds. Raises InvalidSettings,
    ServerUnavailable, AccessRefused, DatabaseMissing, DatabaseDamaged or DatabaseBusy.
    """
    chosen = settings(database=url and str(url), user=user, password=password, database_name=database)
    if isinstance(place := chosen.place, Path):
        return Database(str(place), partial(_open_folder, place, patience), partial(local_server.status, place))
    login = chosen.user, chosen.password.get_secret_value()
    return Database(place, partial(open_server, place, login, chosen.database_name, patience=patience))


def start(place: str | Path) -> None:
    """Start the embedded server of a folder if none runs; a URL's server is somebody else's to start."""
    if isinstance(place, Path):
        local_server.ensure(place)


def _open_folder(folder: Path, patience: float) -> Server:
    """The folder's server; another one if that stops just now, having been idle."""
    endpoint = local_server.ensure(folder)
    login, reader = (endpoint.user, endpoint.password), (endpoint.reader_user, endpoint.reader_password)
    try:
        server = open_server(endpoint.uri, login, endpoint.database, reader, str(folder), patience)
        return replace(server, endpoint=endpoint)
    except GraphError:
        if local_server.status(folder) == endpoint:
            raise
        return _open_folder(folder, patience)
