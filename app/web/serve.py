"""What `circuits app` becomes: Streamlit in this very process, so that what pages need is imported before one is asked.

An embedded database's server starts meanwhile, for the first page would wait for it.
"""

import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from extract.errors import CircuitsError
from graph.embedded.server import ensure
from graph.settings import settings

NEEDED = ("app.web.panels.candidates", "app.web.panels.labels")  # by the pages, which Streamlit runs as scripts
MAIN = Path(__file__).with_name("main.py")


def serve(*options: str) -> NoReturn:
    """Serve the app, with options of Streamlit's, until it is told to stop."""
    threading.Thread(target=_open, daemon=True).start()
    for module in NEEDED:
        import_module(module)
    from streamlit.web import cli

    cli.main(["run", str(MAIN), *options])
    raise SystemExit


def _open() -> None:
    with suppress(CircuitsError):  # the first page says what is wrong
        if isinstance(place := settings().place, Path):
            ensure(place)
