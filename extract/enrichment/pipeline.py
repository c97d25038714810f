"""Find out whether a sum is two facets: the steps from probes to evidence, in order.

record          show the network all probes; write what the layers' units do
histograms      how every unit's activation is spread
rank probes     every unit's top, middle, low and random probes
evidence        how a sum's branches differ in their top probes
shares          how much of a sum comes over the shortcut, on 16 top probes and on 100
thumbnails      small pictures of the ranked probes
census          judge whether each branch brings a facet of its own, and ablate either
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from extract.demo import PROBES
from extract.enrichment.branch_differences import branch_differences
from extract.enrichment.census_of_sums import add_census
from extract.enrichment.census_probes import facet_probes
from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts, recorded_probes
from extract.enrichment.share_tables import share_tables
from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.folder.schemas import SCHEMAS, SHARE_PROBES, TOP_PROBES, per_unit
from extract.network.network import Network
from extract.probes.probe import Source
from extract.probes.sources import ProbeTable
from extract.probes.table import check
from extract.read_report import Reading
from extract.recording.probe_hashes import compare, is_of_earlier_version
from extract.recording.recording import CHUNK, add_thumbnails, digest, reading, record
from extract.responses.histograms import histograms
from extract.responses.top_probes import RankedProbes, lists, table
from extract.units import Layer

TABLES = ("evidence.parquet", "shares.parquet", "census_settings.parquet")
_TOP_100 = "top_100_shares.parquet"  # none in a folder that an earlier version recorded
_EARLIER = ("tests.parquet", "dissociation.parquet")  # of earlier versions, with other tests

_ANEW = "all were shown anew, since an earlier version had not recorded what they held"

RankedLists = dict[str, dict[str, RankedProbes]]  # keyed by branch ("unit" for a layer that is no sum) and kind


def measure(
    network: Network,
    extraction: Extraction,
    probes: pa.Table | Source | None = None,
    layers: Iterable[Layer] | None = None,
    progress: bool = True,
    chunk: int = CHUNK,
) -> Reading:
    """Show the network all probes; add probes, activations, examples, shares and evidence to the extraction.

    Returns how many probes were shown, and what was left out.

    `probes` are a table or any source, such as `sources.source` opens; by default the demo's. `layers` are by default
    all sums and the layers inside their conv branches. A layer that is not a sum gets only examples. If the extraction
    was measured before with the same probes and layers, nothing is measured again. An interrupted run resumes where it
    stopped. The same machine and threads give the same bytes. Memory stays under 3 GB with RN50, whatever the number of
    probes.

    An earlier version did not record what the probes held. What it measured is measured anew, even if a folder lists
    some other files now, and the reading says so. Raises ExtractionError for an extraction of other weights, with
    evidence from other probes or layers, or with a probe that changed since; ProbesError for probes that cannot be
    shown; UnknownUnit for a layer that is not there.
    """
    extraction.check(network.model, network.sha256)
    source = _source(probes)
    if layers is None:
        measured = _usual_layers(extraction)
    else:
        measured = [network.architecture.check(layer) for layer in sorted({*layers})]
    recorded, earlier = _recorded_layers(extraction, measured), is_of_earlier_version(extraction)
    if extraction.has("evidence.parquet"):
        same = _is_measured(extraction, source, measured, chunk)
        tested_earlier = any(map(extraction.has, _EARLIER))
        if same and not earlier and not tested_earlier and extraction.has(*TABLES):
            compare(extraction, source, chunk, progress)
            _add_histograms(extraction, source, recorded, chunk)
            return reading(extraction)
        usual = layers is None and _is_measured(extraction, source, network.architecture.sums, chunk)
        if not (same or usual or (earlier and _shares_probes(extraction, source))):
            raise ExtractionError(
                f"{extraction.path} holds evidence from other probes or layers. Extract into another folder."
            )
        extraction.drop([*TABLES, _TOP_100, *_EARLIER])
    record(network, extraction, source, recorded, progress, chunk)
    _add_histograms(extraction, source, recorded, chunk)
    _add_evidence(network, extraction, source, measured, progress, chunk)
    result = reading(extraction)
    return replace(result, notes=(*result.notes, _ANEW)) if earlier else result


def _add_evidence(
    network: Network, extraction: Extraction, source: Source, layers: Sequence[Layer], progress: bool, chunk: int
) -> None:
    """Rank probes, compute shares, make thumbnails, judge and ablate after the recording; add the tables last."""
    probes = check(recorded_probes(extraction))
    facts = ProbeFacts.of(probes)
    rows: dict[str, list[pa.Table]] = {name: [SCHEMAS[name].empty_table()] for name in ("evidence", "shares")}
    pictured = facet_probes(probes)  # (probes,)
    for layer in tqdm(layers, desc="evidence", disable=not progress):
        longer = _ranked(extraction, layer, facts)
        ranked = {branch: kinds | {"top": kinds["top"].first(TOP_PROBES)} for branch, kinds in longer.items()}
        _add_examples(extraction, layer, ranked, probes["id"])
        for kinds in ranked.values():
            for probes_of_kind in kinds.values():
                pictured[probes_of_kind.probes[probes_of_kind.valid]] = True
        if layer.role == "sum":
            for name, own in _sum_tables(extraction, layer, facts, longer["sum"]["top"], ranked).items():
                rows.setdefault(name, []).append(own)
    add_thumbnails(extraction, source, pictured, progress, chunk)
    tables = {name: pa.concat_tables(parts) for name, parts in rows.items()}
    add_census(network, extraction, source, probes, _sums(layers), progress)
    extraction.add({f"{name}.parquet": table for name, table in tables.items()})


def _add_histograms(extraction: Extraction, source: Source, layers: Sequence[Layer], chunk: int) -> None:
    """Add histograms, also to an extraction that was measured before histograms existed."""
    if not extraction.has(file := f"histograms.parquet/{digest(source, layers, chunk)}.parquet"):
        extraction.add({file: histograms(extraction, layers)})


def _ranked(extraction: Extraction, layer: Layer, facts: ProbeFacts) -> RankedLists:
    """Rank every unit's probes, and for a sum also its branches'; a sum's own top lists hold SHARE_PROBES."""
    lengths = {"sum": SHARE_PROBES}
    return {
        branch: lists(extraction, place, facts.held_out, lengths.get(branch, TOP_PROBES))
        for branch, place in _branches(extraction, layer).items()
    }


def _add_examples(extraction: Extraction, layer: Layer, ranked: RankedLists, ids: "pa.ChunkedArray[Any]") -> None:
    places, grid, names = _branches(extraction, layer), extraction.manifest.architecture.grid, ids.combine_chunks()
    tables = [table(kinds, layer, branch, grid(places[branch]), names) for branch, kinds in ranked.items()]
    extraction.add({part("examples", str(layer)): pa.concat_tables(tables)})


def _sum_tables(
    extraction: Extraction, layer: Layer, facts: ProbeFacts, longer: RankedProbes, ranked: RankedLists
) -> dict[str, pa.Table]:
    """Make a sum's rows of the evidence and of both tables of shares; `longer` are its units' top SHARE_PROBES."""
    top_probes = {branch: kinds["top"] for branch, kinds in ranked.items()}
    embeddings = ProbeEmbeddings.of([top_probes["shortcut"], top_probes["conv"]], extraction.embeddings())
    columns = share_tables(extraction, layer, facts, longer, top_probes)
    columns["evidence"] |= branch_differences(facts, top_probes, embeddings)
    return {name: per_unit(name, layer, measures) for name, measures in columns.items()}


def _source(probes: pa.Table | Source | None) -> Source:
    if probes is None:
        return ProbeTable.read(PROBES)
    return ProbeTable.of(probes) if isinstance(probes, pa.Table) else probes


def _sums(layers: Iterable[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.role == "sum"]


def _usual_layers(extraction: Extraction) -> list[Layer]:
    return [layer for layer in extraction.layers if layer.inner or layer.role == "sum"]


def _branches(extraction: Extraction, layer: Layer) -> dict[str, Layer]:
    return extraction.manifest.architecture.branches(layer) if layer.role == "sum" else {"unit": layer}


def _recorded_layers(extraction: Extraction, layers: Iterable[Layer]) -> list[Layer]:
    return sorted({place for layer in layers for place in _branches(extraction, layer).values()})


def _is_measured(extraction: Extraction, source: Source, layers: Sequence[Layer], chunk: int) -> bool:
    """Return whether these probes were shown to these layers and no others."""
    files, done = extraction.under("activations"), extraction.under("examples.parquet")
    name = digest(source, _recorded_layers(extraction, layers), chunk)
    return name in files[0] and done == sorted(part("examples", str(layer)) for layer in layers)


def _shares_probes(extraction: Extraction, source: Source) -> bool:
    """Return whether any of these probes was shown before, by its id."""
    shown = set(extraction.table("probes")["id"].to_pylist())
    return any(probe.id in shown for probe in source)
