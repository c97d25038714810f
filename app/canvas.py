"""The circuit canvas: what to trace, what was changed by hand, and which units are pinned, all of it in the address."""

from dataclasses import dataclass

import streamlit as st

from app import linked, session
from catalog import editing, trace
from catalog.circuit import Circuit
from catalog.figure import draw
from catalog.thumbnails import pictured
from extract.units import Unit

TRACES = {
    "neighbourhood": "A unit with its strongest inputs and outputs.",
    "enrichment": "A sum with both its branches and their strongest direct inputs.",
    "pinned": "What lies between the units in the tray.",
}
_PINS, _EXPANDED, _REMOVED, _CHOSEN = "pins", "expanded", "removed", "chosen"


@dataclass(frozen=True)
class Choices:
    """What is to be traced, from where, and how many edges of each sign at every unit."""

    kind: str
    unit: Unit
    strongest: int


def choose() -> Choices:
    """The controls, each in the address."""
    which, start, count = st.columns([3, 1.2, 1.8], gap="medium")
    kind = which.segmented_control(
        "Trace", list(TRACES), default="neighbourhood", required=True, key="trace", bind="query-params",
        help="; ".join(f"{name}: {told}" for name, told in TRACES.items()),
    )  # fmt: skip
    st.session_state["from"] = st.query_params.get("unit", f"{session.model().architecture.final}/0")
    start.text_input("From unit", key="from", on_change=_from)
    strongest = count.slider(
        "Strongest of either sign", 1, 20, 3, key="strongest", bind="query-params", help="At every unit, by magnitude."
    )
    return Choices(kind, session.unit(), strongest)


def traced(choices: Choices) -> Circuit:
    """The circuit of these choices, with what was expanded and removed by hand."""
    store, model, limit = session.store(), session.model().id, choices.strongest
    if choices.kind == "pinned":
        found = trace.among(store, model, pins())
    elif choices.kind == "enrichment":
        found = trace.enrichment_circuit(store, model, choices.unit, limit)
    else:
        found = trace.neighbourhood(store, model, choices.unit, limit)
    return editing.edited(store, found, _listed(_EXPANDED), _listed(_REMOVED), limit)


def show(circuit: Circuit) -> Circuit:
    """The figure under its size; a click on a unit chooses it. Gives the circuit with the pictures that were drawn."""
    told, size = st.columns([5, 1], vertical_alignment="center")
    told.caption(f"{circuit.name}: shown are {len(circuit.units)} units and {len(circuit.edges)} edges.")
    fit = size.toggle("Fit", key="fit", bind="query-params", help="All of a tall figure in the window.")
    lifted, model = session.gallery().veil.lifted, session.model().id
    circuit = pictured(session.store(), circuit, lifted)
    chosen = st.query_params.get(_CHOSEN, "")
    drawing = draw(circuit, lambda unit: linked.address(model, unit), lifted, (chosen,))
    if clicked := linked.show(f'<div class="figure{" fit" * fit}">{drawing}</div>', "canvas"):
        st.query_params[_CHOSEN] = clicked
        st.rerun()
    return circuit


def actions(circuit: Circuit) -> None:
    """What can be done with the chosen unit, and a way back to what was traced."""
    chosen = next((node.id for node in circuit.units if node.id == st.query_params.get(_CHOSEN)), None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        session.show(session.gallery().pill(chosen) if chosen else _HINT, "chosen")
        unit = Unit.parse(chosen) if chosen else None
        for label, icon, act in _ACTIONS:
            st.button(label, icon=icon, key=label, disabled=unit is None, on_click=act, args=(unit,))
        changed = bool(_listed(_EXPANDED) or _listed(_REMOVED))
        st.button("Undo all", icon=":material/undo:", disabled=not changed, on_click=_reset)


def pins() -> list[Unit]:
    """The pinned units: the address's, or those pinned before another page was looked at."""
    kept = f"pins of {session.model().id}"
    if _PINS in st.query_params:
        st.session_state[kept] = st.query_params[_PINS]
    elif st.session_state.get(kept):
        st.query_params[_PINS] = st.session_state[kept]
    return _listed(_PINS)


def unpin(unit: Unit) -> None:
    """Take a unit out of the tray."""
    _list(_PINS, [other for other in pins() if other != unit])


def _from() -> None:
    st.query_params["unit"] = st.session_state["from"].strip()


def _pin(unit: Unit) -> None:
    _list(_PINS, [*pins(), unit])


def _expand(unit: Unit) -> None:
    _list(_EXPANDED, [*_listed(_EXPANDED), unit])


def _remove(unit: Unit) -> None:
    _list(_EXPANDED, [other for other in _listed(_EXPANDED) if other != unit])
    _list(_REMOVED, [*_listed(_REMOVED), unit])


def _reset() -> None:
    _list(_EXPANDED, [])
    _list(_REMOVED, [])


def _start(unit: Unit) -> None:
    _reset()
    st.query_params["unit"] = str(unit)
    if st.session_state["trace"] == "pinned" or unit.layer.role != "sum":
        st.session_state["trace"] = "neighbourhood"


def _open(unit: Unit) -> None:
    st.session_state["wanted"] = str(unit)


def _listed(name: str) -> list[Unit]:
    """The units that the address lists under a name; UnknownUnit."""
    architecture = session.model().architecture
    return [architecture.unit(text) for text in st.query_params.get(name, "").split(",") if text.strip()]


def _list(name: str, units: list[Unit]) -> None:
    st.query_params[name] = ",".join(dict.fromkeys(map(str, units)))


_HINT = '<span class="quiet">Click a unit, or go to it with Tab and press Enter.</span>'
_ACTIONS = (
    ("Expand", ":material/add_circle:", _expand),
    ("Remove", ":material/do_not_disturb_on:", _remove),
    ("Pin", ":material/push_pin:", _pin),
    ("Start here", ":material/flag:", _start),
    ("Open", ":material/open_in_new:", _open),
)
