"""What every page shares: the cached store, the model and unit in the address, the bar at the side, the veil."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock

import streamlit as st

from app.web import unit_links as linked
from catalog import top_probes as probes
from catalog.cards import Gallery
from catalog.hiding.veil import Veil
from catalog.labels.labels import Labels
from catalog.text_rules import LONGEST_NAME, login_name
from catalog.top_probes import branch_of as branch_of
from extract.errors import CircuitsError
from extract.units import Unit
from graph.model_store import ModelStore
from graph.opening import connect
from graph.records import ModelCard, TopProbe
from graph.settings import settings
from graph.store import Store

_EMPTY = """
The catalog is empty. Each of these fills it:

```
circuits demo                                # the bundled CLIP: extract, probe and load it, no download
circuits extract RN50 --pretrained openai    # a real network, then `circuits load` with the folder it wrote
```
"""


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what the user can mend as a message in place of the rest of the page."""
    try:
        yield
    except CircuitsError as error:
        # What a message quotes must become no picture or link to elsewhere.
        st.error(str(error).replace("[", "\\[").replace("](", "]\\("), icon=":material/error:")


def act(place: str, what: Callable[[], object]) -> None:
    """What a click does before the page runs: this then shows what came of it, or at that `place` why nothing did.

    Given to a button as `on_click`, so that the page runs once for a click, and not again to show what it changed. The
    second of a double click begins before the first has ended: it waits, and finds what that one wrote.
    """
    with st.session_state["acting"]:
        st.session_state.pop("refused", None)
        try:
            what()
        except CircuitsError as error:
            st.session_state["refused"] = place, error


def refused(place: str | None = None) -> None:
    """Show why nothing came of the last click at this place, if so; None: at any that the page no longer has."""
    where, error = st.session_state.get("refused", (None, None))
    if where is not None and place in (where, None):
        del st.session_state["refused"]
        with errors_shown():
            raise error


def store() -> Store:
    """The store of the database that the settings name; one for all sessions."""
    return _connected(settings().place)


@st.cache_resource(show_spinner="Opening the catalog", on_release=lambda store: store.database.close())
def _connected(place: str | Path) -> Store:
    return Store(connect(place), behind=True)


def bar() -> None:
    """The side bar: which model, a way to any unit, the veil. Shows how to fill an empty catalog."""
    models = [card.id for card in store().models()]
    if not models:
        st.title("CLIP circuits")
        st.markdown(_EMPTY)
        st.stop()
    st.session_state.setdefault("acting", Lock())
    asked = st.query_params.get("model")
    if asked in models and st.session_state.get("model") != asked:
        st.session_state["model"] = asked
    with st.sidebar:
        st.selectbox("Model", models, key="model", on_change=_leave, help="A network in the catalog and its weights.")
        st.text_input(
            "Go to a unit",
            key="goto",
            placeholder="4/2/6/34",
            on_change=_note,
            help="Layer, block, index, channel; or a module such as layer4.2.act3:34, or a Microscope op.",
        )
        st.text_input("Author", _login(), key="author", persist_state="session", max_chars=LONGEST_NAME)
        st.toggle("Reveal sensitive", key="reveal", help="Labels and pictures marked sensitive are hidden until then.")
    if asked != st.session_state["model"]:  # else the address would lose what was changed in it while this ran
        st.query_params["model"] = st.session_state["model"]
    st.session_state["model_store"] = store().model(st.session_state["model"])
    st.session_state["veil"] = Veil.of(model_store(), st.session_state["reveal"])
    if store().counting(model().id):
        with st.sidebar:
            _being_counted()
    if wanted := st.session_state.pop("wanted", None):
        open_unit(wanted)


def model_store() -> ModelStore:
    """The store of the model that was chosen, as `bar` opened it in this run."""
    opened: ModelStore = st.session_state["model_store"]
    return opened


def model() -> ModelCard:
    """The model that was chosen, as `bar` found it in this run."""
    return model_store().card


def veil() -> Veil:
    """What hides the sensitive unless the user revealed it, as `bar` found it in this run."""
    found: Veil = st.session_state["veil"]
    return found


def unit() -> Unit:
    """The unit in the address; the last layer's first one where it names none. Raises UnknownUnit."""
    architecture = model().architecture
    return architecture.unit(st.query_params.get("unit") or f"{architecture.final}/0")


def open_unit(name: str) -> None:
    """Go to a unit's page. Raises UnknownUnit."""
    unit = str(model().architecture.unit(name))
    st.switch_page("views/unit.py", query_params={"unit": unit, "model": st.session_state["model"]})


def want(unit: str) -> None:
    """Go to a unit's page in place of the one that would be shown; for what a click does."""
    st.session_state["wanted"] = unit


def show(markup: str, key: str) -> None:
    """Show safe markup, and follow a link in it to the unit's page."""
    linked.show(markup, key, want)


def labels() -> Labels:
    """The labels of the chosen model."""
    return Labels(model_store())


def author() -> str:
    """Who labels, keeps and saves, as the side bar says."""
    said: str = st.session_state["author"]
    return said


def gallery() -> Gallery:
    """What draws units and probes, behind the veil unless the user revealed it."""
    return Gallery(veil(), partial(linked.address, model().id))


def examples(unit: Unit, limit: int = 8) -> list[TopProbe]:
    """The probes that a unit answers to most: a sum's with those of its branches, a branch's as its sum has them."""
    return probes.top_probes(model_store(), unit, limit)


def thumbnails(units: Iterable[Unit]) -> dict[Unit, TopProbe]:
    """The probe that each unit answers to most, for those where this was measured."""
    return probes.thumbnails(model_store(), units)


@st.fragment(run_every=1.0)
def _being_counted() -> None:
    """Told while it lasts; the page runs once more after it, which refuses a model that lost data."""
    if not store().counting(st.session_state["model"]):
        st.rerun()
    st.caption(":material/hourglass_top: All that was loaded is being counted; the numbers are shown meanwhile.")


def _login() -> str:
    """Whom to propose as the author: the login name where there is one."""
    try:
        return login_name()
    except CircuitsError:
        return ""


def _leave() -> None:
    """Another model was chosen: the unit in the address is not one of its units."""
    st.query_params.from_dict({"model": st.session_state["model"]})


def _note() -> None:
    want(st.session_state["goto"].strip())
    st.session_state["goto"] = ""
