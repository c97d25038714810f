"""Open a database: combine settings, the driver's connection and the embedded server."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from graph.connection.database import Database
from graph.connection.servers import TIMEOUT, Server, open_server
from graph.embedded.server import ServerProcess, ensure
from graph.errors import GraphError
from graph.settings import settings


def connect(
    url: str | Path | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    timeout: float = TIMEOUT,
) -> Database:
    """Open the database at a URL such as bolt:// or neo4j://, or in a folder, starting its embedded server if needed.

    An argument that is None is taken from `graph.settings`. `database` is a name on the server, and `timeout` the
    seconds that connecting, or retrying a transaction, may take. Raises InvalidSettings, ServerUnavailable,
    AccessRefused, DatabaseMissing, DatabaseDamaged or DatabaseBusy.
    """
    resolved = settings(database=url and str(url), user=user, password=password, database_name=database)
    if isinstance(place := resolved.place, Path):
        return Database(str(place), partial(_open_folder, place, timeout))
    login = resolved.user, resolved.password.get_secret_value()
    return Database(place, partial(open_server, place, login, resolved.database_name, timeout=timeout))


def start(place: str | Path) -> None:
    """Start the embedded server of a folder if none runs; do nothing for a URL."""
    if isinstance(place, Path):
        ensure(place)


def _open_folder(folder: Path, timeout: float) -> Server:
    """Connect to the folder's server; start another one if this server ends meanwhile (killed or long idle)."""
    endpoint = ensure(folder)
    process = ServerProcess(folder, endpoint)
    login, reader = (endpoint.user, endpoint.password), (endpoint.reader_user, endpoint.reader_password)
    try:
        server = open_server(endpoint.uri, login, endpoint.database, reader, place=str(folder), timeout=timeout)
        return replace(server, process=process)
    except GraphError:
        if not process.has_ended():
            raise
        return _open_folder(folder, timeout)
