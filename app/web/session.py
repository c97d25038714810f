"""What every page shares: the open catalog, the model and the unit in the page's URL, the side bar, and the veil.

The veil hides what is sensitive, such as explicit words and flagged units, until the user reveals it.
"""

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
The catalog is empty. Each of these commands fills it:

```
circuits demo                                # the bundled CLIP: extract, probe and load it, no download
circuits extract RN50 --pretrained openai    # a real network, then `circuits load` with the folder it wrote
```
"""


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a message in place of the rest of the page if the user can mend the error."""
    try:
        yield
    except CircuitsError as error:
        st.error(plain(str(error)), icon=":material/error:")


def run_action(place: str, action: Callable[[], object]) -> None:
    """Run the action of a click before the page runs; on an error keep it for `place` to show.

    Pass `run_action` to a button as `on_click`: then one run of the page both acts on the click and shows what changed.
    The second click of a double click begins before the first action has ended. It waits, and sees what the first
    wrote.
    """
    with st.session_state["acting"]:
        st.session_state.pop("refused", None)
        try:
            action()
        except CircuitsError as error:
            st.session_state["refused"] = place, error


def show_action_error(place: str | None = None) -> None:
    """Show the error of the last click if it belongs to `place` (None: if no place on the page has shown it)."""
    where, error = st.session_state.get("refused", (None, None))
    if where is not None and place in (where, None):
        del st.session_state["refused"]
        with show_errors():
            raise error


def catalog() -> Catalog:
    """Return the catalog that the settings name; all sessions share it."""
    here = settings()
    return _open(here.place, here.extractions)


@st.cache_resource(show_spinner="Opening the catalog", on_release=lambda catalog: catalog.close())
def _open(place: str | Path, extractions: Path) -> Catalog:
    """Open the catalog at `place`; Streamlit keeps one for each `place` and folder of `extractions`."""
    return open_catalog(place)


def bar() -> None:
    """Draw the side bar: the model, a way to any unit, the author, what is hidden. An empty catalog ends the page.

    Raises ModelMissing for a link to a model that the catalog lacks, since another model's units are different ones.
    """
    names = [card.id for card in catalog().models]
    if not names:
        st.title("CLIP circuits")
        st.markdown(_EMPTY)
        st.stop()
    st.session_state.setdefault("acting", Lock())
    in_address = st.query_params.get("model")
    is_absent = in_address not in (None, *names, st.session_state.get("model"))
    if st.session_state.get("model") not in names:  # no model yet, or one that was removed
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
            help="Type layer/block/index/channel, a module such as layer4.2.act3:34, or a Microscope op.",
        )
        st.text_input("Author", _login(), key="author", persist_state="session", max_chars=LONGEST_NAME)
        st.toggle("Reveal sensitive", key="reveal", help="Show labels and pictures that are marked as sensitive.")
    if is_absent:
        st.button(plain(f"Open {st.session_state['model']}"), key="open model", on_click=_leave)
        catalog().model(in_address)  # raises, and says which there are
    if in_address != st.session_state["model"]:  # else the URL would lose what was changed in it while this ran
        st.query_params["model"] = st.session_state["model"]
    st.session_state["opened"] = catalog().model(st.session_state["model"])
    if unit := st.session_state.pop("wanted", None):
        open_unit(unit)


def model() -> Model:
    """Return the model of this run, which `bar` opened."""
    current: Model = st.session_state["opened"]
    return current


def veil() -> Veil:
    """Return the veil, which hides what is sensitive unless the user reveals it. A run asks for it once."""
    return model().veil(st.session_state["reveal"])


def unit() -> UnitView:
    """Return the unit in the page's URL, or else the first unit of the last layer. Raises UnknownUnit."""
    return model().unit(st.query_params.get("unit") or f"{model().architecture.final}/0")


def open_unit(name: Unit | str) -> None:
    """Go to a unit's page. Raises UnknownUnit."""
    unit = str(model().unit(name).id)
    st.switch_page("views/unit.py", query_params={"unit": unit, "model": st.session_state["model"]})


def request_unit(name: str) -> None:
    """Make the next run of the app open a unit's page; for the action of a click."""
    st.session_state["wanted"] = name


def show(markup: str, key: str) -> None:
    """Show safe markup; a click on a link to a unit opens the unit's page."""
    unit_links.show(markup, key, request_unit)


def author() -> str:
    """Return the author in the side bar, under whose name labels and circuits are saved."""
    author: str = st.session_state["author"]
    return author


def gallery(hiding: Veil | None = None) -> Gallery:
    """Return a gallery, which draws units and probes behind the veil `hiding` (None: behind `veil()`)."""
    return Gallery(hiding or veil(), partial(unit_links.address, model().id))


def _login() -> str:
    """Return the login name as a proposal for the author, or an empty text if there is none."""
    try:
        return login_name()
    except CircuitsError:
        return ""


def _leave() -> None:
    """Remove the unit from the page's URL, because it is a unit of the model selected before."""
    st.query_params.from_dict({"model": st.session_state["model"]})


def _go() -> None:
    request_unit(st.session_state["goto"].strip())
    st.session_state["goto"] = ""
