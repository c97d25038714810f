"""The measurements that decide the article's claims: the network, its extraction folder and the authors' files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from catalog.article.claims import Need
from catalog.article.published_shares import PublishedShares
from catalog.macroscopic.contributions import StoredContributions
from catalog.macroscopic.macroscopic import Macroscopic
from catalog.macroscopic.paired_shares import PairedShares
from extract.units import ARCHITECTURES, Architecture, Layer, Unit

if TYPE_CHECKING:
    import numpy as np

    from extract.folder.extraction import Extraction


class ArticleNetwork(Protocol):
    """The measures taken on the network itself; `extract.article.network_measures`, which needs torch, takes them."""

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""

    def raw_kernels(self, target: Unit) -> "np.ndarray":
        """Compute the authors' expanded weights into a unit of raw conv3: (sources, h, w)."""

    def signed_kernels(self, layer: Layer, channels: Sequence[int]) -> "np.ndarray":
        """Return kernels of conv2 multiplied by the sign of batch norm's gamma: (units, sources, 3, 3)."""

    def conv_offsets(self, layer: Layer) -> "np.ndarray":
        """Return raw conv3's running mean divided by its standard deviation: (units,)."""

    def word_means(self, words: Iterable[str], layers: Sequence[Layer]) -> "dict[Layer, np.ndarray]":
        """Measure mean activations on words: (words, channels), keyed by layer."""

    def strengths(self, target: Layer, source: Layer, channels: range) -> "tuple[np.ndarray, np.ndarray]":
        """Compute magnitudes and absolute sums of expanded weights into some units: (units, sources) each."""


@dataclass(frozen=True)
class Measurements:
    """The measurements to decide claims on; `folder` and `authors` are None if they are not available."""

    network: ArticleNetwork
    folder: "Extraction | None" = None
    authors: PublishedShares | None = None

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.network.architecture

    def lack(self, need: Need) -> str | None:
        """Say what is missing if the measurements lack what a claim needs; None if they have it."""
        return None if self._has(need) else LACKS[need]

    def _has(self, need: Need) -> bool:
        if need == "RN50":
            return self.architecture == ARCHITECTURES["RN50"]
        if need == "authors":
            return self.authors is not None
        if self.folder is None:
            return False
        if need == "matrices":
            return bool(StoredContributions(self.folder).targets)
        return any(file.partition("/")[0] == f"{_TABLES[need]}.parquet" for file in self.folder.manifest.files)

    @property
    def extraction(self) -> "Extraction":
        """The extraction folder, for claims that need one."""
        assert self.folder is not None  # noqa: S101, a claim's needs are checked first
        return self.folder

    @cached_property
    def macroscopic(self) -> Macroscopic:
        """The distributions of contributions between the extraction's layers; each layer is measured once."""
        return Macroscopic(self.extraction)

    @cached_property
    def paired_shares(self) -> Mapping[Layer, PairedShares]:
        """The share of units near identity, compared with branches paired anew, keyed by sum; empty without probes."""
        return {shares.layer: shares for shares in self.macroscopic.paired_shares() if shares.stratum is None}


_TABLES: Mapping[Need, str] = {
    "probes": "evidence",
    "top 100 probes": "top_100_shares",
    "visualisations": "visualisations",
    "census": "census",
    "words": "words",
    "listed words": "words",
}
LACKS: Mapping[Need, str] = {
    "RN50": "a network of RN50's shape, because the claim names units of OpenAI's RN50",
    "probes": "an extraction whose network was shown probes",
    "top 100 probes": "an extraction with shares on the top 100 probes (if the probes of this one were recorded by an "
    "earlier version, show them again into a new folder)",
    "visualisations": "an extraction with feature visualisations of these units",
    "census": "an extraction with the census of enrichment, which needs probes of held-out sources",
    "words": "an extraction whose network was shown words",
    "listed words": "an extraction with `--words google-10000-english-usa.txt` alone, the notebooks' list, which is in "
    "github.com/first20hours/google-10000-english",
    "matrices": "an extraction with dense matrices",
    "authors": "the authors' files of shares",
}
