"""The double dissociation of every sum measured, as a table: which concepts, which effects, and the verdict."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from extract.ablation.branch_ablation import Lesioned, lesions
from extract.enrichment.dissociation import FEWEST, Concepts, Sides, effects, sides, verdicts
from extract.enrichment.two_facets import Embedded, Shown
from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, per_unit
from extract.network.network import Network
from extract.probes.sources import Source
from extract.responses.top_probes import RankedProbes, lists
from extract.units import Layer

PROBES = 4  # of a concept that are shown
MOST = 2000  # concepts, each in a modality, that may stand for a facet


def prove(
    network: Network,
    extraction: Extraction,
    source: Source,
    facts: pa.Table,
    layers: Sequence[Layer],
    progress: bool = True,
) -> pa.Table:
    """The dissociation table of sums whose activations are there; `facts` are the probes, without images.

    At most PROBES held-out probes of every concept are shown once more. Errors as the source's.
    """
    shown = Shown.of(facts)
    among = _concepts(extraction, shown, facts)
    chosen = _chosen(shown, facts, among)
    branches = {layer: _means(extraction, layer) for layer in layers}
    probes = (probe for probe in source if probe.id in chosen)
    found = lesions(network, probes, list(chosen.values()), branches, progress)
    tables = [_table(extraction, layer, shown, among, found[layer]) for layer in layers]
    return pa.concat_tables([SCHEMAS["dissociation"].empty_table(), *tables])


def _concepts(extraction: Extraction, shown: Shown, facts: pa.Table) -> Concepts:
    """At most MOST concepts that have probes in both splits."""
    in_both = np.intersect1d(shown.facets[~shown.held_out], shown.facets[shown.held_out])
    facets = np.sort(np.random.default_rng(0).permutation(in_both)[:MOST])
    first = np.unique(shown.facets, return_index=True)[1][facets]  # a probe of each; facets are numbered from 0
    modality, concept = (facts[name].take(first).to_pylist() for name in ("modality", "concept"))
    names = [f"\u201c{c}\u201d" if m == "word" else str(c) for m, c in zip(modality, concept, strict=True)]
    rows = _mean_embeddings(extraction, shown, facets)
    return Concepts(facets, np.array(names, object), shown.subjects[first], rows)


def _mean_embeddings(extraction: Extraction, shown: Shown, facets: np.ndarray) -> np.ndarray:
    """Of the discovery probes of every concept, of length 1: float64 (k, E)."""
    first, total = 0, np.zeros((len(facets), 1))
    for chunk in extraction.embeddings():  # (n, E)
        here = slice(first, first + len(chunk))
        counted = np.isin(shown.facets[here], facets) & ~shown.held_out[here]  # (n,)
        total = np.zeros((len(facets), chunk.shape[1])) if first == 0 else total
        np.add.at(total, np.searchsorted(facets, shown.facets[here][counted]), chunk[counted])
        first += len(chunk)
    rows: np.ndarray = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return rows


def _chosen(shown: Shown, facts: pa.Table, among: Concepts) -> dict[str, int]:
    """The held-out probes to be shown, PROBES of a concept, by id in their order; each with its concept's place."""
    left = dict.fromkeys(among.facets.tolist(), PROBES)
    chosen = dict[str, int]()
    for name, facet, held_out in zip(facts["id"].to_pylist(), shown.facets.tolist(), shown.held_out, strict=True):
        if held_out and left.get(facet, 0):
            left[facet] -= 1
            chosen[str(name)] = int(np.searchsorted(among.facets, facet))
    return chosen


def _means(extraction: Extraction, total: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Of the shortcut and the conv branch of a sum, over all probes and positions: (units,) each."""
    over = extraction.manifest.architecture.branches(total)
    return moments(extraction, over["shortcut"])[0], moments(extraction, over["conv"])[0]


def _table(extraction: Extraction, layer: Layer, shown: Shown, among: Concepts, found: Lesioned) -> pa.Table:
    """A sum's rows."""
    over = extraction.manifest.architecture.branches(layer)
    tops = {branch: lists(extraction, over[branch], shown.held_out)["top"] for branch in ("shortcut", "conv")}
    chosen = sides(tops, shown.subjects, Embedded.of(tops.values(), extraction.embeddings()), among)
    columns = effects(found, *moments(extraction, layer), chosen)
    reasons = _unproven(tops, columns, chosen)
    columns = {name: np.where(reasons == "", values, np.nan) for name, values in columns.items()}
    facets = {
        f"facet_{branch}": np.array(["; ".join(among.names[some]) for some in getattr(chosen, branch)], object)
        for branch in ("conv", "shortcut")
    }
    count = np.full(len(reasons), chosen.conv.shape[1])
    told = {"verdict": verdicts(columns), "unproven": np.array([reason or None for reason in reasons], object)}
    return per_unit("dissociation", layer, {"concepts": count} | columns | told | facets)


def _unproven(tops: dict[str, RankedProbes], columns: dict[str, np.ndarray], chosen: Sides) -> np.ndarray:
    """Why each unit has no verdict, text (units,); empty where it has one."""
    reasons = np.full(len(chosen.conv), "", object)
    reasons[np.isnan(columns["effect_conv"])] = "the sum never changes"
    if chosen.conv.shape[1] < FEWEST:
        reasons[:] = f"fewer than {2 * FEWEST} concepts beside those in its top lists have probes in both splits"
    for branch in ("conv", "shortcut"):
        reasons[~tops[branch].valid.any(axis=1)] = f"the {branch} branch answers to no probe more than to most"
    return reasons
