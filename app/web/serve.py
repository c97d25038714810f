"""Serve the app: run Streamlit in this process, after importing what its pages need.

The server of an embedded database starts meanwhile, because the first page would have to wait for it.
"""

import gc
import threading
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from app.web.host_guard import HostGuard
from catalog import open_catalog
from extract.errors import CircuitsError

NEEDED = ("app.web.panels.candidates", "app.web.panels.labels")  # by the pages, which run as scripts and so import late
MAIN = Path(__file__).with_name("main.py")
CONFIG = MAIN.with_name(".streamlit") / "config.toml"


class AddressUnavailable(CircuitsError):
    """The app cannot listen at this address."""


def serve(address: str, port: int, allowed: Sequence[str], launch: Callable[[str], object] | None) -> None:
    """Serve the app until it is told to stop, and only to callers who use its address or an allowed name.

    `launch` opens a browser at the URL that it is called with (None: no browser is opened). Raises AddressUnavailable.
    """
    threading.Thread(target=_start, daemon=True).start()
    for module in NEEDED:
        import_module(module)
    import streamlit  # after what starts the database's server meanwhile
    from starlette.middleware import Middleware  # it comes with Streamlit

    guard = Middleware(HostGuard, address=address, allowed=allowed)
    app = streamlit.App(MAIN, middleware=[guard], lifespan=launch and partial(_launched, launch, address, port))
    gc.freeze()  # what is imported stays, and Streamlit collects garbage after each run
    try:
        app.run(config=configuration(address, port))
    except OSError as error:
        reason = error.strerror or error
        raise AddressUnavailable(
            f"The app cannot listen at {address}, port {port} ({reason}). "
            "Choose an address of this machine and a free port."
        ) from error


def configuration(address: str, port: int) -> dict[str, object]:
    """Return Streamlit's options: those of its configuration file, and where to listen.

    Streamlit runs headless, because the browser is opened here. Otherwise it would also offer visitors to write files
    for coding agents.
    """
    listening = {"server.port": port, "server.address": address, "server.headless": True}
    return dict(_dotted(tomllib.loads(CONFIG.read_text()))) | listening


def _dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting with its dotted name.

    `configuration` passes the settings on, because Streamlit would look for the file beside the command that runs.
    """
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


@asynccontextmanager
async def _launched(
    launch: Callable[[str], object], address: str, port: int, app: object
) -> AsyncIterator[dict[str, object]]:
    """Open a browser once the app's port is bound."""
    host = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address  # noqa: S104
    launch(f"http://{host}:{port}")
    yield {}


def _start() -> None:
    with suppress(CircuitsError):  # the first page says what is wrong
        open_catalog().start()
