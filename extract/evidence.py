"""Evidence that a sum unit joins two facets, one from each branch: how the branches' top examples differ, their reach.

A list holds a branch's top discovery probes. Two branches that answer to different things have lists that differ in
concept or in modality. That says nothing about the sum, which may discard one of them, so reach asks: does the sum rise
on new images of what a branch answers to? Those are held-out probes with the concepts and modality of the branch's
list, chosen by concept and never by the branch's own activation, which would be circular (a branch is a part of its
sum). Reach is a percentile among all held-out probes, so 0.5 for a facet that the sum does not know.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from extract.activations import Examples, Responses, respond, tops
from extract.errors import ExtractionError
from extract.extraction import Extraction
from extract.probes import check, read
from extract.schemas import SCHEMAS
from extract.shortcut import ratio, shares
from extract.units import Layer

if TYPE_CHECKING:
    from extract.weights import Network

TABLES = ("probes.parquet", "examples.parquet", "evidence.parquet")


@dataclass(frozen=True)
class Shown:
    """What is known of the probes, each in the first dimension: modality, split, facet, embedding."""

    words: np.ndarray  # bool (probes,)
    held_out: np.ndarray  # bool (probes,)
    facets: np.ndarray  # int (probes,), one number for a concept in a modality
    embeddings: np.ndarray  # float32 (probes, E), of length 1

    @classmethod
    def of(cls, probes: pa.Table, embeddings: np.ndarray) -> Self:
        """What a table of probes tells, with the network's embeddings of them."""
        modality, split, concept = (np.array(probes[name].to_pylist()) for name in ("modality", "split", "concept"))
        _, facets = np.unique(np.stack([modality, concept]), axis=1, return_inverse=True)
        return cls(modality == "word", split == "held-out", facets, embeddings)


def evidence(shown: Shown, responses: Responses, lists: dict[str, Examples]) -> dict[str, np.ndarray]:
    """The columns of the evidence table, float64 (channels,) each; NaN where a branch has no list."""
    share = shares(responses, lists["sum"].members)
    shortcut, conv = (lists[branch].members for branch in ("shortcut", "conv"))  # bool (probes, channels)
    percentile = percentiles(responses.output[shown.held_out])  # (held-out, channels)
    words = [_words(shown, members) for members in (shortcut, conv)]
    return {
        "share_published": share.published,
        "share_exact": share.exact,
        "share_corrected": share.corrected,
        "overlap": _overlap(shortcut, conv),
        "concept_difference": _concept_difference(shown, shortcut, conv),
        "modality_difference": np.abs(words[0] - words[1]),
        "words_shortcut": words[0],
        "words_conv": words[1],
        "reach_shortcut": _reach(shown, shortcut, percentile),
        "reach_conv": _reach(shown, conv, percentile),
    }


def _words(shown: Shown, members: np.ndarray) -> np.ndarray:
    return ratio((members & shown.words[:, None]).sum(axis=0), members.sum(axis=0))


def _overlap(shortcut: np.ndarray, conv: np.ndarray) -> np.ndarray:
    lengths = np.stack([shortcut.sum(axis=0), conv.sum(axis=0)])
    longer = np.where(lengths.min(axis=0) > 0, lengths.max(axis=0), 0)
    return ratio((shortcut & conv).sum(axis=0), longer)


def _concept_difference(shown: Shown, shortcut: np.ndarray, conv: np.ndarray) -> np.ndarray:
    """Of the lists' mean embeddings, 1 minus the cosine; their lengths do not matter to it."""
    one, other = (members.T.astype(np.float64) @ shown.embeddings for members in (shortcut, conv))  # (channels, E)
    return 1 - ratio((one * other).sum(axis=1), np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))


def _reach(shown: Shown, members: np.ndarray, percentile: np.ndarray) -> np.ndarray:
    """Mean percentile of the sum on the held-out probes of a list's facet: its concepts, each in its modality."""
    probe, channel = np.nonzero(members)
    facet = np.zeros((shown.facets.max() + 1, members.shape[1]), bool)
    facet[shown.facets[probe], channel] = True
    chosen = facet[shown.facets[shown.held_out]]  # (held-out, channels)
    return ratio(np.sum(percentile, axis=0, where=chosen), chosen.sum(axis=0))


def percentiles(values: np.ndarray) -> np.ndarray:
    """The share of all values in a column that lie below each one, equals counted half: (n, channels), mean 0.5.

    Counting equals half keeps a unit that is silent on many probes, all at zero, from favouring either side.
    """
    ranked = np.sort(values, axis=0)
    sides = [
        [np.searchsorted(ranked[:, c], values[:, c], side) for c in range(values.shape[1])]
        for side in ("left", "right")
    ]
    shares: np.ndarray = np.sum(sides, axis=0).T / (2 * len(values))
    return shares


def measure(
    network: "Network",
    extraction: Extraction,
    probes: pa.Table | None = None,
    layers: Sequence[Layer] | None = None,
    progress: bool = True,
) -> None:
    """Show the network all probes (the demo's by default) and add probes, examples and evidence to the extraction.

    `layers` are sums, all of them by default. Done before with the same probes and layers, it does nothing; with
    others, or with an extraction of other weights, it raises ExtractionError. The same machine and threads give the
    same bytes.
    """
    extraction.check(network.model, network.sha256)
    probes = read() if probes is None else check(probes)
    layers = _sums(extraction) if layers is None else sorted(set(layers))
    if extraction.has(*TABLES):
        _same(extraction, probes, layers)
        return
    embeddings, answers = respond(network, probes, layers, progress)
    shown, names = Shown.of(probes, embeddings), np.array(probes["id"].to_pylist())
    rows, found = [], []
    for layer in tqdm(layers, desc="evidence", disable=not progress):
        lists = tops(answers[layer], shown.held_out)
        rows.append(_table(layer, evidence(shown, answers[layer], lists)))
        found += [each.table(layer, branch, names) for branch, each in lists.items()]
    contents = (probes, pa.concat_tables(found), pa.concat_tables(rows))
    extraction.add(dict(zip(TABLES, contents, strict=True)))


def _sums(extraction: Extraction) -> list[Layer]:
    return [layer for layer in extraction.layers if layer.role == "sum"]


def _same(extraction: Extraction, probes: pa.Table, layers: Iterable[Layer]) -> None:
    done = extraction.table("evidence")["layer"].unique().to_pylist()
    if done != [str(layer) for layer in layers] or not extraction.table("probes").equals(probes):
        raise ExtractionError(
            f"{extraction.path} holds evidence from other probes or layers. Extract into another folder."
        )


def _table(layer: Layer, measures: dict[str, np.ndarray]) -> pa.Table:
    """The evidence table's rows of a layer, null where a measure is NaN."""
    columns = {name: pa.array(values.astype(np.float32), from_pandas=True) for name, values in measures.items()}
    channels = pa.array(range(len(measures["overlap"])), pa.int32())
    layers = pa.array([str(layer)] * len(channels), pa.string())
    return pa.table({"layer": layers, "channel": channels, **columns}, schema=SCHEMAS["evidence"])
