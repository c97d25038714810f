"""Ablate both branches of each sum and tabulate effects, controls and verdict."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from extract.ablation.branch_ablation import BranchAblation, ablate_branches
from extract.enrichment.dissociation import FEWEST, Concepts, Sides, effects, sides, verdicts
from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.folder.activations import moments
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS, per_unit
from extract.network.network import Network
from extract.probes.probe import Source
from extract.recording.probe_hashes import unchanged_probes
from extract.responses.top_probes import RankedProbes, lists
from extract.units import Layer

PROBES = 4  # held-out probes shown of a concept
MOST = 2000  # concepts, each in a modality, that may represent a facet


def dissociation_table(
    network: Network,
    extraction: Extraction,
    source: Source,
    probes: pa.Table,
    layers: Sequence[Layer],
    progress: bool = True,
) -> pa.Table:
    """The dissociation table of sums whose activations are recorded; `probes` is the table of probes, without images.

    Shows at most PROBES held-out probes of every concept once more. Raises what loading a probe raises.
    """
    facts = ProbeFacts.of(probes)
    concepts = _concepts(extraction, facts, probes)
    numbers = _held_out_probes(facts, probes, concepts)
    branches = {layer: _means(extraction, layer) for layer in layers}
    again = (probe for probe in unchanged_probes(extraction, source) if probe.id in numbers)
    ablations = ablate_branches(network, again, list(numbers.values()), branches, progress)
    tables = [_table(extraction, layer, facts, concepts, ablations[layer]) for layer in layers]
    return pa.concat_tables([SCHEMAS["dissociation"].empty_table(), *tables])


def _concepts(extraction: Extraction, facts: ProbeFacts, probes: pa.Table) -> Concepts:
    """At most MOST concepts that have probes in both splits."""
    in_both = np.intersect1d(facts.facets[~facts.held_out], facts.facets[facts.held_out])
    facets = np.sort(np.random.default_rng(0).permutation(in_both)[:MOST])
    first = np.unique(facts.facets, return_index=True)[1][facets]  # a probe of each; facets are numbered from 0
    modality, concept = (probes[name].take(first).to_pylist() for name in ("modality", "concept"))
    names = [f"\u201c{c}\u201d" if m == "word" else str(c) for m, c in zip(modality, concept, strict=True)]
    rows = _mean_embeddings(extraction, facts, facets)
    return Concepts(facets, np.array(names, object), facts.subjects[first], rows)


def _mean_embeddings(extraction: Extraction, facts: ProbeFacts, facets: np.ndarray) -> np.ndarray:
    """The mean embedding of the discovery probes of every concept, of length 1: float64 (k, E)."""
    first, total = 0, np.zeros((len(facets), 1))
    for chunk in extraction.embeddings():  # (n, E)
        here = slice(first, first + len(chunk))
        counted = np.isin(facts.facets[here], facets) & ~facts.held_out[here]  # (n,)
        total = np.zeros((len(facets), chunk.shape[1])) if first == 0 else total
        np.add.at(total, np.searchsorted(facets, facts.facets[here][counted]), chunk[counted])
        first += len(chunk)
    rows: np.ndarray = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return rows


def _held_out_probes(facts: ProbeFacts, probes: pa.Table, concepts: Concepts) -> dict[str, int]:
    """The held-out probes to show, PROBES of a concept, by id in their order; each with its concept's place."""
    room = dict.fromkeys(concepts.facets.tolist(), PROBES)
    numbers = dict[str, int]()
    for name, facet, held_out in zip(probes["id"].to_pylist(), facts.facets.tolist(), facts.held_out, strict=True):
        if held_out and room.get(facet, 0):
            room[facet] -= 1
            numbers[str(name)] = int(np.searchsorted(concepts.facets, facet))
    return numbers


def _means(extraction: Extraction, total: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Means of the shortcut and the conv branch of a sum, over all probes and positions: (units,) each."""
    branches = extraction.manifest.architecture.branches(total)
    return moments(extraction, branches["shortcut"])[0], moments(extraction, branches["conv"])[0]


def _table(
    extraction: Extraction, layer: Layer, facts: ProbeFacts, concepts: Concepts, ablation: BranchAblation
) -> pa.Table:
    """A sum's rows."""
    branches = extraction.manifest.architecture.branches(layer)
    top_probes = {name: lists(extraction, branches[name], facts.held_out)["top"] for name in ("shortcut", "conv")}
    embeddings = ProbeEmbeddings.of(top_probes.values(), extraction.embeddings())
    facets = sides(top_probes, facts.subjects, embeddings, concepts)
    columns = effects(ablation, *moments(extraction, layer), facets)
    reasons = _unproven(top_probes, columns, facets)
    columns = {name: np.where(reasons == "", values, np.nan) for name, values in columns.items()}
    names = {
        f"facet_{branch}": np.array(["; ".join(concepts.names[places]) for places in getattr(facets, branch)], object)
        for branch in ("conv", "shortcut")
    }
    count = np.full(len(reasons), facets.conv.shape[1])
    judged = {"verdict": verdicts(columns), "unproven": np.array([reason or None for reason in reasons], object)}
    return per_unit("dissociation", layer, {"concepts": count} | columns | judged | names)


def _unproven(top_probes: dict[str, RankedProbes], columns: dict[str, np.ndarray], facets: Sides) -> np.ndarray:
    """Why each unit has no verdict, text (units,); empty where it has one."""
    reasons = np.full(len(facets.conv), "", object)
    reasons[np.isnan(columns["effect_conv"])] = "the sum never changes"
    if facets.conv.shape[1] < FEWEST:
        reasons[:] = f"fewer than {2 * FEWEST} concepts beside those in its top lists have probes in both splits"
    for branch in ("conv", "shortcut"):
        reasons[~top_probes[branch].valid.any(axis=1)] = f"the {branch} branch answers to no probe more than to most"
    return reasons
