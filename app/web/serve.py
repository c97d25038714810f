"""Serve the app: run Streamlit in this very process, with all that pages need imported before one is asked for.

An embedded database's server starts meanwhile, for the first page would wait for it.
"""

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path

import typer

from app.web.host_guard import HostGuard
from catalog import open_catalog
from extract.errors import CircuitsError

NEEDED = ("app.web.panels.candidates", "app.web.panels.labels")  # by the pages, which Streamlit runs as scripts
MAIN = Path(__file__).with_name("main.py")


class AddressUnavailable(CircuitsError):
    """An address at which the app cannot listen."""


def serve(address: str, port: int, allowed: Sequence[str] = (), headless: bool = False) -> None:
    """Serve the app until it is told to stop, to those alone who call it by its address or an allowed name.

    A browser is opened on it unless `headless`. Raises AddressUnavailable.
    """
    threading.Thread(target=_start, daemon=True).start()
    for module in NEEDED:
        import_module(module)
    import streamlit  # after what starts the database's server meanwhile
    from starlette.middleware import Middleware

    guard = Middleware(HostGuard, address=address, allowed=allowed)
    listening = {"server.port": port, "server.address": address, "server.headless": headless}
    app = streamlit.App(MAIN, middleware=[guard], lifespan=None if headless else _browser(address, port))
    try:
        app.run(config=listening | {"browser.gatherUsageStats": False})
    except OSError as error:
        reason = error.strerror or error
        raise AddressUnavailable(
            f"The app cannot listen at {address}, port {port} ({reason}). "
            "Choose an address of this machine and a free port."
        ) from error


def _browser(address: str, port: int) -> Callable[[object], AbstractAsyncContextManager[dict[str, object]]]:
    """Open a browser as soon as the app listens."""
    host = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address  # noqa: S104

    @asynccontextmanager
    async def opened(app: object) -> AsyncIterator[dict[str, object]]:
        typer.launch(f"http://{host}:{port}")
        yield {}

    return opened


def _start() -> None:
    with suppress(CircuitsError):  # the first page says what is wrong
        open_catalog().start()
