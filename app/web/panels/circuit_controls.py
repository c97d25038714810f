"""What the circuit canvas is asked to trace: its controls, each in the address, and the circuit that they give."""

from dataclasses import dataclass

import streamlit as st

from app.web import session
from catalog.circuits import local as around
from catalog.circuits import saved as keeping
from catalog.circuits import trace
from catalog.circuits.circuit import Circuit
from catalog.circuits.trace import Tracing
from extract.units import Unit

KINDS = {
    "neighbourhood": "a unit with its strongest inputs and outputs",
    "enrichment": "a sum with both its branches and their strongest direct inputs",
    "backward": "what leads to a unit, step by step",
    "forward": "where a unit leads, step by step",
    "pinned": "what lies between the units in the tray",
    "kept": "a circuit that was kept under a name",
}
_TRACES = ("backward", "forward")


@dataclass(frozen=True)
class Choices:
    """What is to be traced, from where, how many edges at every unit, and for a trace how far and what it leaves."""

    kind: str
    unit: Unit
    strongest: int
    tracing: Tracing


def choose() -> Choices:
    """The controls; those that mean nothing for a kind of circuit stay, and are grey."""
    which, start, count = st.columns([3.2, 1, 1.4], gap="medium")
    kind = which.segmented_control(
        "Circuit", list(KINDS), default="neighbourhood", required=True, key="trace", bind="query-params",
        help="; ".join(f"{name}: {told}" for name, told in KINDS.items()) + ".",
    )  # fmt: skip
    st.session_state["from"] = st.query_params.get("unit", f"{session.model().architecture.final}/0")
    start.text_input("From unit", key="from", on_change=_from, disabled=kind in ("pinned", "kept"))
    strongest = count.slider(
        "Strongest edges", 1, 20, 3, key="strongest", bind="query-params",
        help="At every unit, by magnitude; of a neighbourhood or an enrichment circuit so many of either sign.",
    )  # fmt: skip
    tracing = _tracing(strongest, kind not in _TRACES)
    return Choices(kind, session.unit(), strongest, tracing)


def traced(choices: Choices, pinned: list[Unit]) -> Circuit:
    """The circuit of these choices."""
    store, unit, limit = session.model_store(), choices.unit, choices.strongest
    match choices.kind:
        case "enrichment":
            return around.enrichment_circuit(store, unit, limit)
        case "backward":
            return trace.backward(store, unit, choices.tracing)
        case "forward":
            return trace.forward(store, unit, choices.tracing)
        case "pinned":
            return around.induced_subgraph(store, pinned)
        case "kept":
            return keeping.reopened(store, st.query_params.get("kept", ""))
        case _:
            return around.neighbourhood(store, unit, limit)


def _tracing(strongest: int, off: bool) -> Tracing:
    """How a trace goes on, and what pruning leaves of it."""
    far, weak, units, edges, active = st.columns([1, 1, 1, 1, 1.1], gap="medium", vertical_alignment="bottom")
    return Tracing(
        far.slider("Steps", 1, 6, 3, key="steps", bind="query-params", disabled=off, help="From the unit to the ends."),
        strongest,
        weak.number_input(
            "Least weight", 0.0, value=0.0, key="least", bind="query-params", disabled=off,
            help="No weaker edge is followed.",
        ),
        units.slider(
            "Keep of units", 0.05, 1.0, 1.0, 0.05, key="keep_units", bind="query-params", disabled=off,
            help="Pruning: so few units that the circuit still holds this part of what it held; 1 keeps all.",
        ),
        edges.slider(
            "Keep of edges", 0.5, 1.0, 1.0, 0.01, key="keep_edges", bind="query-params", disabled=off,
            help="Pruning: then so few edges that it holds this part of the rest; 1 keeps all.",
        ),
        active.toggle(
            "Scaled by activity", key="scaled", bind="query-params", disabled=off,
            help="An edge counts by how active its source is over all probes, too.",
        ),
    )  # fmt: skip


def _from() -> None:
    st.query_params["unit"] = st.session_state["from"].strip()
