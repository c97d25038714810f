"""Serve the app: run Streamlit in this very process, with all that pages need imported before one is asked for.

An embedded database's server starts meanwhile, for the first page would wait for it.
"""

import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from catalog import open_catalog
from extract.errors import CircuitsError

NEEDED = ("app.web.panels.candidates", "app.web.panels.labels")  # by the pages, which Streamlit runs as scripts
MAIN = Path(__file__).with_name("main.py")


def serve(*options: str) -> NoReturn:
    """Serve the app, with options of Streamlit's, until it is told to stop."""
    threading.Thread(target=_start, daemon=True).start()
    for module in NEEDED:
        import_module(module)
    from streamlit.web import cli  # after what starts the database's server meanwhile

    cli.main(["run", str(MAIN), *options])
    raise SystemExit


def _start() -> None:
    with suppress(CircuitsError):  # the first page says what is wrong
        open_catalog().start()
