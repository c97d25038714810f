"""Messages about what a network is asked for: weights, recordings, words, levels and ablations."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from catalog.extraction_view import ExtractionView
from extract.ablation.calibration import calibrate
from extract.ablation.part_ablation import ablate
from extract.enrichment.pipeline import measure
from extract.expansion import atlas
from extract.folder.extraction import Extraction
from extract.folder.manifest import Precision
from extract.network.network import Network
from extract.network.parts import ConvolutionEdge, SumBranch, check
from extract.probes.pictures import thumbnail
from extract.probes.probe import Source
from extract.probes.sources import ProbeTable, source
from extract.recording import modality, vocabulary
from extract.recording.decoding import thumbnail_again
from extract.recording.difference import difference
from extract.recording.probe_hashes import compare, unchanged_probes
from extract.recording.recording import CHUNK, record
from extract.responses.levels import at_level, distribution, estimates, store
from extract.responses.sorting_task import draw, read
from extract.units import Layer, Unit
from tests.builders.extractions import without_edges
from tests.builders.tiny_network import noise_probes, tiny_network
from tests.faults.advice.messages import Act, Advice, Table

SUM, CONV = Layer(4, 2, 6), Layer(4, 2, 5)
UNIT = Unit(SUM, 34)
NOISE = noise_probes().slice(0, 8)
SHEETS = ({0.0: ["hat"]}, {0.0: ["hat", "wound"]})
PICTURES = [Image.effect_noise((64, 64), 50).convert("RGB") for _ in range(3)]


def network(scale: float = 1) -> Network:
    """The tiny network, the last of whose conv branches is so many times as strong."""
    tiny = tiny_network(Path())
    tiny.clip.state_dict()["visual.layer4.2.bn3.weight"].mul_(scale)
    return tiny


def recorded(probes: Source, scale: float = 1) -> Extraction:
    """A new extraction with what the last sum does on probes."""
    shutil.rmtree("x", ignore_errors=True)
    asked = network(scale)
    extraction = without_edges(asked, Path("x"))
    record(asked, extraction, probes, [SUM], progress=False)
    return extraction


def shares(shown: bool) -> Act:
    """Ask a folder for shares on the top 100 probes, where probes were shown or not."""

    def asked() -> object:
        extraction = without_edges(network(), Path(f"shown {shown}"))
        if shown:
            measure(network(), extraction, NOISE, [SUM], progress=False)
        return ExtractionView(extraction).top_100_shares(SUM)

    return asked


def with_images(*images: bytes) -> Source:
    rows = [row | {"image": image} for row, image in zip(NOISE.to_pylist(), images, strict=False)]
    return ProbeTable.of(pa.Table.from_pylist(rows, NOISE.schema))


def folder(content: bytes) -> Source:
    Path("probes").mkdir(exist_ok=True)
    (Path("probes") / "a.png").write_bytes(content)
    return source("probes")


def shown(probes: Callable[[], Source], scale: float = 1) -> Act:
    return lambda: recorded(probes(), scale)


def after_a_change(use: Callable[[Extraction], object], content: bytes) -> Act:
    """Use a recording of a picture after this is its content."""

    def change() -> object:
        extraction = recorded(folder(BEFORE))
        folder(content)
        return use(extraction)

    return change


def gone(put_back: bool) -> Act:
    def load() -> object:
        (probe,) = folder(BEFORE)
        Path("probes/a.png").unlink()
        if put_back:
            folder(BEFORE)
        return thumbnail_again(probe)

    return load


def words(*lists: list[str], scale: float = 1, new: bool = False) -> Act:
    """Show lists of words one after the other, each in a `new` folder or all in one."""

    def show() -> None:
        asked = network(scale)
        for number, listed in enumerate(lists):
            extraction = without_edges(asked, Path(f"words {number if new else ''}"))
            vocabulary.measure(asked, extraction, listed, [SUM], progress=False)

    return show


def profile(*listed: str) -> Act:
    return lambda: modality.profile(
        network(), without_edges(network(), Path("x")), listed, NOISE, [SUM], progress=False
    )


def levels(use: Callable[[Extraction], object], probes: Source | None = None) -> Act:
    return lambda: use(recorded(probes or ProbeTable.of(NOISE)))


def sheet(category: str | None = None, text: str | None = None) -> Act:
    """A sheet of sorted images with a category in its last column, or with another text."""

    def write() -> object:
        shutil.rmtree("sorting", ignore_errors=True)
        file = draw(recorded(ProbeTable.of(NOISE)), UNIT, [0.0], Path("sorting"), 2)
        rows = file.read_text().splitlines()
        filled = [rows[0], *(row + (category or "") for row in rows[1:])]
        file.write_text("\n".join(filled) if text is None else text)
        return read(file)

    return write


def drawn_into(name: str) -> Act:
    def draw_again() -> object:
        Path("full").mkdir(exist_ok=True)
        Path("full/file").write_text("")
        return draw(recorded(ProbeTable.of(NOISE)), UNIT, [0.0], Path(name), 2)

    return draw_again


def extracted(*targets: str, memory: int = 2**31, precision: Precision = "float32") -> Act:
    return lambda: atlas.extract(
        network(), Path(f"atlas {memory} {precision}"), targets, memory=memory, progress=False, precision=precision
    )


def ablated(images: int) -> Act:
    return lambda: ablate(network(), SumBranch(UNIT, "conv"), PICTURES[:images])


def calibrated(images: int) -> Act:
    return lambda: calibrate(
        network(), without_edges(network(), Path("x")), Layer(4, 2, 3), CONV, PICTURES[:images], edges=2, progress=False
    )


def edge(text: str) -> Act:
    return lambda: check(network().architecture, ConvolutionEdge(Unit.parse(text), Unit(CONV, 34)))


def compared_with(*baseline: str) -> Act:
    return lambda: difference(network(), "a", baseline, SUM)


def loaded(extraction: Extraction) -> Any:
    return [probe.load() for probe in unchanged_probes(extraction, source("probes"))]


def _compare(extraction: Extraction) -> None:
    compare(extraction, source("probes"), CHUNK, progress=False)


BEFORE, AFTER = (thumbnail(image or b"") for image in NOISE["image"].to_pylist()[:2])
SAME = with_images(*[BEFORE] * 4)
TABLE = Table(
    (
        *(f"extract.expansion.{name}" for name in ("atlas", "cluster", "finite", "plan", "precision")),
        "extract.network.parts",
        *("extract.ablation.part_ablation", "extract.ablation.calibration", "extract.enrichment.pipeline"),
        *(
            f"extract.recording.{name}"
            for name in ("decoding", "difference", "half_precision", "modality", "probe_hashes")
        ),
        *("extract.recording.recording", "extract.recording.vocabulary"),
        *("extract.responses.levels", "extract.responses.sorting_task", "catalog.shortcut_shares"),
    ),
    (
        Advice("matches no layer that has sources below it", extracted("1/0/1"), extracted("1/0/3")),
        Advice("Allow more memory, keep fewer edges", extracted("1/0/3", memory=1), extracted("1/0/3")),
        Advice(
            "TF32 is a precision of graphics cards",
            extracted("1/0/3", precision="tf32"),
            extracted("1/0/3", precision="bfloat16"),
        ),
        Advice("No single convolution leads from", edge("4/2/1/3"), edge("4/2/3/3")),
        Advice("An ablation compares images with one another", ablated(1), ablated(2)),
        Advice("A calibration compares a unit over several images", calibrated(1), calibrated(3)),
        Advice("is no longer there", gone(put_back=False), gone(put_back=True)),
        Advice("holds no shares on the top 100 probes", shares(shown=False), shares(shown=True)),
        Advice("The list of baselines is empty", compared_with(), compared_with("b")),
        Advice("There is nothing to compare", profile(), profile("cat")),
        Advice(
            "The words include every string of so few letters", profile(*"abcdefghijklmnopqrstuvwxyz"), profile("cat")
        ),
        Advice("{min(changed)} has changed since", after_a_change(_compare, AFTER), after_a_change(_compare, BEFORE)),
        Advice("has changed since it was shown", after_a_change(loaded, AFTER), after_a_change(loaded, BEFORE)),
        Advice("None of the images can be read", shown(lambda: folder(b"x")), shown(lambda: folder(BEFORE))),
        Advice(
            "The image of probe {name}",
            shown(lambda: with_images(BEFORE, b"x")),
            shown(lambda: with_images(BEFORE)),
        ),
        Advice("Activations of layer", shown(lambda: ProbeTable.of(NOISE), 1e8), shown(lambda: ProbeTable.of(NOISE))),
        Advice("Activations of layer {layer} overflow", words(["cat"], scale=1e8), words(["cat"], new=True)),
        Advice("There is no word to show", words([]), words(["cat"])),
        Advice("holds other words, letter strings", words(["cat"], ["dog"]), words(["cat"], ["dog"], new=True)),
        Advice(
            "has the same activation on every probe",
            levels(lambda extraction: distribution(extraction, UNIT), SAME),
            levels(lambda extraction: distribution(extraction, UNIT)),
        ),
        Advice(
            "No probe of {unit} lies within",
            levels(lambda extraction: at_level(extraction, UNIT, 99)),
            levels(lambda extraction: at_level(extraction, UNIT, 99, tolerance=200)),
        ),
        Advice(
            "holds estimates of",
            levels(lambda extraction: [store(extraction, UNIT, "sum", sheet) for sheet in SHEETS]),
            levels(lambda extraction: [store(extraction, UNIT, "sum", sheet, replace=True) for sheet in SHEETS]),
        ),
        Advice(
            "holds no activations of",
            levels(lambda extraction: distribution(extraction, Unit(CONV, 34))),
            levels(lambda extraction: distribution(extraction, UNIT)),
        ),
        Advice("A level has no sorted image", lambda: estimates({0.0: []}), lambda: estimates({0.0: ["hat"]})),
        Advice("Name a new folder for the images", drawn_into("full"), drawn_into("new")),
        Advice("has a category yet", sheet(), sheet("hat")),
        Advice("Draw a sheet with", lambda: read(Path("gone.csv")), sheet("hat")),
        Advice("is not a sheet of sorted images", sheet(text="level,category\nhigh,hat\n"), sheet("hat")),
    ),
    {
        "The weights into target layer {target} overflow": "tests/extract/expansion/test_atlas.py",
        "needs Ray, which is not installed": "tests/extract/expansion/test_cluster.py",
        "No Ray answers at": "tests/extract/expansion/test_cluster.py",
        "is not an address of Ray": "tests/extract/expansion/test_cluster.py",
        "The number of threads applies to tasks of a Ray cluster": "tests/extract/expansion/test_cluster.py",
        "No machine of the cluster has": "tests/extract/expansion/test_cluster.py",
        "The machines of the cluster differ": "tests/extract/expansion/test_cluster.py",
        "Tasks of a cluster compute on cpu": "tests/extract/expansion/test_cluster.py",
        "The worker that computed a shard was lost": "tests/extract/expansion/test_cluster.py",
        "No edge leads from": "tests/extract/ablation/test_calibration.py",
        "holds evidence from other probes": "tests/extract/recording/test_probe_hashes.py",
    },
    {"Check that all machines have the same versions": "Ray takes minutes to say that it cannot start or be joined"},
)
