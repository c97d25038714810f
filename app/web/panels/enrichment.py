"""The filters of the search for enrichment circuits, which stand in the address, and the units that pass them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.web import session
from app.web.panels.candidates import Candidates
from catalog import enrichment
from catalog import formats as meanings
from extract.units import Layer

_RATES = (0.001, 0.01, 0.05, 0.1, 0.2, 1.0)
_BACK = "two blocks back"


def by_evidence(layer: Layer) -> Candidates:
    """Filters on what was tested and measured, and the units that pass them."""
    store = session.model_store()
    rate, concepts, modalities, reach = st.columns(4)
    q = rate.select_slider(
        "False discovery rate", _RATES, enrichment.Q, key="q", bind="query-params", help=meanings.meaning("q")
    )
    found = enrichment.by_evidence(
        store,
        layer,
        limit=100,
        q=q,
        concepts=_least(concepts, "Least difference in concept", "concept_difference"),
        modalities=_least(modalities, "or in modality", "modality_difference"),
        reach=_least(reach, "Least reach of both facets", "reach_shortcut", 0.5),
    )
    st.caption(enrichment.tally(store, layer, q).sentence)
    return found


def by_weights(layer: Layer) -> Candidates:
    """Which inputs of the branches are compared, and the units whose branches have different ones."""
    store, model = session.model_store(), session.model()
    source, strongest = st.columns(2)
    below = [str(other) for other in reversed(model.architecture.sums) if other < layer]
    chosen = source.selectbox(
        "Inputs from", [_BACK, *below], key="inputs_of", bind="query-params", help="The branches' common source layer."
    )
    return enrichment.by_weights(
        store,
        layer,
        None if chosen == _BACK else Layer.parse(chosen),
        strongest=strongest.slider(
            "Strongest inputs compared",
            *(2, 20, enrichment.STRONGEST),
            key="compared",
            bind="query-params",
            help="Of either branch, by magnitude.",
        ),
        limit=100,
    )


def _least(place: DeltaGenerator, label: str, column: str, least: float = 0.0) -> float:
    """The least value that a unit must have of a number, up to 1."""
    told = meanings.meaning(column)
    return place.slider(label, least, 1.0, least, key=f"least_{column}", bind="query-params", help=told)
