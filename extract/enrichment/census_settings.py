"""The settings of a census, which are fixed before the census looks at a network, and their hash."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from extract.errors import CensusError

SMALLEST = 4  # concepts of a facet: fewer have no spread to test with


@dataclass(frozen=True)
class CensusSettings:
    """What counts as an effect, and how sure a verdict must be.

    `delta` is the smallest effect of interest in standard deviations of the sum, and `rho` the smallest as a part of
    either facet's rise. `sizes` are the numbers of concepts that a facet may have. Facets lie apart if their distance
    is at least `apart` times the distance of random concepts, or if their shares of words differ by at least `apart`. A
    facet is low-level if one covariate explains more than `explained` of it, and at least `delta`. A unit is promising
    if every contrast on discovery probes is more than `promising` standard errors above zero; only promising units are
    tested for enrichment. `level` is the false discovery rate, and the error rate of every one-sided bound.
    """

    delta: float = 0.25
    rho: float = 0.25
    sizes: tuple[int, ...] = (6, 8, 12, 16, 24, 32)
    apart: float = 0.75
    explained: float = 0.5
    promising: float = 1.0
    level: float = 0.05

    def __post_init__(self) -> None:
        """Raise CensusError for settings with which no census can be taken."""
        if not self.sizes or min(self.sizes) < SMALLEST:
            raise CensusError(f"The sizes of the facets are {self.sizes} concepts. Give sizes of {SMALLEST} or more.")
        if not 0 < self.level < 0.5:
            raise CensusError(f"The level of the tests is {self.level}. Give a level between 0 and 0.5, such as 0.05.")

    @property
    def json(self) -> str:
        """The settings as JSON, keys in order."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def hash(self) -> str:
        """SHA-256 of the JSON, its first 16 hexadecimal digits."""
        return sha256(self.json.encode()).hexdigest()[:16]

    def sizes_of(self, concepts: int) -> tuple[int, ...]:
        """Return the sizes at which both facets fit into this number of concepts."""
        return tuple(size for size in self.sizes if 2 * size <= concepts) or (concepts // 2,)
