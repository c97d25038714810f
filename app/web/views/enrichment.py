"""Enrichment: list the candidates for enrichment circuits with every term, and draw both facets of the ten best."""

import streamlit as st

from app.web import session
from app.web.columns import columns
from app.web.panels import candidates, census_variants, enrichment
from catalog import notes

model = session.model()
sums = [str(layer) for layer in reversed(model.architecture.sums)]

st.title("Enrichment circuits")
st.write(
    "In an enrichment circuit, the two branches of a sum bring two different facets. The census judges every unit on "
    "probes, and names what is least certain. Ablating each branch is a second test. The numbers are shown one by one, "
    "and not combined into a score."
)
way, where = st.columns([1, 1])
method = way.segmented_control(
    "Search by",
    ["evidence", "weights"],
    default="evidence",
    required=True,
    key="screen",
    bind="query-params",
    help="Evidence: what each branch brings, judged on probes. Weights: which inputs feed it; not a test.",
)
layer = where.selectbox(
    "Sum layer", sums, key="sums", bind="query-params", help="Only sums join two branches. The last sum comes first."
)
shortlist = (enrichment.by_evidence if method == "evidence" else enrichment.by_weights)(layer)
if not shortlist:
    st.info("No unit passes these filters. Loosen them, or try another layer.")
    st.stop()
numbers = ["order", *candidates.numbers(shortlist)]
selected = st.dataframe(
    candidates.rows(shortlist),
    column_config=columns(numbers),
    hide_index=True,
    on_select="rerun",
    selection_mode="single-row",
    height=310,
)
beginning = "The first " if len(shortlist) == enrichment.MOST else ""
st.caption(f"{beginning}{len(shortlist)} units. Select a row to open its unit.")
if selected.selection.rows:
    session.open_unit(str(shortlist[selected.selection.rows[0]].unit))
st.subheader("The first ten", help="What each branch responds to most, side by side.")
candidates.show(shortlist[:10], pictures=7)
if method == "evidence":
    census_variants.show(layer)
session.show(notes(model.measured), "measured")
