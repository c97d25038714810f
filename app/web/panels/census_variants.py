"""Show how far a sum's verdicts depend on settings and probes, and how they compare with branches paired anew.

A verdict is the census's judgement of a unit: whether its two branches bring two different facets.
"""

from shlex import quote

import streamlit as st

from app.web import session
from app.web.panels import commands, tables
from app.web.plain_text import plain
from catalog import DEMO

_VARIANT = {
    "change": ("Changed", "one thing at a time; in the first row nothing"),
    "enriched": ("Enriched", "units"),
    "not_excluded": ("Not excluded", "enriched or open: the upper end of a band whose lower end is Enriched"),
    "not_enriched": ("Not enriched", "established: an effect is smaller than an enriched unit needs"),
    "facets_alike": ("Facets alike", "both branches bring the same facet"),
    "open": ("Open", "neither established nor excluded"),
    "stay_enriched": ("Stay enriched", "enriched here and with nothing changed"),
    "unjudged": ("No census", "why there is no census with this change"),
}
_PAIRING = {
    "number": ("Measured", "share of units whose least effect is large enough; mean ratio of that effect to what it "
               "must be; correlation between what the two branches bring"),
    "units": ("Units", "units that the number is taken over"),
    "as_it_is": ("As it is", "as the network pairs the branches"),
    "paired_anew": ("Paired anew", "mean over pairings that give every unit the conv branch of another, similar unit"),
    "sd": ("Deviation", "standard deviation over pairings"),
    "p": ("p", "share of pairings whose mean is as high"),
    "draws": ("Pairings", "number of pairings drawn"),
}  # fmt: skip


def show(layer: str) -> None:
    """Show the tables of the census with one thing changed and of branches paired anew, or the commands for them."""
    model = session.model()
    st.subheader(
        "With one thing changed", help="The census, repeated: how much its verdicts depend on settings and probes."
    )
    if variants := model.sensitivity(layer).to_dicts():
        filled = {name: title for name, title in _VARIANT.items() if any(row[name] is not None for row in variants)}
        tables.show([{name: row[name] for name in filled} for row in variants], filled)
    else:
        _missing("sensitivity", layer)
    st.subheader(
        "Branches paired anew",
        help="Branches paired at random bring two facets too. This shows how many such units chance gives.",
    )
    if compared := [row for row in model.pairings(layer).to_dicts() if row["stratum"] is None]:
        tables.show([{name: row[name] for name in _PAIRING} for row in compared], _PAIRING)
    else:
        _missing("pairings", layer)


def _missing(command: str, layer: str) -> None:
    """Say that no available extraction folder holds this table, and show the command that adds it."""
    model = session.model()
    judged = [str(folder.path) for folder in model.extractions if folder.has_census]
    st.caption(
        plain(model.away or "The available extraction folders hold no such table. This command adds it, in minutes:")
    )
    network = commands.extract(model.id).removeprefix("circuits extract ")
    if "--seed" not in network:  # neither command takes the seed of random weights
        probes = "" if model.id == DEMO else " --probes PROBES"
        folder = quote(judged[0]) if judged else "FOLDER"
        st.code(f"circuits {command} {network} --extraction {folder}{probes} --layer {layer}", "bash")
