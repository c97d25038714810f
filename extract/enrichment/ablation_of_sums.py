"""Ablate both branches of a sum, and tabulate the effects on its units: on their own facets and on nearby concepts."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from extract.ablation.branch_ablation import ablate_branches
from extract.enrichment.census_measures import BRANCHES, Columns, joined, own_facets
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.dissociation import nearby_dissociations, own_dissociations, states
from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.enrichment.nearby_concepts import Nearness, nearby_concepts
from extract.folder.extraction import Extraction
from extract.folder.schemas import per_unit
from extract.folder.statistics import of_table
from extract.recording.branch_maps import BranchMaps
from extract.responses.top_probes import lists
from extract.units import Layer


def nearness_of_sum(
    extraction: Extraction, layer: Layer, recorded: pa.Table, facts: ProbeFacts, probes: CensusProbes
) -> Nearness:
    """Compute how near concepts lie to the top probes of a sum whose branches' activations are recorded.

    `recorded` is the table of all probes of the extraction, and `facts` are what is known of them.
    """
    branches = extraction.manifest.architecture.branches(layer)
    top_probes = {name: lists(extraction, branches[name], facts.held_out)["top"] for name in BRANCHES}
    embeddings = ProbeEmbeddings.of(top_probes.values(), extraction.embeddings())
    return Nearness.of(top_probes, recorded, embeddings, probes)


def ablate_units(maps: BranchMaps, measured: Columns, probes: CensusProbes, nearness: Nearness) -> Columns:
    """Measure what some units of a sum lose without either branch, on their own facets and on nearby concepts.

    `measured` are these units' columns of the census, in the probes' own split.
    """
    ablation, own = ablate_branches(maps.shortcut, maps.conv), own_facets(measured)
    nearby = nearby_concepts(nearness, own, probes.concepts)
    columns = own_dissociations(own, ablation, probes) | nearby_dissociations(nearby, ablation, probes)
    for branch in BRANCHES:
        names = ["; ".join(probes.concepts.names[places]) for places in getattr(nearby.facets, branch)]
        columns[f"facet_{branch}"] = np.where(nearby.complete, np.array(names, object), None)  # type: ignore[call-overload]
    return columns | {"changes": np.asarray(ablation.rise.any(axis=0)), "complete": nearby.complete}


def ablation_rows(layer: Layer, blocks: Sequence[Columns]) -> pa.Table:
    """Make a sum's rows of the stored table from the columns of its units, which come in blocks.

    A unit that never changes has no numbers; a unit without enough nearby concepts has no numbers on these.
    """
    columns = joined(blocks)
    changes, complete = columns["changes"], columns["changes"] & columns["complete"]
    columns |= states(columns, changes)
    columns |= states(columns, complete & (columns["state"] == "supported"), "nearby_")
    columns["unproven"] = np.where(changes, None, "the sum never changes")  # type: ignore[call-overload]
    for row in of_table("ablation"):
        if row.kind == "number":
            measured = complete if row.stored.startswith("nearby_") else changes
            columns[row.stored] = np.where(measured, columns[row.stored], np.nan)
    return per_unit("ablation", layer, {row.stored: columns[row.stored] for row in of_table("ablation")})


def untested_rows(layer: Layer, channels: int, reason: str) -> pa.Table:
    """Make the rows of a sum that ablation says nothing about, with the reason."""
    rows = {row.stored: np.full(channels, None if row.kind == "text" else np.nan) for row in of_table("ablation")}
    return per_unit("ablation", layer, rows | {"unproven": np.full(channels, reason, object)})
