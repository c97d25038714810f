"""Run a network to fill its extraction folder: weights, probes, words, pictures, and repeated censuses."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock

from catalog.extraction_view import ExtractionView
from extract import demo
from extract.enrichment import pipeline
from extract.enrichment.paired_anew import DRAWS
from extract.enrichment.pairings import MEMORY as PAIRING_MEMORY
from extract.enrichment.pairings import compare_pairings
from extract.enrichment.sensitivity import sensitivity
from extract.expansion import atlas
from extract.expansion.forecast import Forecast
from extract.files import at_home
from extract.folder.census_variants import CensusVariant, PairingComparison
from extract.folder.extraction import Extraction
from extract.folder.manifest import Precision
from extract.network.network import Network
from extract.probes import rasterised_words
from extract.probes.probe import Source
from extract.probes.rasterised_words import Lettering, usual_lettering
from extract.probes.sources import source
from extract.probes.word_lists import from_file, most_common, read_file
from extract.read_report import Reading
from extract.recording import modality, vocabulary
from extract.recording.visualisations import pictures_of, visualise
from extract.units import Architecture, Layer

Images = str | Path | Source  # "demo" for the demo's probes; a folder of pictures, WebDataset shards, a table of probes


class ExtractionNetwork:
    """A network that fills extraction folders; `LiveNetwork` adds what needs no folder."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._alone = Lock()

    @property
    def model(self) -> str:
        """The model's id, such as `RN50:openai`."""
        return self._network.model

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self._network.architecture

    def extract(
        self,
        folder: Path | str,
        targets: Iterable[str] | None = None,
        strongest: int = 20,
        matrices: bool = True,
        *,
        memory: int = 2**31,
        progress: bool = True,
        device: str = "cpu",
        precision: Precision = "float32",
        ray: str | None = None,
        threads: int | None = None,
        announce: Callable[[Forecast], object] | None = None,
    ) -> ExtractionView:
        """Compute the expanded weights into a folder; an interrupted run resumes where it stopped.

        `targets` are layers and patterns such as `4/*` (None: all layers). `memory` is in bytes, the network excluded.
        `device` is torch's, such as `cuda`. `precision` is float32, bfloat16 or tf32; the view's `deviations` tell what
        a lower precision costs. `ray` is the address of a Ray cluster that computes the weights, or `local` for one on
        this machine; each task takes so many `threads`, or a GPU. `announce` is called with a forecast before the first
        sweep (a backward pass that computes all expanded weights into some targets) on this machine.
        """
        folder = at_home(folder)
        extraction = atlas.extract(
            self._network,
            folder,
            targets,
            strongest,
            matrices,
            memory=memory,
            progress=progress,
            device=device,
            precision=precision,
            ray=ray,
            threads=threads,
            announce=announce,
        )
        return ExtractionView(extraction)

    def forecast(
        self,
        targets: Iterable[str] | None = None,
        strongest: int = 20,
        matrices: bool = True,
        *,
        memory: int = 2**31,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> Forecast:
        """Estimate the time, the size of the folder and the memory that `extract` will take with these arguments."""
        return atlas.forecast(
            self._network, targets, strongest, matrices, memory=memory, device=device, precision=precision
        )

    def show_probes(
        self,
        extraction: ExtractionView,
        probes: Images = "demo",
        progress: bool = True,
        layers: Iterable[Layer] | None = None,
    ) -> Reading:
        """Show the network probes, and add its units' responses to the extraction.

        `layers` are the measured layers (None: all sums and the layers inside their conv branches). Returns how many
        probes were shown and which were left out.
        """
        with extraction.folder.writing():
            return pipeline.measure(self._network, extraction.folder, self.probes(probes), layers, progress)

    @staticmethod
    def probes(images: Images) -> Source:
        """Open probes by name or path. Raises ProbesError for a place that holds none."""
        if not isinstance(images, str | Path):
            return images
        return source(demo.PROBES if images == "demo" else at_home(images))

    @staticmethod
    def words(words: int | Path | Iterable[str]) -> tuple[str, ...]:
        """Return these words, the lines of a file, or the `words` most common English words. Raises WordsError."""
        if isinstance(words, int):
            return most_common(words)
        return from_file(at_home(words)) if isinstance(words, Path) else tuple(words)

    @staticmethod
    def read_words(file: Path | str) -> tuple[tuple[str, ...], Reading]:
        """Read a file's words; also return how many lines were read and why the others were not. Raises WordsError."""
        return read_file(at_home(file))

    def check_words(self, words: Iterable[str], font: Path | str | None = None) -> None:
        """Raise WordsError for a word that cannot be rendered for this network, before anything is computed."""
        lettering = self._lettering(font)
        for word in words:
            rasterised_words.check(word, self.architecture.image_size, lettering)

    def show_words(
        self,
        extraction: ExtractionView,
        words: int | Path | Iterable[str] = 10_000,
        progress: bool = True,
        font: Path | str | None = None,
    ) -> None:
        """Show the network words as images, and add its units' responses and their selectivity for words over controls.

        `words` is a list, a file with one word per line, or the number of most common English words to show. `font` is
        a .ttf or .otf file (None: the article's font). Measurements of an earlier version, which lack anagrams, are
        replaced.
        """
        listed, lettering = self.words(words), self._lettering(font)
        with extraction.folder.writing():
            vocabulary.measure(self._network, extraction.folder, listed, lettering=lettering, progress=progress)
            if not modality.has_anagrams(extraction.folder):
                modality.profile(self._network, extraction.folder, listed, lettering=lettering, progress=progress)

    def check_visualisations(self, folder: Path | str, layer: Layer | None = None) -> None:
        """Raise VisualisationsError for a folder without pictures of units of a layer (None: the last sum)."""
        named = layer or self.architecture.final
        pictures_of(at_home(folder), named, self.architecture.channels(named))

    def visualise(
        self, extraction: ExtractionView, folder: Path | str, progress: bool = True, layer: Layer | None = None
    ) -> Reading:
        """Add a folder's feature visualisations of a layer (None: the last sum), such as channel34.png.

        Returns how many pictures were added, and which were left out and why.
        """
        named = layer or self.architecture.final
        return visualise(self._network, extraction.folder, at_home(folder), named, progress)

    def sensitivity(
        self,
        extraction: ExtractionView,
        layer: Layer | str | None = None,
        probes: Images = "demo",
        progress: bool = True,
    ) -> list[CensusVariant]:
        """Repeat the census of a sum (None: the last) with one setting or choice of probes changed at a time.

        The verdicts are stored in the extraction. `probes` must be those of the extraction's own census. Raises
        CensusError if the extraction has no census or the layer is not a sum; ExtractionError for an extraction of
        other weights, one that another process writes into, or probes that changed since.
        """
        folder, total = self._sum_of(extraction, layer)
        with self._alone:
            return sensitivity(self._network, folder, self.probes(probes), total, progress)

    def pairings(
        self,
        extraction: ExtractionView,
        layer: Layer | str | None = None,
        probes: Images = "demo",
        draws: int = DRAWS,
        seed: int = 0,
        progress: bool = True,
        memory: int = PAIRING_MEMORY,
    ) -> list[PairingComparison]:
        """Compare the enrichment of a sum (None: the last) with that of its branches paired anew.

        In each of `draws` draws, every unit keeps its shortcut and gets the conv branch of another unit, at random.
        `probes` must be those of the extraction's own census. The maps of the whole sum must fit into `memory` bytes.
        Raises the errors of `sensitivity`.
        """
        folder, total = self._sum_of(extraction, layer)
        with self._alone:
            return compare_pairings(self._network, folder, self.probes(probes), total, draws, seed, progress, memory)

    def _sum_of(self, extraction: ExtractionView, layer: Layer | str | None) -> tuple[Extraction, Layer]:
        """Return the extraction, checked to be this network's, and the layer (None: the last sum)."""
        extraction.folder.check(self._network.model, self._network.sha256)
        named = Layer.parse(str(layer)) if layer else self.architecture.final
        return extraction.folder, self.architecture.check(named)

    def _lettering(self, font: Path | str | None) -> Lettering:
        """Return the network's usual lettering, in this font if one is given."""
        lettering = usual_lettering(self.architecture.image_size)
        return replace(lettering, font=at_home(font)) if font else lettering
