"""What every page shares: the cached store, the model and unit in the address, the bar at the side, the veil."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from app import linked
from app.pictures import Gallery
from catalog.labels import Labels, login_name
from catalog.veil import Veil
from extract.errors import CircuitsError
from extract.units import Unit
from graph.database import connect
from graph.schema import Example, ModelCard
from graph.settings import settings
from graph.store import CircuitStore

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
        told = str(error).replace("](", r"]\(")  # what somebody typed or sent makes no link and loads no picture
        st.error(told, icon=":material/error:")


def store() -> CircuitStore:
    """The store of the database that the settings name; one for all sessions."""
    return _connected(settings().place)


@st.cache_resource(show_spinner="Opening the catalog", on_release=lambda store: store.database.close())
def _connected(place: str | Path) -> CircuitStore:
    return CircuitStore(connect(place))


def bar() -> None:
    """The side bar: which model, a way to any unit, the veil. Shows how to fill an empty catalog."""
    models = [card.id for card in store().models()]
    if not models:
        st.title("CLIP circuits")
        st.markdown(_EMPTY)
        st.stop()
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
        st.toggle("Reveal sensitive", key="reveal", help="Labels and pictures marked sensitive are hidden until then.")
    st.query_params["model"] = st.session_state["model"]
    if wanted := st.session_state.pop("wanted", None):
        open_unit(str(model().architecture.unit(wanted)))


def model() -> ModelCard:
    """The model that was chosen."""
    return store().model(st.session_state["model"])


def unit() -> Unit:
    """The unit in the address; the last layer's first one where it names none. Raises UnknownUnit."""
    architecture = model().architecture
    return architecture.unit(st.query_params.get("unit") or f"{architecture.final}/0")


def open_unit(name: str) -> None:
    """Go to a unit's page."""
    st.switch_page("views/unit.py", query_params={"unit": name, "model": st.session_state["model"]})


def show(markup: str, key: str) -> None:
    """Show safe markup, and follow a link in it to the unit's page."""
    if opened := linked.show(markup, key):
        open_unit(str(model().architecture.unit(opened)))


def labels() -> Labels:
    """The labels of the chosen model."""
    return Labels(store(), model().id)


def author() -> str:
    """Whom to propose as a label's author: the login name where there is one."""
    try:
        return login_name()
    except CircuitsError:
        return ""


def gallery() -> Gallery:
    """What draws units and probes, behind the veil unless the user lifted it."""
    return Gallery(model().id, Veil.of(store(), model().id, st.session_state["reveal"]))


def examples(unit: Unit, limit: int = 8) -> list[Example]:
    """The probes that a unit answers to most: a sum's with those of its branches, a branch's as its sum has them."""
    part = branch(unit)
    found = store().examples(model().id, Unit(unit.layer.output, unit.channel), limit) if part else []
    return [example for example in found if part in ("sum", example.branch)]


def branch(unit: Unit) -> str | None:
    """Which row of its sum's examples is a unit's own; None inside a branch, where none were taken."""
    return {"sum": "sum", "conv": "conv", "downsample": "shortcut"}.get(unit.layer.role)


def thumbnails(units: Iterable[str]) -> dict[str, Example]:
    """The probe that each unit answers to most, for those where this was measured."""
    shown = {name: Unit.parse(name) for name in units if branch(Unit.parse(name))}
    totals = {name: Unit(unit.layer.output, unit.channel) for name, unit in shown.items()}
    found = store().examples_of(model().id, totals.values(), limit=1)
    own = {name: [e for e in found.get(totals[name], []) if e.branch == branch(unit)] for name, unit in shown.items()}
    return {name: examples[0] for name, examples in own.items() if examples}


def pictures(units: Iterable[str]) -> dict[str, str]:
    """The same as addresses of pictures, behind the veil."""
    veil = gallery().veil
    return {name: veil.over(name).picture(example) for name, example in thumbnails(units).items()}


def _leave() -> None:
    """Another model was chosen: the unit in the address is not one of its units."""
    st.query_params.from_dict({"model": st.session_state["model"]})


def _note() -> None:
    st.session_state["wanted"] = st.session_state["goto"].strip()
    st.session_state["goto"] = ""
