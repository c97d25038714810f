"""Hold out each vendor of pictures and each font of words in turn, to see which verdicts recur.

A verdict in one split depends on the held-out vendor and font, for example if two vendors draw alike and a third draws
otherwise. So every pair of a vendor and a font (the sources of pictures and of words) is held out once.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pyarrow as pa

from extract.enrichment.census_probes import FEWEST, CensusProbes
from extract.enrichment.concept_table import ProbeConcepts

MOST = 6  # sources of a modality: more are not vendors or fonts, but for example one per image
_RECURS = 0.5  # share of the ways: an enriched unit is enriched in more than this


def rotations(probes: pa.Table, embeddings: np.ndarray) -> list[CensusProbes]:
    """Return the probes once for every pair of sources held out; none if no modality has from two to six sources.

    A pair counts if at least half as many concepts are in both splits as in the probes' own splits. Covariates are left
    out, because the probes' own splits say what they explain.
    """
    turned = [ProbeConcepts.of(table) for _, table in held_out_splits(probes)]
    least = max(FEWEST, len(ProbeConcepts.of(probes).names) / 2) if turned else 0
    return [CensusProbes(concepts, embeddings, {}) for concepts in turned if len(concepts.names) >= least]


def held_out_splits(probes: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield for every pair of sources its name, and the probes with the pair held out, however few concepts remain."""
    if "source" not in probes.column_names:
        return
    modality, source, split = (np.array(probes[name].to_pylist()) for name in ("modality", "source", "split"))
    pairs = list(product(*(_sources(source[modality == name]) for name in ("picture", "word"))))
    place = probes.column_names.index("split")
    for pair in pairs if len(pairs) > 1 else []:
        own = pa.array(_split(pair, modality, source, split).tolist())
        yield ", ".join(name for name in pair if name is not None), probes.set_column(place, "split", own)


def _sources(names: np.ndarray) -> list[str | None]:
    """Return the sources to hold out in turn; [None] if the modality keeps its own split."""
    different = sorted(set(names.tolist()))
    return [*different] if 2 <= len(different) <= MOST else [None]


def _split(pair: tuple[str | None, ...], modality: np.ndarray, source: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Return the split of every probe with these two sources held out, one of pictures and one of words."""
    for name, held_out in zip(("picture", "word"), pair, strict=True):
        if held_out is not None:
            split = np.where(modality == name, np.where(source == held_out, "held-out", "discovery"), split)
    return split


def recurrence(verdict: np.ndarray, turned: list[np.ndarray]) -> np.ndarray:
    """Compute the share of ways to hold out sources in which each unit has its verdict, (units,); NaN without ways.

    `turned` holds the verdicts of all units for each way.
    """
    if not turned:
        return np.full(len(verdict), np.nan)
    return np.asarray(np.mean([other == verdict for other in turned], axis=0))


def fails_to_recur(verdict: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return which enriched units are enriched in half of the ways or fewer, bool (units,)."""
    return np.asarray((verdict == "enriched") & (shares <= _RECURS))
