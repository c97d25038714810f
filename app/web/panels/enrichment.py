"""The filters of the search for enrichment circuits, kept in the page's URL, and the candidates that pass them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.web import session
from app.web.panels.candidates import Candidates
from catalog import STRONGEST, VERDICTS, meaning, title
from extract.units import Layer

MOST = 100  # units listed
_ANY = "any"
_BACK = "two blocks back"


def by_evidence(layer: str) -> Candidates:
    """Show the filters on the verdict and on differences of the facets; return the candidates that pass the filters."""
    model = session.model()
    selected = st.segmented_control(
        title("verdict"),
        [*VERDICTS, _ANY],
        default=VERDICTS[0],
        required=True,
        key="verdict",
        bind="query-params",
        help=meaning("verdict"),
    )
    concepts, modalities = st.columns(2)
    candidates = model.candidates(
        layer,
        limit=MOST,
        verdict=next((verdict for verdict in VERDICTS if verdict == selected), None),
        concepts=_least(concepts, "Least difference in concept", "concept_difference"),
        modalities=_least(modalities, "or in modality", "modality_difference"),
    )
    st.caption(model.tally(layer).sentence)
    return candidates


def by_weights(layer: str) -> Candidates:
    """Show which inputs of the branches are compared; return the units whose two branches have different inputs."""
    model = session.model()
    left, right = st.columns(2)
    below = [str(other) for other in reversed(model.architecture.sums) if other < Layer.parse(layer)]
    source = left.selectbox(
        "Inputs from",
        [_BACK, *below],
        key="inputs_of",
        bind="query-params",
        help="The layer whose inputs to the two branches are compared.",
    )
    strongest = right.slider(
        "Strongest inputs compared", 2, 20, STRONGEST, key="compared", bind="query-params",
        help="Inputs of each branch, by magnitude.",
    )  # fmt: skip
    return model.candidates_by_weights(layer, None if source == _BACK else source, strongest, limit=MOST)


def _least(place: DeltaGenerator, label: str, column: str) -> float:
    """Show a slider from 0 to 1, and return its value: the least that a unit must have of a number."""
    return place.slider(label, 0.0, 1.0, 0.0, key=f"least_{column}", bind="query-params", help=meaning(column))
