"""The app run without a browser: a page opened, and what is on it."""

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.web import unit_links
from catalog.labels.labels import Labels
from graph.connection.database import Database
from graph.model_store import ModelStore
from graph.opening import connect
from graph.records import ModelCard
from graph.settings import settings
from graph.store import Store
from tests.builders.planted_catalog import MODEL as MODEL

MAIN = Path(unit_links.__file__).with_name("main.py")
_CONNECTIONS: dict[str | Path, Database] = {}
PATIENCE = 180  # seconds for a page, on a machine that does other things too


def visited(app: AppTest, page: str, **address: str) -> AppTest:
    """A page after one run without a traceback, perhaps with a message; a new session begins there."""
    app.switch_page(f"views/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def opened(app: AppTest, page: str, **address: str) -> AppTest:
    """A page after a run in which nothing went wrong."""
    visited(app, page, **address)
    assert not app.error
    return app


def anew(app: AppTest, page: str, **address: str) -> AppTest:
    """A page as its address alone says, whatever was chosen on it before."""
    opened(app, "words" if page == "home" else "home")
    app.query_params.clear()
    return opened(app, page, **address)


def markup(app: AppTest) -> str:
    """All the HTML and SVG on a page."""
    return "\n".join(json.loads(part.proto.json) for part in app.get("bidi_component"))


def database() -> Database:
    """The database that the pages ask, through a connection of the test's own."""
    place = settings().place
    if place not in _CONNECTIONS:
        _CONNECTIONS[place] = connect(place)
    return _CONNECTIONS[place]


def model_store(model: str = MODEL) -> ModelStore:
    """A model below the pages."""
    return Store(database()).model(model)


def labels_of(app: AppTest) -> Labels:
    return Labels(model_store(app.session_state["model"]))


def card_of(app: AppTest) -> ModelCard:
    return model_store(app.session_state["model"]).card
