"""The parts of the Layers page: what was computed and measured of layers, their shares, and what is missing."""

from collections.abc import Sequence
from typing import get_args

import streamlit as st

from app.web import session
from app.web.panels import commands, tables
from catalog import meaning, share_chart
from extract.units import Layer
from graph.plain_json import as_json
from graph.records import LayerCard, Share, Sweep

_COUNTS = {
    "layer": ("Layer", ""),
    "role": (
        "Role",
        "bn1, bn2 and conv are in a block's conv branch, downsample is in its shortcut, and sum adds both",
    ),
    "units": ("Units", "channels of the layer"),
    "swept": ("Swept from", "number of layers below whose expanded weights into this layer were computed"),
    "labelled": ("Labelled", "units with at least one current label"),
    "activity": ("Activity", "units whose activity on all probes was measured"),
    "histograms": ("Distribution", "units with a histogram over all probes"),
    "evidence": ("Evidence", "units with shares over the shortcut, from their top probes"),
    "modality": ("Modality", "units whose selectivity for words and pictures was measured"),
    "tested": ("Judged", "units that have a verdict of the census"),
    "enriched": ("Enriched", "each branch brings its own facet, and the sum rises on both"),
    "not_enriched": ("Not enriched", "established: an effect is smaller than an enriched unit needs"),
    "supported": ("Supported", "ablating the branches supports an enrichment circuit"),
    "contradicted": ("Contradicted", "ablating the branches contradicts one"),
    "inconclusive": ("Inconclusive", "ablating the branches decides nothing"),
}
_SWEEP = {
    "target": ("Into", "the layer whose expanded weights were computed"),
    "source": ("From", "the layer below"),
    "n": ("Pairs of units", "how many weights were computed"),
    "kept": ("Stored", "the strongest by magnitude and by mean, both signs and both directions"),
    "cutoff_magnitude": ("Cutoff of magnitude", "no weight of a larger magnitude was left out; 0 if none was left out"),
    "cutoff_mean": ("Cutoff of mean", "no weight of a larger absolute mean was left out; 0 if none was left out"),
    "span": ("Positions", "positions of the source's map that the kernel can reach"),
    "direct": ("Direct", "one convolution, and no other layer, lies between the two"),
    "cut": ("Cut", "the border of the map cuts the kernel, as in the real network"),
}


def counts(cards: Sequence[LayerCard], sweeps: Sequence[Sweep]) -> None:
    """Show a row for each layer."""
    swept = [sweep.target for sweep in sweeps]
    rows = [as_json(card) | {"role": card.layer.role, "swept": swept.count(card.layer)} for card in cards[::-1]]
    tables.show([{name: row[name] for name in _COUNTS} for row in rows], _COUNTS)


def sweep_table(sweeps: Sequence[Sweep]) -> None:
    """Show a row for each pair of layers between which expanded weights were computed."""
    st.subheader(
        "Expanded weights", help="What was computed between layers. A weight that is not stored need not be zero."
    )
    if sweeps:
        tables.show([{name: as_json(getattr(sweep, name)) for name in _SWEEP} for sweep in sweeps], _SWEEP)
    else:
        st.caption("No expanded weights into this layer were computed.")


def shares(layer: Layer | None) -> None:
    """Draw a histogram of the share over the shortcut for each sum (`layer` None) or for one."""
    st.subheader(
        "Share over the shortcut",
        help="How much of each unit of a sum comes over the shortcut, by the selected definition.",
    )
    definitions: dict[str, Share] = {share.removeprefix("share_"): share for share in get_args(Share)}
    definition = st.segmented_control(
        "Definition", list(definitions), default="exact", required=True, key="share", bind="query-params",
        help="The unit page explains each definition.",
    )  # fmt: skip
    share = definitions[definition]
    counts = session.model().share_counts(share, layer=layer)
    if counts:
        drawn = "".join(share_chart(bins, name) for name, bins in reversed(counts.items()))
        session.show(f'<div class="charts">{drawn}</div>', "shares")
        legend = "The paler bars at the two ends are below 0% and above 100%. Heights are square roots of the counts."
        st.caption(f"{meaning(share).capitalize()}. {legend}")
    else:
        st.caption("No unit here has a share. Only sums have shares, and only after the network was shown probes.")


def missing(cards: Sequence[LayerCard], sweeps: Sequence[Sweep]) -> None:
    """Show what these layers lack, and for each lack the command that adds it."""
    model, swept = session.model(), {sweep.target for sweep in sweeps}
    command = commands.extract(model.id)
    unswept = [str(card.layer) for card in cards if card.layer not in swept and has_inputs(card.layer)]
    sums = [card for card in cards if card.layer.role == "sum"]
    lacking = {
        f"Expanded weights into {_named(unswept)}": (unswept, f"{command} --targets {','.join(unswept)}"),
        "What units do on pictures: shares, tests, distributions": (
            [card for card in sums if not card.evidence],
            f"{command} --probes FOLDER",
        ),
        "What units do on words: selectivity, top words": (
            [card for card in sums if not card.modality],
            f"{command} --words 10000",
        ),
    }
    commands_of = {what: command for what, (layers, command) in lacking.items() if layers}
    if commands_of:
        st.subheader(
            "Missing", help="Each command writes an extraction folder; `circuits load` puts it into the catalog."
        )
    for what, text in commands_of.items():
        st.caption(what)
        st.code(text, language="bash")


def has_inputs(layer: Layer) -> bool:
    """Return whether anything but the stem feeds a layer."""
    return layer.role not in ("bn1", "downsample") or session.model().architecture.block_input(layer) is not None


def _named(layers: Sequence[str]) -> str:
    return layers[0] if len(layers) == 1 else f"{len(layers)} layers"
