"""One unit: what it answers to, what people call it, what feeds it and what it feeds."""

import streamlit as st

from app.web import session
from app.web import unit_links as linked
from app.web.panels import downloads
from app.web.panels import labels as label_form
from app.web.panels import unit as unit_parts
from catalog import cards as pictures
from catalog.circuits import figure
from catalog.circuits import local as around
from catalog.circuits.pictures import pictured
from extract.units import microscope_url

store, model, gallery, unit = session.model_store(), session.model(), session.gallery(), session.unit()
card, layer = store.unit(unit), unit.layer


def heading() -> None:
    """Id, labels, neighbours, and where in the network it stands."""
    session.show(gallery.heading(card, model.architecture), "heading")
    side, url = model.architecture.grid(layer), microscope_url(model.id, unit)
    elsewhere = f" · [OpenAI Microscope]({url})" if url else ""
    if depicted := store.depiction(unit):
        session.show(gallery.depiction(unit, depicted), "depiction")
    st.caption(
        f"{layer.role} of block {layer.stage}/{layer.block} · {side} x {side} positions · `{layer.module}`{elsewhere}"
    )


def answers() -> None:
    """Rows of probes: the sum's, the shortcut's, the conv branch's; of a branch its own."""
    st.subheader("Answers to", help="The probes with the largest mean over the unit's positions, strongest first.")
    parts = {session.branch_of(unit): unit} | store.adds(unit)
    session.show(gallery.branches(parts, session.examples(unit), card.statistics), "answers")


def words() -> None:
    """The words that it answers to most, where words were shown."""
    if found := store.words(unit, limit=12):
        st.subheader("Words", help="Of the words shown as images, those with the largest mean over its positions.")
        session.show(gallery.words(found), "words")


def circuit() -> None:
    """The enrichment circuit of a sum, the neighbourhood of any other unit."""
    follow = around.enrichment_circuit if layer.role == "sum" else around.neighbourhood
    traced = pictured(store, follow(store, unit, limit=2), gallery.veil.revealed)
    st.subheader(traced.name, help="The two strongest edges of either sign at each step.")
    drawing = figure.draw(traced, lambda other: linked.address(model.id, other), gallery.veil.revealed)
    session.show(f'<div class="figure">{drawing}</div>', "figure")
    downloads.show(traced, gallery.veil.revealed)
    onward = {"unit": str(unit), "model": model.id}
    st.page_link("views/circuit.py", label="Trace it further", icon=":material/account_tree:", query_params=onward)


heading()
left, right = st.columns([3, 1], gap="large")
with left:
    answers()
with right:
    st.subheader("Labels", help="Nothing is overwritten: a label that is withdrawn stays in the history.")
    label_form.show(unit)
words()
circuit()
unit_parts.contributions(unit)
unit_parts.distribution(card)
if measured := {name: value for name, value in card.statistics.items() if value is not None}:
    st.subheader("Measured")
    session.show(
        pictures.terms(measured)
        + pictures.findings(card.findings, gallery.veil.over(card.id))
        + pictures.notes(model.measured),
        "measured",
    )
