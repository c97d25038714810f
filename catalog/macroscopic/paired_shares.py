"""Compare bottleneck learning with chance: the part of units near identity, and the same with branches paired anew.

Paired anew, each unit has the conv branch of another unit. A shortcut may be larger than an unrelated conv branch, too,
hence the comparison. Maps are not stored, so the share over the shortcut is taken here over mean activations: like the
exact share it is a share of what both branches add on the sum's highest probes, but before the ReLU. Such shares are
therefore compared only with one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from catalog.macroscopic.bottlenecks import NEAR_IDENTITY
from extract.enrichment.paired_anew import DRAWS, Pairings, paired_anew, strata
from extract.folder.schemas import TOP_PROBES
from extract.units import Layer

if TYPE_CHECKING:
    from extract.folder.extraction import Extraction

LAYERS = 3  # the last sums, for which the article gives shares
_SEED, _NEAR = 1904, "near identity"

Means = NDArray[np.float32]  # (units, probes), over positions


@dataclass(frozen=True)
class PairedShares:
    """The part of units near identity as the network pairs their branches, and its mean and sd as paired anew.

    A `stratum` is a group of units with similar conv branches, which are exchanged within the group; None means all
    units of the sum. `p` is the share of pairings, the network's own included, whose part is as large as the network's.
    """

    layer: Layer
    stratum: int | None
    units: int
    as_it_is: float
    paired_anew: float
    sd: float
    p: float
    draws: int


def paired_shares(folder: "Extraction", draws: int = DRAWS, progress: bool = False) -> list[PairedShares]:
    """Pair the branches of the last sums anew, and compare; empty without probes.

    For each sum, the record of all units comes first, then that of each stratum.
    """
    architecture = folder.manifest.architecture
    probes = folder.table("probes").select(["modality", "split"]).to_pandas()
    words, discovery = (probes["modality"] == "word").to_numpy(), (probes["split"] == "discovery").to_numpy()
    compared = list[PairedShares]()
    for layer in tqdm(architecture.sums[-LAYERS:], "pairings", unit="layer", disable=not progress, leave=False):
        branches = architecture.branches(layer)
        read = [folder.activations(branches[name]) for name in ("shortcut", "conv")]  # (probes, units)
        shortcut, conv = (None if means is None else means[discovery].T.astype(np.float32) for means in read)
        if shortcut is not None and conv is not None and discovery.any():
            compared += compare(layer, np.ascontiguousarray(shortcut), conv, words[discovery], draws)
    return compared


def compare(layer: Layer, shortcut: Means, conv: Means, words: NDArray[np.bool], draws: int) -> Iterator[PairedShares]:
    """Compare a sum as it is with its branches paired anew; `words` marks the probes that are words, bool (probes,)."""
    stratum, rng = strata(conv.T[:, :, None], words), np.random.default_rng(_SEED)
    pairings = np.stack([paired_anew(stratum, rng) for _ in range(draws)])  # (draws, units)
    own, anew = _near_identity(shortcut, conv), _of_pairings(shortcut, conv, stratum, pairings)
    for number, part in Pairings({_NEAR: own}, {_NEAR: anew}, stratum).by_stratum():
        parts = part.anew[_NEAR].mean(axis=1)  # (draws,)
        yield PairedShares(
            layer,
            number,
            len(part.stratum),
            float(part.true[_NEAR].mean()),
            float(parts.mean()),
            float(parts.std()),
            part.p(_NEAR),
            draws,
        )


def _of_pairings(
    shortcut: Means, conv: Means, stratum: NDArray[np.int_], pairings: NDArray[np.int_]
) -> NDArray[np.bool]:
    """Mark the units near identity with the conv branch that each pairing gives them: bool (draws, units).

    `pairings` is (draws, units). Strata are small, so every pair of units in a stratum is judged once, then looked up
    for every pairing.
    """
    order = np.argsort(stratum, kind="stable")  # (units,), stratum after stratum
    begins, size = np.searchsorted(stratum[order], stratum), np.bincount(stratum)[stratum]  # (units,), of own stratum
    place = np.argsort(order) - begins  # (units,), in its stratum
    steps = [order[begins + (place + step) % size] for step in range(size.max())]  # the unit so many places further
    near = np.stack([_near_identity(shortcut, conv[whose]) for whose in steps])  # (steps, units)
    return np.asarray(near[(place[pairings] - place) % size, np.arange(len(stratum))])


def _near_identity(shortcut: Means, conv: Means) -> NDArray[np.bool]:
    """Mark units that take over 90 % of their sum from the shortcut, on the sum's highest probes: bool (units,)."""
    total = shortcut + conv  # (units, probes)
    first = max(0, total.shape[1] - TOP_PROBES)
    top = np.argpartition(total, first, axis=1)[:, first:]  # (units, TOP_PROBES)
    own, whole = (np.take_along_axis(means, top, axis=1) for means in (shortcut, total))
    rises = whole > 0
    return np.asarray((own * rises).sum(axis=1) > NEAR_IDENTITY * (whole * rises).sum(axis=1))
