"""Unit: show what one unit responds to, what people call it, which units feed it and which units it feeds."""

import streamlit as st

from app.web import session
from app.web.panels import circuit_canvas, downloads, labels
from app.web.panels import unit as parts
from app.web.plain_text import plain
from catalog import draw_evidence, notes, terms

PROBES_ALONE = ("pictures alone", "words alone")
model, gallery, unit = session.model(), session.gallery(), session.unit()


def show_heading() -> None:
    """Show the unit's id, its labels, links to the channels before and after it, and where in the network it stands."""
    layer = unit.layer
    session.show(gallery.heading(unit.card, model.architecture), "heading")
    side, url = model.architecture.grid(layer), unit.microscope_url
    elsewhere = f" · [OpenAI Microscope]({url})" if url else ""
    if depiction := unit.depiction:
        session.show(gallery.depiction(unit.id, depiction), "depiction")
    st.caption(
        f"{layer.role} of block {layer.stage}/{layer.block} · {side} x {side} positions · `{layer.module}`{elsewhere}"
    )


def show_probes() -> None:
    """Show a row of top probes for the unit, and if it is a sum's, one for each of its branches."""
    st.subheader("Responds to", help="The probes with the largest mean over the unit's positions, strongest first.")
    session.show(gallery.branches(unit.probe_rows, unit.top_probes(), unit.statistics), "answers")


def show_evidence() -> None:
    """Show which facet each branch of a sum brings, and the sum with and without each branch."""
    st.subheader("Evidence", help="The two facets that the census finds, and the sum with and without each branch.")
    session.show(draw_evidence(gallery, unit.card, unit.probe_rows, unit.facet_probes()), "evidence")
    verdicts = model.verdicts(unit.id)
    if alone := [f"by {change}: {verdicts[change]}" for change in PROBES_ALONE if change in verdicts]:
        st.caption(plain(f"The census on fewer probes: {', '.join(alone)}."))


def show_words() -> None:
    """Show the words that the unit responds to most, if the network was shown words."""
    if words := unit.top_words(12):
        st.subheader("Words", help="The words, shown as images, with the largest mean over the unit's positions.")
        session.show(gallery.words(words), "words")


def show_circuit() -> None:
    """Draw the enrichment circuit of a sum's unit, or the neighbourhood of any other unit."""
    circuit = unit.enrichment_circuit(2) if unit.layer.role == "sum" else unit.neighbourhood(2)
    revealed = gallery.veil.revealed
    st.subheader(circuit.name, help="The two strongest edges of each sign at each step.")
    drawing = circuit.svg(circuit_canvas.link(), revealed=revealed)
    session.show(f'<div class="figure">{drawing}</div>', "figure")
    downloads.show(circuit, revealed)
    onward = {"unit": str(unit.id), "model": model.id}
    st.page_link("views/circuit.py", label="Trace it further", icon=":material/account_tree:", query_params=onward)


show_heading()
left, right = st.columns([3, 1], gap="large")
with left:
    show_probes()
with right:
    st.subheader("Labels", help="Nothing is overwritten: a label that is withdrawn stays in the history.")
    labels.show(unit)
if unit.layer.role == "sum":
    show_evidence()
show_words()
show_circuit()
parts.contributions(unit)
parts.versatility(unit)
parts.distribution(unit)
if measured := {name: value for name, value in unit.statistics.items() if value is not None}:
    st.subheader("Measured")
    session.show(terms(measured) + notes(model.measured), "measured")
