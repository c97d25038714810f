"""The circuit canvas: the figure, what was changed in it by hand, and which units are pinned, all in the address."""

import streamlit as st

from app.web import session
from app.web import unit_links as linked
from catalog.cards import notes
from catalog.circuits import editing
from catalog.circuits.circuit import Circuit
from catalog.circuits.figure import draw
from catalog.circuits.pictures import pictured
from extract.units import Unit

_PINS, _EXPANDED, _REMOVED, _CHOSEN = "pins", "expanded", "removed", "chosen"


def edited(circuit: Circuit, limit: int) -> Circuit:
    """The circuit with what was expanded, `limit` edges of either sign each, and without what was removed by hand."""
    return editing.edited(session.model_store(), circuit, _listed(_EXPANDED), _listed(_REMOVED), limit)


def show(circuit: Circuit) -> Circuit:
    """The figure under its size; a click on a unit chooses it. Gives the circuit with the pictures that were drawn."""
    told, size = st.columns([5, 1], vertical_alignment="center")
    veil = session.veil()
    with told:
        session.show(notes([veil.label(circuit.name) + circuit.sentence.removeprefix(circuit.name)]), "told")
    fit = size.toggle("Fit", key="fit", bind="query-params", help="All of a tall figure in the window.")
    model = session.model().id
    circuit = pictured(session.model_store(), circuit, veil.revealed)
    bold = [node.id for node in circuit.units if str(node.id) == st.query_params.get(_CHOSEN)]
    drawing = draw(circuit, lambda unit: linked.address(model, unit), veil.revealed, bold)
    linked.show(f'<div class="figure{" fit" * fit}">{drawing}</div>', "canvas", _choose)
    return circuit


def actions(circuit: Circuit) -> None:
    """What can be done with the chosen unit, and a way back to what was traced."""
    chosen = st.query_params.get(_CHOSEN)
    unit = next((node.id for node in circuit.units if str(node.id) == chosen), None)
    which, what = st.columns([1, 4], vertical_alignment="center")
    with which:
        session.show(session.gallery().pill(unit) if unit else _HINT, "chosen")
    with what.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for label, icon, act in _ACTIONS:
            st.button(label, icon=icon, key=label, disabled=unit is None, on_click=act, args=(unit,))
        changed = bool(_listed(_EXPANDED) or _listed(_REMOVED))
        st.button("Undo all", icon=":material/undo:", disabled=not changed, on_click=reset)


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


def _choose(unit: str) -> None:
    st.query_params[_CHOSEN] = unit


def _pin(unit: Unit) -> None:
    _list(_PINS, [*pins(), unit])


def _expand(unit: Unit) -> None:
    _list(_EXPANDED, [*_listed(_EXPANDED), unit])


def _remove(unit: Unit) -> None:
    _list(_EXPANDED, [other for other in _listed(_EXPANDED) if other != unit])
    _list(_REMOVED, [*_listed(_REMOVED), unit])


def reset() -> None:
    """Take back what was changed by hand."""
    _list(_EXPANDED, [])
    _list(_REMOVED, [])


def _start(unit: Unit) -> None:
    reset()
    st.query_params["unit"] = str(unit)
    kind = st.session_state["trace"]
    if kind in ("pinned", "kept") or (kind == "enrichment" and unit.layer.role != "sum"):
        st.session_state["trace"] = "neighbourhood"


def _open(unit: Unit) -> None:
    session.want(str(unit))


def _listed(name: str) -> list[Unit]:
    """The units that the address lists under a name; UnknownUnit."""
    architecture = session.model().architecture
    return [architecture.unit(text) for text in st.query_params.get(name, "").split(",") if text.strip()]


def _list(name: str, units: list[Unit]) -> None:
    st.query_params[name] = ",".join(dict.fromkeys(map(str, units)))


_HINT = '<span class="quiet">Click a unit, or Tab to it and press Enter.</span>'
_ACTIONS = (
    ("Expand", ":material/add_circle:", _expand),
    ("Remove", ":material/do_not_disturb_on:", _remove),
    ("Pin", ":material/push_pin:", _pin),
    ("Start here", ":material/flag:", _start),
    ("Open", ":material/open_in_new:", _open),
)
