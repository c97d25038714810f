"""The circuit canvas: the figure, the changes made to it by hand, and the pinned units, all kept in the page's URL."""

from collections.abc import Callable

import streamlit as st

from app.web import session, unit_links
from catalog import CircuitView, notes
from extract.units import Unit

_PINS, _EXPANDED, _REMOVED, _SELECTED = "pins", "expanded", "removed", "chosen"


def edited(circuit: CircuitView, limit: int) -> CircuitView:
    """Return the circuit after its reader expanded units, each by `limit` edges of either sign, or removed units."""
    return circuit.edited(_listed(_EXPANDED), _listed(_REMOVED), limit)


def show(circuit: CircuitView) -> None:
    """Draw the figure below a sentence on the circuit; a click on a unit selects the unit."""
    summary, size = st.columns([5, 1], vertical_alignment="center")
    veil = session.veil()
    with summary:
        session.show(notes([veil.label(circuit.name) + circuit.sentence.removeprefix(circuit.name)]), "told")
    fit = size.toggle("Fit", key="fit", bind="query-params", help="Fit a tall figure into the window.")
    unit = _selected_unit(circuit)
    drawing = circuit.svg(link(), () if unit is None else (unit,), veil.revealed)
    unit_links.show(f'<div class="figure{" fit" * fit}">{drawing}</div>', "canvas", _choose)


def link() -> Callable[[Unit], str]:
    """Return the function that gives the URL of a unit's page."""
    model = session.model().id
    return lambda unit: unit_links.address(model, unit)


def actions(circuit: CircuitView) -> None:
    """Show the buttons that act on the selected unit, and one that undoes all changes made by hand."""
    unit = _selected_unit(circuit)
    which, what = st.columns([1, 4], vertical_alignment="center")
    with which:
        session.show(session.gallery().pill(unit) if unit else _HINT, "chosen")
    with what.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for label, icon, action in _ACTIONS:
            st.button(label, icon=icon, key=label, disabled=unit is None, on_click=action, args=(unit,))
        changed = bool(_listed(_EXPANDED) or _listed(_REMOVED))
        st.button("Undo all", icon=":material/undo:", disabled=not changed, on_click=reset)


def pins() -> list[Unit]:
    """Return the pinned units: those in the page's URL, or else those pinned before the user looked at another page."""
    earlier = f"pins of {session.model().id}"
    if _PINS in st.query_params:
        st.session_state[earlier] = st.query_params[_PINS]
    elif st.session_state.get(earlier):
        st.query_params[_PINS] = st.session_state[earlier]
    return _listed(_PINS)


def unpin(unit: Unit) -> None:
    """Remove a unit from the tray."""
    _list(_PINS, [other for other in pins() if other != unit])


def reset() -> None:
    """Undo the changes made by hand."""
    _list(_EXPANDED, [])
    _list(_REMOVED, [])


def _selected_unit(circuit: CircuitView) -> Unit | None:
    """Return the unit of the circuit that the page's URL names as selected, or None."""
    name = st.query_params.get(_SELECTED)
    return next((node.id for node in circuit.units if str(node.id) == name), None)


def _choose(unit: str) -> None:
    st.query_params[_SELECTED] = unit


def _pin(unit: Unit) -> None:
    _list(_PINS, [*pins(), unit])


def _expand(unit: Unit) -> None:
    _list(_EXPANDED, [*_listed(_EXPANDED), unit])


def _remove(unit: Unit) -> None:
    _list(_EXPANDED, [other for other in _listed(_EXPANDED) if other != unit])
    _list(_REMOVED, [*_listed(_REMOVED), unit])


def _start(unit: Unit) -> None:
    reset()
    st.query_params["unit"] = str(unit)
    kind = st.session_state["trace"]
    if kind in ("pinned", "saved") or (kind == "enrichment" and unit.layer.role != "sum"):
        st.session_state["trace"] = "neighbourhood"


def _open(unit: Unit) -> None:
    session.request_unit(str(unit))


def _listed(name: str) -> list[Unit]:
    """Return the units that the page's URL lists under a name. Raises UnknownUnit."""
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
