"""What every page shares: the open catalog, the model and unit in the address, the side bar, what is hidden."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock

import streamlit as st

from app.web import unit_links
from app.web.plain_text import plain
from catalog import LONGEST_NAME, Catalog, Gallery, Model, UnitView, Veil, login_name, open_catalog, settings
from extract.errors import CircuitsError
from extract.units import Unit

_EMPTY = """
The catalog is empty. Each of these fills it:

```
circuits demo                                # the bundled CLIP: extract, probe and load it, no download
circuits extract RN50 --pretrained openai    # a real network, then `circuits load` with the folder it wrote
```
"""


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an error that the user can mend as a message in place of the rest of the page."""
    try:
        yield
    except CircuitsError as error:
        st.error(plain(str(error)), icon=":material/error:")


def run_action(place: str, action: Callable[[], object]) -> None:
    """Run the action of a click before the page runs; on an error keep it for `place` to show.

    Pass this to a button as `on_click`, so that the page runs once for a click, and not again to show what it changed.
    The second half of a double click begins before the first has ended: it waits, and finds what that one wrote.
    """
    with st.session_state["acting"]:
        st.session_state.pop("refused", None)
        try:
            action()
        except CircuitsError as error:
            st.session_state["refused"] = place, error


def show_action_error(place: str | None = None) -> None:
    """Show the error of the last click at this place; None shows one whose place the page no longer has."""
    where, error = st.session_state.get("refused", (None, None))
    if where is not None and place in (where, None):
        del st.session_state["refused"]
        with show_errors():
            raise error


def catalog() -> Catalog:
    """The catalog that the settings name; one for all sessions."""
    here = settings()
    return _open(here.place, here.extractions)


@st.cache_resource(show_spinner="Opening the catalog", on_release=lambda catalog: catalog.close())
def _open(place: str | Path, extractions: Path) -> Catalog:
    """Open the catalog of the settings, which these are of; other ones are another catalog."""
    return open_catalog(place)


def bar() -> None:
    """Draw the side bar: the model, a way to any unit, the author, what is hidden. An empty catalog ends the page.

    Raises ModelMissing for a link to a model that is not there: its units are not those of another.
    """
    names = [card.id for card in catalog().models]
    if not names:
        st.title("CLIP circuits")
        st.markdown(_EMPTY)
        st.stop()
    st.session_state.setdefault("acting", Lock())
    in_address = st.query_params.get("model")
    is_absent = in_address not in (None, *names, st.session_state.get("model"))
    if st.session_state.get("model") not in names:  # none yet, or one that was removed
        st.session_state.pop("model", None)
    if in_address in names and st.session_state.get("model") != in_address:
        st.session_state["model"] = in_address
    with st.sidebar:
        st.selectbox("Model", names, key="model", on_change=_leave, help="A network in the catalog and its weights.")
        st.text_input(
            "Go to a unit",
            key="goto",
            placeholder="4/2/6/34",
            on_change=_go,
            help="Layer, block, index, channel; or a module such as layer4.2.act3:34, or a Microscope op.",
        )
        st.text_input("Author", _login(), key="author", persist_state="session", max_chars=LONGEST_NAME)
        st.toggle("Reveal sensitive", key="reveal", help="Labels and pictures marked sensitive are hidden until then.")
    if is_absent:
        st.button(plain(f"Open {st.session_state['model']}"), key="open model", on_click=_leave)
        catalog().model(in_address)  # raises, and says which there are
    if in_address != st.session_state["model"]:  # else the address would lose what was changed in it while this ran
        st.query_params["model"] = st.session_state["model"]
    st.session_state["opened"] = catalog().model(st.session_state["model"])
    if unit := st.session_state.pop("wanted", None):
        open_unit(unit)


def model() -> Model:
    """The model of this run, as `bar` opened it."""
    current: Model = st.session_state["opened"]
    return current


def veil() -> Veil:
    """What hides the sensitive; hides nothing where the user reveals it. A run asks for it once."""
    return model().veil(st.session_state["reveal"])


def unit() -> UnitView:
    """The unit in the address, or the last layer's first one. Raises UnknownUnit."""
    return model().unit(st.query_params.get("unit") or f"{model().architecture.final}/0")


def open_unit(name: Unit | str) -> None:
    """Go to a unit's page. Raises UnknownUnit."""
    unit = str(model().unit(name).id)
    st.switch_page("views/unit.py", query_params={"unit": unit, "model": st.session_state["model"]})


def request_unit(name: str) -> None:
    """Go to a unit's page in place of the one that would be shown next; for the action of a click."""
    st.session_state["wanted"] = name


def show(markup: str, key: str) -> None:
    """Show safe markup, and follow a link in it to the unit's page."""
    unit_links.show(markup, key, request_unit)


def author() -> str:
    """Who labels and saves, as the side bar says."""
    author: str = st.session_state["author"]
    return author


def gallery(hiding: Veil | None = None) -> Gallery:
    """Draw units and probes, with what is sensitive hidden unless the user reveals it."""
    return Gallery(hiding or veil(), partial(unit_links.address, model().id))


def _login() -> str:
    """Propose the login name as the author, where there is one."""
    try:
        return login_name()
    except CircuitsError:
        return ""


def _leave() -> None:
    """Forget the unit in the address, which is none of the newly chosen model."""
    st.query_params.from_dict({"model": st.session_state["model"]})


def _go() -> None:
    request_unit(st.session_state["goto"].strip())
    st.session_state["goto"] = ""
