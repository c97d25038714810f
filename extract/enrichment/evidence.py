"""Evidence that a sum unit joins two facets, one from each branch: how the branches' top examples differ, their reach.

A list holds a branch's top discovery probes. Two branches that answer to different things have lists that differ in
concept or in modality. That says nothing about the sum, which may discard one of them, so reach asks: does the sum rise
on new images of what a branch answers to? Those are held-out probes with the concepts and modality of the branch's
list, chosen by concept and never by the branch's own activation, which would be circular (a branch is a part of its
sum). Reach is a percentile among all held-out probes, so 0.5 for a facet that the sum does not know.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from extract.demo import PROBES
from extract.enrichment.dissociation_table import prove
from extract.enrichment.shortcut_share import ratio, shares, terms
from extract.enrichment.two_facets import Embedded, Shown, concept_means, reach, two_facets, undecided, verdict
from extract.errors import ExtractionError
from extract.folder.activations import blocks
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.folder.schemas import SCHEMAS, per_unit
from extract.network.network import Network
from extract.probes.sources import ProbeTable, Source
from extract.probes.table import check
from extract.ranking import percentiles
from extract.recording.recording import add_thumbnails, digest, show
from extract.responses.histograms import histograms
from extract.responses.top_probes import RankedProbes, lists, table
from extract.units import Layer

TABLES = ("evidence.parquet", "tests.parquet", "shares.parquet", "dissociation.parquet")


def evidence(
    shown: Shown, tops: Mapping[str, RankedProbes], output: np.ndarray, embedded: Embedded
) -> dict[str, np.ndarray]:
    """The columns of units in the evidence table but for the shares, float64 (units,); NaN where a branch has no list.

    And both p of reach. From the top lists of the branches, what the sum does after its ReLU, `output` (units, probes),
    and the embeddings of the probes in the lists.
    """
    shortcut, conv = tops["shortcut"], tops["conv"]
    words = [_words(shown, each) for each in (shortcut, conv)]
    columns = {
        "overlap": overlap(shortcut, conv),
        "concept_difference": _concept_difference(embedded.sums(shortcut), embedded.sums(conv)),
        "modality_difference": np.abs(words[0] - words[1]),
        "words_shortcut": words[0],
        "words_conv": words[1],
    }
    percentile = percentiles(output[:, shown.held_out].T).T  # (units, held-out)
    means, concepts = concept_means(percentile, shown.facets[shown.held_out])  # (units, concepts)
    for branch in ("shortcut", "conv"):
        answered = _answered(shown, tops[branch])[:, concepts]  # (units, concepts)
        columns[f"reach_{branch}"], columns[f"p_reach_{branch}"] = reach(means, answered)
    return columns


def _words(shown: Shown, top: RankedProbes) -> np.ndarray:
    return ratio((shown.words[top.probes] & top.valid).sum(axis=1), top.valid.sum(axis=1))


def overlap(one: RankedProbes, other: RankedProbes) -> np.ndarray:
    """Probes in both lists over the length of the longer one, float64 (units,); NaN where a list is empty."""
    both = (one.probes[:, :, None] == other.probes[:, None, :]) & one.valid[:, :, None] & other.valid[:, None, :]
    lengths = np.stack([one.valid.sum(axis=1), other.valid.sum(axis=1)])
    return ratio(both.sum(axis=(1, 2)), np.where(lengths.min(axis=0) > 0, lengths.max(axis=0), 0))


def _concept_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of the lists' mean embeddings, 1 minus the cosine; their lengths do not matter to it."""
    return 1 - ratio((one * other).sum(axis=1), np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))


def _answered(shown: Shown, top: RankedProbes) -> np.ndarray:
    """Which concepts, each in its modality, are in every unit's list: bool (units, all of them)."""
    unit, rank = np.nonzero(top.valid)
    answered = np.zeros((len(top.probes), shown.facets.max() + 1), bool)
    answered[unit, shown.facets[top.probes[unit, rank]]] = True
    return answered


def measure(
    network: Network,
    extraction: Extraction,
    probes: pa.Table | Source | None = None,
    layers: Iterable[Layer] | None = None,
    progress: bool = True,
) -> None:
    """Show the network all probes (the demo's by default); add probes, activations, examples, shares and evidence.

    `probes` are a table or any source, such as `pictures.source` finds. `layers` are by default all sums and what lies
    inside their conv branches; units of layers that are no sums have examples alone. Done before with the same probes
    and layers, it does nothing; with others, or with an extraction of other weights, it raises ExtractionError. Raises
    ProbesError for probes that cannot be shown, UnknownUnit for a layer that is not there. Interrupted, it goes on
    where it stopped. The same machine and threads give the same bytes. Memory: under 1 GB with RN50, however many the
    probes.
    """
    extraction.check(network.model, network.sha256)
    source = _source(probes)
    shape = network.architecture
    chosen = _usual(extraction) if layers is None else [shape.check(layer) for layer in sorted({*layers})]
    watched = _watched(extraction, chosen)
    if extraction.has(*TABLES):
        if _measured(extraction, source, chosen):
            _add_histograms(extraction, source, watched)
            return
        if layers is not None or not _measured(extraction, source, _sums(extraction)):
            raise ExtractionError(
                f"{extraction.path} holds evidence from other probes or layers. Extract into another folder."
            )
        extraction.drop(TABLES)  # an earlier version showed its probes to sums and their branches alone
    show(network, extraction, source, watched, progress)
    _add_histograms(extraction, source, watched)
    facts = check(_facts(extraction))
    shown = Shown.of(facts)
    rows: dict[str, list[pa.Table]] = {name: [SCHEMAS[name].empty_table()] for name in ("evidence", "tests", "shares")}
    wanted = np.zeros(facts.num_rows, bool)
    for layer in tqdm(chosen, desc="evidence", disable=not progress):
        found = {branch: lists(extraction, at, shown.held_out) for branch, at in _branches(extraction, layer).items()}
        for each in (each for kinds in found.values() for each in kinds.values()):
            wanted[each.probes[each.valid]] = True
        extraction.add({part("examples", str(layer)): _examples(extraction, layer, found, facts["id"])})
        if layer.role == "sum":
            tops = {branch: kinds["top"] for branch, kinds in found.items()}
            for name, columns in _measures(extraction, layer, shown, tops).items():
                rows[name].append(per_unit(name, layer, columns))
    add_thumbnails(extraction, source, wanted, progress)
    proof = prove(network, extraction, source, facts, [layer for layer in chosen if layer.role == "sum"], progress)
    tables = {name: pa.concat_tables(parts) for name, parts in rows.items()} | {"dissociation": proof}
    extraction.add({f"{name}.parquet": table for name, table in tables.items()})


def _add_histograms(extraction: Extraction, source: Source, layers: Sequence[Layer]) -> None:
    """Also of an extraction that was measured before there were any."""
    if not extraction.has(file := f"histograms.parquet/{digest(source, layers)}.parquet"):
        extraction.add({file: histograms(extraction, layers)})


def _source(probes: pa.Table | Source | None) -> Source:
    if probes is None:
        return ProbeTable.read(PROBES)
    return ProbeTable.of(probes) if isinstance(probes, pa.Table) else probes


def _sums(extraction: Extraction) -> list[Layer]:
    return list(extraction.manifest.architecture.sums)


def _usual(extraction: Extraction) -> list[Layer]:
    return [layer for layer in extraction.layers if layer.inner or layer.role == "sum"]


def _branches(extraction: Extraction, layer: Layer) -> dict[str, Layer]:
    return extraction.manifest.architecture.branches(layer) if layer.role == "sum" else {"unit": layer}


def _watched(extraction: Extraction, layers: Iterable[Layer]) -> list[Layer]:
    return sorted({place for layer in layers for place in _branches(extraction, layer).values()})


def _measured(extraction: Extraction, source: Source, layers: Sequence[Layer]) -> bool:
    """Whether these probes were shown to these layers and no others."""
    files, done = extraction.under("activations"), extraction.under("examples.parquet")
    wanted = digest(source, _watched(extraction, layers))
    return wanted in files[0] and done == sorted(part("examples", str(layer)) for layer in layers)


def _facts(extraction: Extraction) -> pa.Table:
    """The table of probes without their images, which need not be in memory at once."""
    return pa.concat_tables([each.drop(["image"]) for each in extraction.parts("probes")]).combine_chunks()


def _examples(
    extraction: Extraction, layer: Layer, found: Mapping[str, dict[str, RankedProbes]], names: "pa.ChunkedArray[Any]"
) -> pa.Table:
    places = _branches(extraction, layer)
    grid, ids = extraction.manifest.architecture.grid, names.combine_chunks()
    return pa.concat_tables([table(kinds, layer, at, grid(places[at]), ids) for at, kinds in found.items()])


def _measures(
    extraction: Extraction, layer: Layer, shown: Shown, tops: Mapping[str, RankedProbes]
) -> dict[str, dict[str, np.ndarray]]:
    """A sum's columns of the evidence and shares tables."""
    share = shares(terms(extraction, layer, tops["sum"]))
    embedded = Embedded.of([tops["shortcut"], tops["conv"]], extraction.embeddings())
    found = []
    for units in blocks(len(share.exact), len(shown.words)):
        output = extraction.activations(layer, units)  # (probes, units)
        assert output is not None  # noqa: S101, shown above
        some = {branch: each.only(units) for branch, each in tops.items()}
        found.append(evidence(shown, some, output.T.astype(np.float32), embedded))
    columns = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    tests = two_facets(tops, shown, embedded)
    tests |= {name: columns.pop(name) for name in ("p_reach_shortcut", "p_reach_conv")}
    tests |= verdict(tests) | {"undecided": undecided(tops, columns)}
    columns |= {"share_published": share.published, "share_exact": share.exact, "share_corrected": share.corrected}
    further = {
        "examples": tops["sum"].valid.sum(axis=1),
        "share_corrected_low": share.corrected_low,
        "share_corrected_high": share.corrected_high,
        "overlap_shortcut": overlap(tops["sum"], tops["shortcut"]),
        "overlap_conv": overlap(tops["sum"], tops["conv"]),
    }
    return {"evidence": columns, "tests": tests, "shares": further}
