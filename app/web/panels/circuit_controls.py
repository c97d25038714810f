"""The controls of the circuit canvas, each kept in the page's URL, and the circuit that they ask for."""

from dataclasses import asdict, dataclass

import streamlit as st

from app.web import session
from catalog import CircuitView, Tracing, UnitView
from extract.units import Unit

KINDS = {
    "neighbourhood": "a unit with its strongest inputs and outputs",
    "enrichment": "a sum with both its branches and their strongest direct inputs",
    "backward": "what leads to a unit, step by step",
    "forward": "where a unit leads, step by step",
    "pinned": "what lies between the units in the tray",
    "saved": "a circuit that was saved under a name",
}
_TRACES = ("backward", "forward")


@dataclass(frozen=True)
class Choices:
    """What the controls say: the kind of circuit, its unit, the edges at each unit, and how a trace goes."""

    kind: str
    unit: UnitView
    strongest: int
    tracing: Tracing


def choose() -> Choices:
    """Show the controls, and return what they say; those that mean nothing for a kind of circuit are grey."""
    _open_earlier_address()
    which, start, count = st.columns([3.2, 1, 1.4], gap="medium")
    kind = which.segmented_control(
        "Circuit", list(KINDS), default="neighbourhood", required=True, key="trace", bind="query-params",
        help="; ".join(f"{name}: {meaning}" for name, meaning in KINDS.items()) + ".",
    )  # fmt: skip
    st.session_state["from"] = st.query_params.get("unit", f"{session.model().architecture.final}/0")
    start.text_input("From unit", key="from", on_change=_set_unit, disabled=kind in ("pinned", "saved"))
    strongest = count.slider(
        "Strongest edges", 1, 20, 3, key="strongest", bind="query-params",
        help="Edges at every unit, by magnitude. A neighbourhood or an enrichment circuit has this many of each sign.",
    )  # fmt: skip
    tracing = _tracing(strongest, kind not in _TRACES)
    return Choices(kind, session.unit(), strongest, tracing)


def traced(choices: Choices, pinned: list[Unit]) -> CircuitView:
    """Return the circuit that these choices ask for."""
    unit, limit = choices.unit, choices.strongest
    match choices.kind:
        case "enrichment":
            return unit.enrichment_circuit(limit)
        case "backward" | "forward":
            return unit.trace(choices.kind, **asdict(choices.tracing))
        case "pinned":
            return session.model().induced_subgraph(pinned)
        case "saved":
            return session.model().open_circuit(st.query_params.get("saved", ""))
        case _:
            return unit.neighbourhood(limit)


def _tracing(strongest: int, off: bool) -> Tracing:
    """Show the controls of a trace, and return how to trace and prune; `off` makes the controls grey."""
    far, weak, units, edges, active = st.columns([1, 1, 1, 1, 1.1], gap="medium", vertical_alignment="bottom")
    return Tracing(
        far.slider("Steps", 1, 6, 3, key="steps", bind="query-params", disabled=off, help="From the unit to the ends."),
        strongest,
        weak.number_input(
            "Least weight", 0.0, value=0.0, key="least", bind="query-params", disabled=off,
            help="No weaker edge is followed.",
        ),
        units.slider(
            "Part of units", 0.05, 1.0, 1.0, 0.05, key="keep_units", bind="query-params", disabled=off,
            help="Pruning keeps the fewest units that together carry this part of the influence. 1 removes none.",
        ),
        edges.slider(
            "Part of edges", 0.5, 1.0, 1.0, 0.01, key="keep_edges", bind="query-params", disabled=off,
            help="Pruning then keeps the fewest edges that carry this part of what is left. 1 removes none.",
        ),
        active.toggle(
            "Scaled by activity", key="scaled", bind="query-params", disabled=off,
            help="An edge also counts by how active its source is over all probes.",
        ),
    )  # fmt: skip


def _open_earlier_address() -> None:
    """Translate a URL of an earlier version, which called a saved circuit `kept`."""
    if name := st.query_params.get("kept"):
        del st.query_params["kept"]
        st.query_params["saved"] = name
    if st.query_params.get("trace") == "kept":
        st.session_state["trace"] = "saved"


def _set_unit() -> None:
    st.query_params["unit"] = st.session_state["from"].strip()
