"""Choose which probes a census shows, and check what it knows of them: concepts, embeddings and covariates."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.types as types

from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.spline import Spline, splines
from extract.errors import CensusError

PROBES = 4  # shown per concept and split
CONCEPTS = 2000  # each in a modality, of which probes are shown
FEWEST = 12  # concepts in both splits: six for either facet
_VALUES = {"modality": {"picture", "word"}, "split": {"discovery", "held-out"}}


@dataclass(frozen=True)
class CensusProbes:
    """The probes of a census: their concepts, image embeddings (probes, E), and covariates (probes,) keyed by name."""

    concepts: ProbeConcepts
    embeddings: np.ndarray
    covariates: dict[str, np.ndarray]

    @classmethod
    def of(cls, probes: pa.Table, embeddings: np.ndarray, covariates: pa.Table | None = None) -> Self:
        """Check the probes, and gather what the census knows of them. Raises CensusError."""
        _check_probes(probes)
        if embeddings.ndim != 2 or len(embeddings) != probes.num_rows or not np.isfinite(embeddings).all():
            raise CensusError(
                f"embeddings have the shape {embeddings.shape} for {probes.num_rows} probes, or hold NaN. Give one row "
                "of finite numbers for each probe."
            )
        concepts = ProbeConcepts.of(probes)
        check_concepts(concepts)
        return cls(concepts, embeddings, _columns(covariates, probes.num_rows))

    @cached_property
    def splines(self) -> dict[str, list[Spline]]:
        """The splines of every covariate, which are the same for all units."""
        means = {name: self.concepts.means(values[:, None]) for name, values in self.covariates.items()}
        words = self.concepts.words
        return {name: splines(words, discovery[:, 0], held_out[:, 0]) for name, (discovery, held_out) in means.items()}

    @property
    def text(self) -> str:
        """How many concepts the probes have as pictures and as words, for readers of the verdicts."""
        words = int(self.concepts.words.sum())
        return f"{len(self.concepts.words) - words} concepts as pictures, {words} as words"


def check_concepts(concepts: ProbeConcepts) -> None:
    """Raise CensusError if there are too few concepts for two facets."""
    if len(concepts.names) < FEWEST:
        raise CensusError(
            f"Only {len(concepts.names)} concepts (each in one modality) have probes in both splits. Give at least "
            f"{FEWEST}, or 48 for facets of 24."
        )


def _check_probes(probes: pa.Table) -> None:
    missing = [name for name in ("modality", "concept", "split") if name not in probes.column_names]
    if missing:
        raise CensusError(f"probes has no column {', '.join(missing)}. Give modality, concept and split.")
    if not probes.num_rows:
        raise CensusError("probes has no row. Give one row for each image.")
    if "source" in probes.column_names and probes["source"].null_count:
        raise CensusError("probes has rows without a source. Name every source, or leave out the column.")
    for name, values in _VALUES.items():
        if unknown := set(probes[name].to_pylist()) - values:
            raise CensusError(f"probes has the {name} {sorted(map(str, unknown))}. Give {' or '.join(sorted(values))}.")


def _columns(covariates: pa.Table | None, probes: int) -> dict[str, np.ndarray]:
    if covariates is None:
        return {}
    if covariates.num_rows != probes:
        raise CensusError(
            f"covariates has {covariates.num_rows} rows for {probes} probes. Give one row for each probe."
        )
    if len(set(covariates.column_names)) < len(covariates.column_names):
        raise CensusError(
            f"Two covariates have the same name: {', '.join(covariates.column_names)}. Rename one of them."
        )
    for field in covariates.schema:
        if not (types.is_floating(field.type) or types.is_integer(field.type)):
            raise CensusError(
                f"The covariate {field.name} is {field.type}. Give numbers, null where it does not apply."
            )
    columns = {name: covariates[name].to_numpy().astype(np.float64) for name in covariates.column_names}
    for name, values in columns.items():
        if np.isinf(values).any():
            raise CensusError(f"The covariate {name} holds infinite numbers. Put null where it does not apply.")
    return columns


def sampled(probes: pa.Table) -> np.ndarray:
    """Choose the probes that are shown, bool (probes,).

    They are the first few of a concept in either split, for a random draw of concepts.
    """
    places = ProbeConcepts.of(probes).places  # (2, probes)
    count = places.max(initial=-1) + 1
    drawn = np.zeros(count, bool)
    drawn[np.random.default_rng(0).permutation(count)[:CONCEPTS]] = True
    room, shown = np.full((2, count), PROBES), np.zeros(probes.num_rows, bool)
    for split, probe in zip(*np.nonzero(places >= 0), strict=True):
        place = places[split, probe]
        shown[probe] = drawn[place] and room[split, place] > 0
        room[split, place] -= 1
    return shown


def facet_probes(probes: pa.Table) -> np.ndarray:
    """Mark the probes that represent their concepts when a facet is drawn: the first held-out probe of each concept.

    Returns bool (probes,).
    """
    places = np.where(sampled(probes), ProbeConcepts.of(probes).places[1], -1)  # (probes,)
    _, first = np.unique(places, return_index=True)
    pictured = np.zeros(len(places), bool)
    pictured[first] = True
    return np.asarray(pictured & (places >= 0))
