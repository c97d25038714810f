"""Messages about extraction folders and visualisations."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from extract.files import at_home
from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest
from extract.folder.schemas import SCHEMAS
from extract.network.weights import load_network
from extract.recording.visualisations import visualise
from extract.units import Layer
from tests.builders.extractions import without_edges
from tests.builders.tiny_network import tiny_network
from tests.faults.advice.messages import Act, Advice, Table

MANIFEST = Manifest(
    model="a:b",
    weights_sha256="0" * 64,
    blocks=(1, 1, 1, 1),
    width=8,
    image_size=64,
    settings=ExtractionSettings(targets=(), strongest=1, matrices=False),
    tools={},
)


def create(folder: str = "x", **other: object) -> Extraction:
    return Extraction.create(Path(folder), MANIFEST.model_copy(update=other))


def opened(alter: Callable[[], object] = lambda: None) -> Act:
    """Open a new folder with one table after it was altered."""

    def open_again() -> object:
        for file in Path("x").glob("*"):
            file.unlink()
        create().add({"visualisations.parquet": SCHEMAS["visualisations"].empty_table()})
        alter()
        return Extraction.open(Path("x"))

    return open_again


def begun(folder: str = "x", **other: object) -> Act:
    def begin() -> object:
        create()
        return create(folder, **other)

    return begin


def while_another_writes(folder: str) -> Act:
    def write() -> None:
        with create().writing():
            create(folder).add({})

    return write


def below_a_file() -> object:
    Path("file").write_text("")
    return create("file/x")


def into_a_link(replaced: bool = False) -> Act:
    """Write into a subfolder that leads out of the folder, or that was put in place of such a link."""

    def write() -> None:
        extraction = create("linked")
        Path("elsewhere").mkdir(exist_ok=True)
        link = Path("linked/examples.parquet")
        link.unlink(missing_ok=True)
        if replaced:
            link.mkdir()
        else:
            link.symlink_to(Path("elsewhere").absolute())
        extraction.add({"examples.parquet/4-2-6.parquet": SCHEMAS["examples"].empty_table()})

    return write


def replaced(old: str, new: str) -> Callable[[], object]:
    def replace() -> object:
        manifest = Path("x/manifest.json")
        return manifest.write_text(manifest.read_text().replace(old, new))

    return replace


def pictured(*names: str, content: bytes | None = None) -> Act:
    """Import visualisations of these names."""

    def show() -> object:
        network = tiny_network(Path())
        if names:
            Path("pictures").mkdir(exist_ok=True)
        for file in Path("pictures").glob("*"):
            file.unlink()
        for name in names:
            Image.new("RGB", (64, 64)).save(Path("pictures") / name)
            if content is not None:
                (Path("pictures") / name).write_bytes(content)
        extraction = without_edges(network, Path("pictured"))
        return visualise(network, extraction, Path("pictures"), Layer(4, 2, 6), progress=False)

    return show


def empty_folder() -> object:
    Path("pictures").mkdir()
    return pictured()()


def of_other_weights() -> None:
    network = tiny_network(Path())
    torch.save(load_network("tiny.json", seed=1).clip.state_dict(), "other.pt")
    other = load_network("tiny.json", "other.pt")
    without_edges(network, Path("one")).check(other.model, other.sha256)


def of_the_same_weights() -> None:
    network = tiny_network(Path())
    without_edges(network, Path("one")).check(network.model, network.sha256)


TABLE = Table(
    (
        "extract.files",
        "extract.folder.manifest",
        "extract.folder.encoding",
        "extract.folder.manifest_folder",
        "extract.recording.visualisations",
    ),
    (
        Advice("cannot be used: {", lambda: at_home("x" * 300), lambda: at_home("x")),
        Advice("is not UTF-8, which tables in Parquet need", lambda: create("\udcff"), lambda: create("y")),
        Advice("holds no manifest.json", lambda: Extraction.open(Path("nothing")), opened()),
        Advice("its content does not match its checksum", opened(replaced("a:b", "a:c")), opened()),
        Advice("is not a manifest of format", opened(replaced("{", "[")), opened()),
        Advice(
            "is missing, cut short or altered",
            opened(lambda: Path("x/visualisations.parquet").write_bytes(b"")),
            opened(),
        ),
        Advice("was begun with", begun(width=16), begun("y", width=16)),
        Advice("was extracted from other weights than", of_other_weights, of_the_same_weights),
        Advice("is being written by process", while_another_writes("x"), while_another_writes("y")),
        Advice("is a link, and an extraction changes nothing outside", into_a_link(), into_a_link(replaced=True)),
        Advice("cannot be written: {reason_of(error)}. {_PLACE}", below_a_file, lambda: create("y")),
        Advice("No picture in {folder} can be read", pictured("channel3.png", content=b"x"), pictured("channel3.png")),
        Advice("is not a folder. Name one with pictures", pictured(), pictured("channel3.png")),
        Advice("{folder} holds no picture. Save", empty_folder, pictured("channel3.png")),
        Advice("fits a unit of {layer}", pictured("hat.png"), pictured("channel255.png")),
        Advice("A unit has two pictures", pictured("channel3.png", "3.png"), pictured("channel3.png")),
    ),
    {"Too many files are open": "tests/extract/test_files.py"},
    untested={
        "Name a folder that you may read": "as the next",
        "Change its permissions": "tests may be run by root, who may read every file",
    },
)
