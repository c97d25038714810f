"""Candidates for enrichment circuits: a table of every term, and the ten best with both facets in pictures."""

import streamlit as st

from app import candidates, meanings, pictures, session
from catalog import enrichment
from extract.units import Layer

store, model = session.store(), session.model()
sums = [str(layer) for layer in reversed(model.architecture.layers) if layer.role == "sum"]


def by_evidence(layer: Layer) -> candidates.Candidates:
    """Filters on what was tested and measured, and the units that pass them."""
    rate, concepts, modalities, reach = st.columns(4)
    q = rate.select_slider("False discovery rate", (0.001, 0.01, 0.05, 0.1, 0.2, 1.0), 0.05, help=meanings.meaning("q"))
    found = enrichment.by_evidence(
        store,
        model.id,
        layer,
        limit=100,
        q=q,
        concepts=concepts.slider(
            "Least difference in concept", 0.0, 1.0, 0.0, help=meanings.meaning("concept_difference")
        ),
        modalities=modalities.slider("or in modality", 0.0, 1.0, 0.0, help=meanings.meaning("modality_difference")),
        reach=reach.slider("Least reach of both facets", 0.5, 1.0, 0.5, help=meanings.meaning("reach_shortcut")),
    )
    st.caption(enrichment.tally(store, model.id, layer, q).sentence)
    return found


def by_weights(layer: Layer) -> candidates.Candidates:
    """Which inputs of the branches are compared, and the units whose branches have different ones."""
    source, strongest = st.columns(2)
    below = [str(other) for other in reversed(model.architecture.layers) if other < layer and other.role == "sum"]
    chosen = source.selectbox(
        "Inputs from", ["two blocks back", *below], help="The common source layer of both branches."
    )
    return enrichment.by_weights(
        store,
        model.id,
        layer,
        None if chosen == "two blocks back" else Layer.parse(chosen),
        strongest=strongest.slider(
            "Strongest inputs compared", 2, 20, enrichment.STRONGEST, help="Of either branch, by magnitude."
        ),
        limit=100,
    )


st.title("Enrichment circuits")
st.write(
    "Sum units whose two branches bring two different facets: tested on probes, and proved or refuted by taking either "
    "branch away. Every term stands beside the others, and none is multiplied into a score."
)
way, where = st.columns([1, 1])
screen = way.segmented_control(
    "Search by",
    ["evidence", "weights"],
    default="evidence",
    required=True,
    key="screen",
    bind="query-params",
    help="Evidence: what the branches answer to, tested on probes. Weights: which inputs feed them; a screen, no test.",
)
layer = where.selectbox("Sum layer", sums, key="layer", help="Only sums join two branches; the last comes first.")
found = (by_evidence if screen == "evidence" else by_weights)(Layer.parse(layer))
if not found:
    st.info("No unit passes these filters. Loosen them, or try another layer.")
    st.stop()
numbers = ["order", *candidates.numbers(found)]
picked = st.dataframe(
    candidates.rows(found),
    column_config=meanings.columns(numbers),
    hide_index=True,
    on_select="rerun",
    selection_mode="single-row",
    height=310,
)
st.caption(f"{len(found)} candidates. Select a row to open its unit.")
if picked.selection.rows:
    session.open_unit(found[picked.selection.rows[0]].unit)
st.subheader("The first ten", help="What each branch answers to most, side by side.")
candidates.show(found[:10], pictures=7)
session.show(pictures.notes(model.measured), "measured")
