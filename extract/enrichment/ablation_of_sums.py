"""Ablate both branches of a sum, and tabulate what ablation says of its units: on their own facets and nearby."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from extract.ablation.branch_ablation import ablate_branches
from extract.enrichment.attribution import Attribution
from extract.enrichment.census_measures import BRANCHES, Columns, joined
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.dissociation import nearby_dissociations, own_dissociations, states
from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts, recorded_probes
from extract.enrichment.nearby_concepts import NearbyConcepts, nearby_concepts
from extract.folder.extraction import Extraction
from extract.folder.schemas import per_unit
from extract.folder.statistics import of_table
from extract.recording.branch_maps import BranchMaps
from extract.responses.top_probes import lists
from extract.units import Layer


def nearby_of_sum(extraction: Extraction, layer: Layer, probes: CensusProbes) -> NearbyConcepts:
    """New concepts for the units of a sum whose branches' activations are recorded."""
    recorded, branches = recorded_probes(extraction), extraction.manifest.architecture.branches(layer)
    held_out = ProbeFacts.of(recorded).held_out
    top_probes = {name: lists(extraction, branches[name], held_out)["top"] for name in BRANCHES}
    embeddings = ProbeEmbeddings.of(top_probes.values(), extraction.embeddings())
    return nearby_concepts(top_probes, recorded, embeddings, probes)


def ablate_units(maps: BranchMaps, brought: Attribution, probes: CensusProbes, nearby: NearbyConcepts) -> Columns:
    """What some units of a sum lose without either branch, on their own facets and on nearby concepts."""
    ablation = ablate_branches(maps.shortcut, maps.conv)
    columns = own_dissociations(brought, ablation, probes) | nearby_dissociations(nearby, ablation, probes)
    return columns | {"changes": np.asarray(ablation.rise.any(axis=0))}


def ablation_rows(layer: Layer, blocks: Sequence[Columns], nearby: NearbyConcepts, probes: CensusProbes) -> pa.Table:
    """A sum's rows of the stored table; its units came block by block."""
    columns = joined(blocks)
    columns |= states(columns, columns["changes"])
    columns |= states(columns, nearby.complete & (columns["state"] == "supported"), "nearby_")
    columns["unproven"] = np.where(columns["changes"], None, "the sum never changes")  # type: ignore[call-overload]
    for branch in BRANCHES:
        names = ["; ".join(probes.concepts.names[places]) for places in getattr(nearby.facets, branch)]
        columns[f"facet_{branch}"] = np.where(nearby.complete, np.array(names, object), None)  # type: ignore[call-overload]
    return per_unit("ablation", layer, {row.stored: columns[row.stored] for row in of_table("ablation")})


def untested_rows(layer: Layer, channels: int, reason: str) -> pa.Table:
    """The rows of a sum of which ablation says nothing, with the reason."""
    rows = {row.stored: np.full(channels, None if row.kind == "text" else np.nan) for row in of_table("ablation")}
    return per_unit("ablation", layer, rows | {"unproven": np.full(channels, reason, object)})
