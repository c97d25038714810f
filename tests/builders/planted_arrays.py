"""The maps of both branches of units whose kinds are known, without a network: worlds on which the census is tried.

The census is the statistical test of which units are enriched. Concepts are in groups of two clusters, each as picture
and as word, with two discovery images and a held-out one. What a branch does on an image is its drive on the image's
concept, plus noise, part of which the units share. A unit's kind says what drives both branches. New images of any
concept can be drawn at will, so that the truth does not depend on the names of concepts. Every image is of a source:
one of three vendors of pictures, or one of three fonts of words. A kind may drive a branch only on images of certain
sources.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pyarrow as pa

GROUPS, CLUSTERS, EACH, MODALITIES = 24, 2, 10, ("picture", "word")
SUBJECTS = GROUPS * CLUSTERS * EACH
CONCEPTS = SUBJECTS * 2  # each in a modality; pictures come first
SPLITS = ("discovery", "discovery", "held-out")  # the split of a concept's image by each source
SOURCES, HELD_OUT = len(SPLITS), SPLITS.index("held-out")
POSITIONS, FACTORS, WIDTH = 4, 8, 48
STRENGTH, NOISE, OWN = 3.0, 0.4, 0.2  # the strength of a facet, the noise of an image and of a concept

Drive = tuple[np.ndarray, np.ndarray]  # of shortcut and conv on every concept, (CONCEPTS,) each or (CONCEPTS, SOURCES)


@dataclass(frozen=True)
class Nature:
    """What concepts are: group, cluster, modality and covariates as arrays (c,), and embeddings (c, WIDTH)."""

    group: np.ndarray
    cluster: np.ndarray
    word: np.ndarray
    embeddings: np.ndarray
    covariates: dict[str, np.ndarray]

    @classmethod
    def of(cls, rng: np.random.Generator) -> "Nature":
        """Draw the nature of all concepts; groups 0 and 1, 2 and 3, 4 and 5 lie near each other."""
        subject = np.tile(np.arange(SUBJECTS), 2)
        group, cluster = subject // (CLUSTERS * EACH), subject // EACH
        word = np.arange(CONCEPTS) >= SUBJECTS
        groups = unit(rng.normal(size=(GROUPS, WIDTH)))
        groups[1:6:2] = unit(groups[0:6:2] + 0.4 * groups[1:6:2])
        clusters, own = (unit(rng.normal(size=(n, WIDTH))) for n in (GROUPS * CLUSTERS, SUBJECTS))
        rows = unit(0.75 * groups[group] + 0.35 * clusters[cluster] + 0.5 * own[subject])
        covariates = {
            "ink": np.where(word, np.nan, rng.beta(2, 2, CONCEPTS)),
            "width": np.where(word, rng.gamma(8, 1 / 8, CONCEPTS), np.nan),
            "letters": np.where(word, rng.integers(3, 11, CONCEPTS), np.nan),
            "trigram": np.where(word, rng.random(CONCEPTS) < 0.06, np.nan),
        }
        return cls(group, cluster, word, rows, covariates)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


class Draw:
    """What a kind of unit draws its drives from: groups in a modality, covariates such as ink, noise."""

    def __init__(self, nature: Nature, rng: np.random.Generator) -> None:
        self.nature, self.rng = nature, rng
        self.groups = rng.permutation(np.arange(6, GROUPS))
        self.words = rng.random(2) < 0.5

    def facet(self, place: int = 0, word: bool | None = None) -> np.ndarray:
        """Return the drive on a group in a modality; the same arguments give the same drive."""
        modality = self.words[place % 2] if word is None else word
        return self.members(self.groups[place], modality)

    def members(self, group: int, word: bool) -> np.ndarray:
        return np.asarray((self.nature.group == group) & (self.nature.word == word), float)

    def half(self, place: int) -> np.ndarray:
        """Return the drive on one cluster of the first facet's group."""
        return np.where(self.nature.cluster % 2 == place, self.facet(), 0)

    def narrow(self, count: int = 6) -> np.ndarray:
        facet = self.facet(1)
        facet[np.flatnonzero(facet)[count:]] = 0
        return facet

    def broad(self) -> np.ndarray:
        """Return the drive on half of all groups, the first facet's among them."""
        among = np.isin(self.nature.group, self.groups[:9])
        return np.asarray(among & (self.nature.word == self.words[0]), float)

    def covariate(self, name: str) -> np.ndarray:
        values = self.nature.covariates[name]
        low, high = np.nanquantile(values, [0.02, 0.98])
        spread = max(high - low, 1e-9) if name != "trigram" else 1.0
        return np.nan_to_num((values - (low if name != "trigram" else 0)) / spread).clip(0)

    def gains(self) -> np.ndarray:
        return self.rng.uniform(0.4, 1.6, CONCEPTS)

    def smooth(self) -> np.ndarray:
        along = self.nature.embeddings @ unit(self.rng.normal(size=(1, WIDTH)))[0]
        return np.asarray(along / along.std() / 2)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def near(self) -> Drive:
        pair = 2 * int(self.rng.integers(3))
        word = bool(self.words[0])
        return self.members(pair, word), self.members(pair + 1, word)

    def pair(self, apart: int) -> Drive:
        """Return two of FEW facets, for the shortcut and for conv (at any strength), `apart` places from each other."""
        first = int(self.rng.integers(FEW))
        one, other = (self.members(6 + place // 2, bool(place % 2)) for place in (first, (first + apart) % FEW))
        return one, self.between(0.1, 1) * other

    def same_concept(self) -> Drive:
        return self.facet(0, word=False), self.facet(0, word=True)

    def picture(self) -> np.ndarray:
        return self.facet(0, word=False)

    def written(self) -> np.ndarray:
        return self.facet(1, word=True)


def seen(drive: np.ndarray) -> np.ndarray:
    """Return a drive as (CONCEPTS, SOURCES); a drive (CONCEPTS,) is equal for all sources."""
    return np.broadcast_to(drive.reshape(CONCEPTS, -1), (CONCEPTS, SOURCES))


def by(drive: np.ndarray, *sources: int) -> np.ndarray:
    """Return a drive (CONCEPTS, SOURCES) that acts only on the images of these sources."""
    return seen(drive) * np.isin(np.arange(SOURCES), sources)


ZERO = np.zeros(CONCEPTS)
KINDS: dict[str, Callable[[Draw], Drive]] = {
    "clear": lambda d: (d.facet(), d.facet(1)),
    "half": lambda d: (d.facet(), 0.5 * d.facet(1)),
    "graded": lambda d: (d.facet(), d.between(0.1, 0.6) * d.facet(1)),
    "graded shortcut": lambda d: (d.between(0.1, 0.6) * d.facet(), d.facet(1)),
    "word and picture": lambda d: d.same_concept(),
    "three facets": lambda d: (d.facet(), 0.8 * (d.facet(1) + d.facet(2))),
    "narrow": lambda d: (d.facet(), d.narrow()),
    "boundary": lambda d: (d.facet(), d.between(0.25, 0.35) * d.facet(1)),
    "weak": lambda d: (d.facet(), 0.15 * d.facet(1)),
    "broad conv": lambda d: (d.facet(), 0.8 * d.broad()),
    "broad shortcut": lambda d: (0.8 * d.broad(), d.facet()),
    "one facet": lambda d: (d.facet(), d.facet()),
    "own gains": lambda d: (d.gains() * d.facet(), d.gains() * d.facet()),
    "halves": lambda d: (d.half(0) + 0.7 * d.half(1), 0.7 * d.half(0) + d.half(1)),
    "clusters": lambda d: (d.half(0), d.half(1)),
    "near facets": lambda d: d.near(),
    "echo": lambda d: (d.facet() + d.facet(1), 0.2 * d.facet(1)),
    "rescaling": lambda d: (d.facet() + 0.5 * d.facet(1), 0.5 * d.facet() + 0.25 * d.facet(1)),
    "discarded": lambda d: (2 * d.facet(), 0.8 * d.facet(1) - 1.1),
    "sharpening": lambda d: (d.facet() + d.facet(1), -1.0 * d.facet(1)),
    "drowned": lambda d: (d.facet(), 0.05 * d.facet(1)),
    "one branch": lambda d: (d.facet(), ZERO),
    "noise": lambda d: (ZERO, ZERO),
    "width": lambda d: (d.facet(), d.covariate("width")),
    "ink": lambda d: (d.facet(), d.covariate("ink")),
    "trigram": lambda d: (d.facet(), d.covariate("trigram")),
    "smooth": lambda d: (d.facet(), d.smooth()),
}
FEW = 4  # facets of paired units
PAIRED: dict[str, Callable[[Draw], Drive]] = {  # units of few facets, so that unrelated branches may share one
    "unrelated": lambda d: d.pair(int(d.rng.integers(FEW))),
    "apart": lambda d: d.pair(int(d.rng.integers(1, FEW))),
    "alike": lambda d: d.pair(0),
}
BY_SOURCE: dict[str, Callable[[Draw], Drive]] = {  # units of a picture facet and a word facet
    "every source": lambda d: (d.picture(), d.written()),
    "one source": lambda d: (d.picture(), by(d.written(), 0)),  # held-out images do not have the word facet
    "two sources": lambda d: (by(d.picture(), 0, HELD_OUT), by(d.written(), 0, HELD_OUT)),  # both in 4 of 9 ways
    "overtaken shortcut": lambda d: (d.picture(), 2.5 * seen(d.written()) + by(1.3 * d.picture(), HELD_OUT)),
    "overtaken conv": lambda d: (2.5 * seen(d.picture()) + by(1.3 * d.written(), HELD_OUT), d.written()),
}
LOW_LEVEL = ("width", "ink", "trigram")
ALIKE = ("clusters", "near facets", "halves")


@dataclass(frozen=True)
class World:
    """Maps (images, units, positions) of units of known kinds, and everything else that a census takes."""

    seed: int
    nature: Nature
    kinds: np.ndarray
    drives: np.ndarray  # (2, units, CONCEPTS, SOURCES), the shortcut's first
    loads: np.ndarray  # of shared noise, (2, units, FACTORS)
    offsets: np.ndarray  # (2, units)
    concept: np.ndarray  # of every image
    split: np.ndarray
    shortcut: np.ndarray
    conv: np.ndarray
    embeddings: np.ndarray

    @cached_property
    def probes(self) -> pa.Table:
        modality = [MODALITIES[int(word)] for word in self.nature.word[self.concept]]
        names = [f"{c % SUBJECTS:03}" for c in self.concept]
        columns = {"modality": modality, "concept": names, "split": self.split.tolist()}
        if self.ways:  # all other worlds are judged in their own split only
            columns["source"] = [f"source {n}" for n in np.resize(np.arange(SOURCES), len(names))]
        return pa.table(columns)

    @property
    def ways(self) -> list[tuple[int, int]]:
        """The pairs of vendor and font to hold out in turn; none in a world without units that are driven by source."""
        return list(product(range(SOURCES), range(SOURCES))) if set(self.kinds) & set(BY_SOURCE) else []

    @cached_property
    def covariates(self) -> pa.Table:
        columns = {name: values[self.concept] for name, values in self.nature.covariates.items()}
        return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})

    def places(self, names: list[list[str]]) -> np.ndarray:
        """Return the concepts of facets, int (units, k), from the concepts' names as a census shows them."""
        return np.array([[int(n.strip("\u201c\u201d")) + SUBJECTS * (n[0] == "\u201c") for n in row] for row in names])

    def images(
        self,
        rng: np.random.Generator,
        units: np.ndarray,
        concepts: np.ndarray,
        sources: tuple[int, int] = (HELD_OUT, HELD_OUT),
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw new images of each unit's own concepts (units, n) by a vendor and a font, given as two numbers.

        Returns the maps of shortcut and conv, each (units, positions, n).
        """
        source = np.array(sources)[self.nature.word[concepts].astype(int)]  # (u, n)
        drives = self.drives[:, units[:, None], concepts, source]  # (2, u, n)
        shared = np.einsum("suf,unf->sun", self.loads[:, units], rng.normal(size=(*concepts.shape, FACTORS)))
        return _maps(rng, drives, shared, self.offsets[:, units])


def _maps(
    rng: np.random.Generator, drives: np.ndarray, shared: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw maps of shortcut and conv, each (units, positions, n), from drives and shared noise, each (2, units, n)."""
    common = drives + shared + offsets[:, :, None] + NOISE * 0.7 * rng.normal(size=drives.shape)
    maps = common[:, :, None] + NOISE * rng.normal(size=(*drives.shape[:2], POSITIONS, drives.shape[2]))
    return np.maximum(maps[0], 0), maps[1]


def world(seed: int, units: int = 240, kinds: tuple[str, ...] = tuple(KINDS), vendor_sd: float = 0.0) -> World:
    """Make the world of a seed. Vendors and fonts multiply a branch's drive by a normal number (1, sd `vendor_sd`)."""
    rng = np.random.default_rng(seed)
    nature = Nature.of(rng)
    of_units = np.resize(np.array(kinds, object), units)
    concept, split = np.repeat(np.arange(CONCEPTS), 3), np.tile(SPLITS, CONCEPTS)
    every = KINDS | PAIRED | BY_SOURCE
    drives = np.stack([np.stack([*map(seen, every[kind](Draw(nature, rng)))]) for kind in of_units], axis=1) * STRENGTH
    drives += OWN * rng.normal(size=drives.shape[:3])[..., None]
    loads = NOISE * 0.7 / np.sqrt(FACTORS) * rng.normal(size=(2, units, FACTORS))
    offsets = np.stack([np.full(units, 0.5), rng.uniform(-0.6, 0.2, units)])
    source = np.tile(np.arange(SOURCES), CONCEPTS)
    gains = 1 + vendor_sd * rng.normal(size=(2, units, 2 * SOURCES))  # of the vendors, then of the fonts
    factors = rng.normal(size=(len(concept), FACTORS))
    shown = drives[:, :, concept, source] * gains[:, :, source + SOURCES * nature.word[concept]]
    maps = _maps(rng, shown, loads @ factors.T, offsets)
    shortcut, conv = (np.ascontiguousarray(each.transpose(2, 0, 1), dtype=np.float32) for each in maps)
    rows = nature.embeddings[concept] + 0.05 * rng.normal(size=(len(concept), WIDTH))
    return World(seed, nature, of_units, drives, loads, offsets, concept, split, shortcut, conv, rows)
