"""The live network, which needs torch and the network's weights; most of the catalog needs neither.

Nothing else above `extract` imports torch: `Model.network` and `open_network` import this module when they are called.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from PIL import Image

# Import torch first: where other packages are missing too, the error then names torch.
from extract.network.parts import BranchName, ConvolutionEdge, SumBranch, check

# isort: split

from catalog.article.last_sums import last_sums, visualisation_folders
from catalog.article.measurements import Measurements
from catalog.article.published_shares import read_published
from catalog.article.report import Report
from catalog.article.reproduction import reproduce
from catalog.article.settings import settings_of
from catalog.extraction_network import ExtractionNetwork, Images
from catalog.extraction_view import ExtractionView
from catalog.kernel import Kernel
from catalog.picture_files import write_picture
from extract import demo
from extract.ablation import calibration, part_ablation
from extract.ablation.calibration import Agreement, agreements
from extract.ablation.part_ablation import Ablation, Replacement
from extract.article.network_measures import NetworkMeasures
from extract.errors import AblationError, WeightsError
from extract.expansion.expanded_weights import expanded_weights
from extract.files import at_home
from extract.folder.census_variants import CensusVariant, PairingComparison
from extract.folder.kernel_support import support
from extract.network.attention_pool import Decomposition, decompose
from extract.network.network import Network
from extract.network.preprocessing import seen, stack
from extract.network.text import embed_prompts
from extract.network.weights import load_network
from extract.probes import table as probe_table
from extract.probes.pictures import decode_picture, read_picture
from extract.probes.rasterised_words import ATTACK, Place
from extract.probes.sample import random_sample
from extract.probes.word_lists import from_file, most_common
from extract.read_report import Reading
from extract.recording import typographic_attack
from extract.recording.channel_means import channel_means
from extract.recording.difference import BASELINE, Activities, Ranking, difference, in_deviations
from extract.recording.intersection import intersection
from extract.recording.typographic_attack import Attack
from extract.selftest import Check, selftest
from extract.units import Layer, Unit

__all__ = ["Ablation", "Agreement", "Attack", "CensusVariant", "Check", "LiveNetwork", "PairingComparison", "Report"]

Classes = Sequence[str] | Path | None  # prompts, or a file with one prompt per line; None: the demo's concepts


class LiveNetwork(ExtractionNetwork):
    """A network that can be run. Methods take units and layers as text too, and raise UnknownUnit.

    Threads may share the object: they wait for one another, because units are read by hooks on the one network.
    `over_common_words` compares with `common_words` (None: the 10,000 most common English words), and takes `chunk`
    words between two steps of progress.
    """

    def __init__(self, network: Network, common_words: Sequence[str] | None = None, chunk: int = 250) -> None:
        super().__init__(network)
        self._common_words, self._chunk = common_words, chunk
        self._common: dict[Layer, np.ndarray] = {}

    @classmethod
    def of(cls, model: str, weights_sha256: str) -> "LiveNetwork":
        """Open the network that a model in the catalog was extracted from, by the model's id, such as `RN50:openai`.

        Raises WeightsError if its weights are not available, or are not those in the catalog.
        """
        name, _, tag = model.partition(":")
        random = re.fullmatch(r"random-(\d+)", tag)
        try:
            if random:
                network = load_network(name, seed=int(random[1]))
            else:
                network = load_network(name, None if model == demo.MODEL else tag)
        except WeightsError as error:
            raise WeightsError(
                f"The catalog does not hold the weights of {model}, and they cannot be loaded by this name: {error} If "
                "you have their file, open it with open_network(name, file)."
            ) from error
        if network.sha256 != weights_sha256:
            raise WeightsError(
                f"The weights of {model} on this machine ({network.sha256[:12]}) are not those of the catalog "
                f"({weights_sha256[:12]}). Open the catalog's weights file with open_network(name, file), or extract "
                "those of this machine and load them into another database."
            )
        return cls(network)

    @classmethod
    def open(cls, name: str = "demo", pretrained: str | Path | None = None, seed: int = 0) -> "LiveNetwork":
        """Open a network by its name; see `open_network`."""
        return cls(load_network(name, pretrained, seed))

    @property
    def description(self) -> str:
        """A line with the model, its activation, its preprocessing, and a fingerprint of its output on one image."""
        return str(self._network)

    def selftest(self, seed: int = 0) -> list[Check]:
        """Check, on this network and machine, what the catalog relies on; the seed draws the pairs and images."""
        with self._alone:
            return selftest(self._network, seed)

    def reproduce(
        self,
        extraction: ExtractionView | None = None,
        probes: Images | None = None,
        visualisations: Path | str | None = None,
        authors: Path | str | None = None,
        command: str = "",
        progress: bool = True,
    ) -> Report:
        """Decide every claim of the enrichment circuits article and its repository on this network.

        Measurements in `extraction` are used. `probes` and `visualisations` are shown to the network first and added
        to that extraction; if `extraction` is None, to a temporary one. `visualisations` is a folder of pictures of the
        last sum's units, or a folder of such folders ending in 4_2_6, 4_1_6, 4_0_8; a layer's pictures replace all its
        earlier ones. `authors` is the folder of the authors' files of shares; `command` is quoted in the report. Raises
        ArticleError, ExtractionError, VisualisationsError, ProbesError.
        """
        published = read_published(authors) if authors else None
        images = None if probes is None else self.probes(probes)
        pictures = {} if visualisations is None else self._pictures(visualisations)
        with ExitStack() as stack:
            folder = extraction
            if folder is None and (probes is not None or visualisations is not None):
                place = stack.enter_context(TemporaryDirectory())
                folder = self.extract(Path(place) / "article.extraction", [], progress=False)
            readings = tuple(
                self._show(folder, images, pictures, None if extraction else last_sums(self.architecture), progress)
            )
            measurements = Measurements(NetworkMeasures(self._network), folder.folder if folder else None, published)
            with self._alone:
                settings = settings_of(measurements, self.description, self._network.sha256, command)
                return replace(reproduce(measurements, settings), readings=readings)

    def _pictures(self, visualisations: Path | str) -> Mapping[Layer, Path]:
        """Map each sum to its folder of pictures. Raises VisualisationsError for one without pictures of its units."""
        folders = visualisation_folders(at_home(visualisations), self.architecture)
        for layer, folder in folders.items():
            self.check_visualisations(folder, layer)
        return folders

    def _show(
        self,
        extraction: ExtractionView | None,
        probes: Images | None,
        pictures: Mapping[Layer, Path],
        layers: Sequence[Layer] | None,
        progress: bool,
    ) -> Iterator[Reading]:
        """Show the network the probes and pictures, and yield what was shown and left out.

        Refuses an extraction of other weights.
        """
        if extraction is None:
            return
        extraction.folder.check(self.model, self._network.sha256)
        if probes is not None:
            yield self.show_probes(extraction, probes, progress, layers)
        for layer, folder in pictures.items():
            yield self.visualise(extraction, folder, progress, layer)

    # ---- weights

    def expanded_weight(self, source: Unit | str, target: Unit | str) -> Kernel:
        """Compute the linear map from one unit to another, with ReLU as identity. Raises NoPath if there is no path."""
        one, other = self.architecture.unit(str(source)), self.architecture.unit(str(target))
        place = support(self.architecture, one.layer, other.layer)
        values = expanded_weights(self._network, one, other).numpy()  # (h, w)
        return Kernel(one, other, values, place.rows.start, place.cut)

    # ---- what an image does

    def difference(
        self,
        word: str,
        baseline: str | Iterable[str] | None = BASELINE,
        layer: Layer | str | None = None,
        progress: bool = False,
        font: Path | str | None = None,
    ) -> Ranking:
        """Measure how far a word, rendered as an image, raises each unit of a layer (None: the last) over a baseline.

        The baseline is one text, several texts, or the 10,000 most common English words (None). `font` is a .ttf or
        .otf file (None: the article's font). Raises WordsError for a text that cannot be rendered.
        """
        against = most_common() if baseline is None else baseline
        with self._alone:
            return difference(self._network, word, against, self._layer(layer), self._lettering(font), progress)

    def intersection(
        self,
        word: str,
        picture: Image.Image | Path | str,
        layer: Layer | str | None = None,
        font: Path | str | None = None,
    ) -> Ranking:
        """Return, for every unit of a layer (None: the last), the smaller mean activation of a word and a picture.

        This is the article's intersection, of a word and a photograph of the same thing; it has no baseline. Raises
        ProbesError for a picture that cannot be read, WordsError for a text that cannot be rendered.
        """
        image = _read(picture)
        with self._alone:
            return intersection(self._network, word, image, self._layer(layer), self._lettering(font))

    def over_common_words(
        self, word: str, layer: Layer | str | None = None, step: Callable[[float], object] = lambda _: None
    ) -> Ranking:
        """Measure how far a word raises each unit of a layer (None: the last) over its mean on the common words.

        The common words are shown only at the first call for a layer; meanwhile `step` is called with the part of them
        that is done.
        """
        within = self._layer(layer)
        if within not in self._common:
            self._common[within] = self._baseline_over_common(within, step)
        return Ranking(within, self.difference(word, BASELINE, within).values + self._common[within])

    def _baseline_over_common(self, layer: Layer, step: Callable[[float], object]) -> np.ndarray:
        """Measure how far the article's baseline raises a layer over the common words: float32 (channels,)."""
        words = self._common_words or most_common()
        chunks = [words[first : first + self._chunk] for first in range(0, len(words), self._chunk)]
        rises = list[np.ndarray]()
        for done, chunk in enumerate(chunks, start=1):
            rises.append(self.difference(BASELINE, chunk, layer).values)
            step(done / len(chunks))
        return np.average(rises, axis=0, weights=[len(chunk) for chunk in chunks]).astype(np.float32)

    def rises(
        self, picture: Image.Image, layer: Layer | str | None = None, activities: Activities | None = None
    ) -> Ranking:
        """Measure how far a picture raises each unit of a layer (None: the last) over a grey picture.

        With `activities` (each channel's mean and standard deviation over the probes), the rise is over that mean, in
        those standard deviations.
        """
        within = self._layer(layer)
        with self._alone:
            if activities is None:
                return difference(self._network, picture, Image.new("RGB", picture.size, "grey"), within)
            values = channel_means(self._network, [picture], [within])[within][0]  # (channels,)
        return Ranking(within, in_deviations(values, activities))

    @staticmethod
    def picture(content: bytes, name: str) -> Image.Image:
        """Read a picture from the bytes of a file. Raises ProbesError for bytes that are not a picture."""
        return decode_picture(content, name)

    def seen(self, picture: Image.Image) -> Image.Image:
        """Return the part of a picture that the network sees, at the network's input size."""
        return seen(self._network, picture)

    def attack(
        self,
        picture: Image.Image | Path | str,
        text: str,
        classes: Classes = None,
        layer: Layer | str | None = None,
        size: float = ATTACK.size,
        at: Place | None = None,
        font: Path | str | None = None,
    ) -> Attack:
        """Write a text on a picture and measure how the network's classification and units change.

        `size` is the letters' size in 224ths of the image; `font` is a .ttf or .otf file (None: the article's font);
        `at` is a place in pixels of the network's input (None: four places, as in the article). Raises ProbesError for
        a picture that cannot be read; WordsError for a text that cannot be rendered, or for too few classes.
        """
        image = _read(picture)
        lettering = replace(ATTACK, size=size, font=at_home(font) if font else ATTACK.font)
        places = None if at is None else [at]
        with self._alone:
            return typographic_attack.attack(
                self._network, image, text, self.classes(classes), self._layer(layer), lettering, places
            )

    write_picture = staticmethod(write_picture)

    def classes(self, classes: Classes = None) -> tuple[str, ...]:
        """Return prompts without duplicates: those given, or a file's lines; None: the demo's concepts, else none."""
        if isinstance(classes, Path):
            return from_file(at_home(classes))
        if classes is None and self.model == demo.MODEL:
            return tuple(sorted({str(concept) for concept in probe_table.read()["concept"].to_pylist()}))
        return tuple(dict.fromkeys(classes or ()))

    def decompose(self, pictures: Sequence[Image.Image]) -> Decomposition:
        """Split the embeddings of pictures exactly into the contributions of every unit, by head and branch."""
        pixels = next(stack(pictures, self._network.preprocess, len(pictures)))  # (images, 3, side, side)
        with self._alone:
            return decompose(self._network, pixels)

    def direct_effects(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Compute the direct part of every unit in the cosine of each picture with each prompt.

        Returns one array for the conv branch and one for the shortcut, each float32 (pictures, units, prompts).
        """
        conv, shortcut = self.decompose(pictures).effects(embed_prompts(self._network, prompts))
        return conv.numpy(), shortcut.numpy()

    # ---- taking parts away

    def ablate(
        self,
        unit: Unit | str,
        branch: BranchName | None = None,
        source: Unit | str | None = None,
        images: Images = "demo",
        count: int = 64,
        ways: Sequence[Replacement] = part_ablation.REPLACEMENTS,
        classes: Classes = None,
        seed: int = 0,
    ) -> Ablation:
        """Ablate a `branch` of a sum's unit, or the edge from one `source` over one convolution into any unit.

        The network sees `count` of the images, drawn at random. Raises AblationError unless exactly one of `branch` and
        `source` is named.
        """
        if (branch is None) == (source is None):
            raise AblationError("Name one part to ablate: a branch, or the source of an edge.")
        target = self.architecture.unit(str(unit))
        part = SumBranch(target, branch) if branch else ConvolutionEdge(self.architecture.unit(str(source)), target)
        check(self.architecture, part)
        sample = random_sample(self.probes(images), count, seed)
        with self._alone:
            ablation = part_ablation.ablate(
                self._network, part, list(sample.values()), self.classes(classes), ways, seed
            )
        return replace(ablation, images=tuple(sample))

    def calibrate(
        self,
        extraction: ExtractionView,
        pairs: Iterable[tuple[Layer | str, Layer | str]] | None = None,
        images: Images = "demo",
        count: int = 128,
        edges: int = calibration.EDGES,
        seed: int = 0,
        progress: bool = True,
    ) -> pa.Table:
        """Measure by ablation how reliable expanded weights are, and store the measured edges in the extraction.

        `pairs` are pairs of a source and a target layer (None: several pairs into the last conv branch). In each pair
        `edges` edges are measured, half of them the strongest. Raises NoPath; ExtractionError for an extraction of
        other weights.
        """
        shape = self.architecture
        layers = [(shape.layer(str(one)), shape.layer(str(other))) for one, other in pairs or calibration.pairs(shape)]
        sample = list(random_sample(self.probes(images), count, seed).values())
        with extraction.folder.writing():
            return pa.concat_tables(
                calibration.calibrate(self._network, extraction.folder, *pair, sample, edges, seed, progress)
                for pair in layers
            )

    @staticmethod
    def agreements(measured: pa.Table) -> list[Agreement]:
        """Compare expanded weights with what `calibrate` measured, for each layer pair and kind of edges."""
        return agreements(measured)

    def _layer(self, layer: Layer | str | None) -> Layer:
        return self.architecture.final if layer is None else self.architecture.layer(str(layer))


def _read(picture: Image.Image | Path | str) -> Image.Image:
    return read_picture(at_home(picture)) if isinstance(picture, str | Path) else picture
