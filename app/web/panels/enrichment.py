"""The filters of the search for enrichment circuits, which stand in the address, and the units that pass them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.web import session
from app.web.panels.candidates import Candidates
from catalog import STRONGEST, Q, meaning
from extract.units import Layer

_RATES = (0.001, 0.01, 0.05, 0.1, 0.2, 1.0)
_BACK = "two blocks back"


def by_evidence(layer: str) -> Candidates:
    """Show the filters on what was tested and measured; the units that pass them."""
    model = session.model()
    rate, concepts, modalities, reach = st.columns(4)
    q = rate.select_slider("False discovery rate", _RATES, Q, key="q", bind="query-params", help=meaning("q"))
    candidates = model.candidates(
        layer,
        limit=100,
        q=q,
        concepts=_least(concepts, "Least difference in concept", "concept_difference"),
        modalities=_least(modalities, "or in modality", "modality_difference"),
        reach=_least(reach, "Least reach of both facets", "reach_shortcut", 0.5),
    )
    st.caption(model.tally(layer, q).sentence)
    return candidates


def by_weights(layer: str) -> Candidates:
    """Show which inputs of the branches are compared; the units whose branches have different ones."""
    model = session.model()
    left, right = st.columns(2)
    below = [str(other) for other in reversed(model.architecture.sums) if other < Layer.parse(layer)]
    source = left.selectbox(
        "Inputs from", [_BACK, *below], key="inputs_of", bind="query-params", help="The branches' common source layer."
    )
    strongest = right.slider(
        "Strongest inputs compared", 2, 20, STRONGEST, key="compared", bind="query-params",
        help="Of either branch, by magnitude.",
    )  # fmt: skip
    return model.candidates_by_weights(layer, None if source == _BACK else source, strongest, limit=100)


def _least(place: DeltaGenerator, label: str, column: str, least: float = 0.0) -> float:
    """Show a slider for the least value, up to 1, that a unit must have of a number."""
    return place.slider(label, least, 1.0, least, key=f"least_{column}", bind="query-params", help=meaning(column))
