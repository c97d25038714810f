"""The sums of the last stage's last three blocks, which the article's shares are of, and where their pictures lie."""

from collections.abc import Mapping
from pathlib import Path

from catalog.errors import ArticleError
from extract.units import Architecture, Layer

_BLOCKS = 3


def last_sums(architecture: Architecture) -> list[Layer]:
    """The last three sums of the last stage, or as many as it has, in forward order."""
    return [layer for layer in architecture.sums if layer.stage == architecture.final.stage][-_BLOCKS:]


def visualisation_folders(folder: Path, architecture: Architecture) -> Mapping[Layer, Path]:
    """The folder of each sum's pictures: itself or those in it whose name ends in 4_2_6 etc.; else it is the last's.

    The authors' folders are named so. Raises ArticleError where there is no such folder.
    """
    if not folder.is_dir():
        raise ArticleError(f"{folder} is no folder. Name one with pictures such as channel34.png.")
    places = [folder.absolute(), *(place for place in sorted(folder.iterdir()) if place.is_dir())]
    ends = {layer: str(layer).replace("/", "_") for layer in last_sums(architecture)}
    own = {layer: place for layer, end in ends.items() for place in places if place.name.endswith(end)}
    return own or {architecture.final: folder}
