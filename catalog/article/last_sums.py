"""Find the sums of the last stage's last three blocks, for which the article gives shares, and their pictures."""

from collections.abc import Mapping
from pathlib import Path

from catalog.errors import ArticleError
from extract.units import Architecture, Layer

_BLOCKS = 3


def last_sums(architecture: Architecture) -> list[Layer]:
    """Return the last three sums of the last stage (or as many as the stage has), in forward order."""
    return [layer for layer in architecture.sums if layer.stage == architecture.final.stage][-_BLOCKS:]


def visualisation_folders(folder: Path, architecture: Architecture) -> Mapping[Layer, Path]:
    """Map each sum to its folder of pictures.

    A sum's folder is `folder` itself or a folder in it, if its name ends in the sum's, such as 4_2_6, like the folders
    of the article's authors. If no name does, `folder` holds the pictures of the last sum. Raises ArticleError if
    `folder` is not a folder.
    """
    if not folder.is_dir():
        raise ArticleError(f"{folder} is not a folder. Name one with pictures such as channel34.png.")
    places = [folder.absolute(), *(place for place in sorted(folder.iterdir()) if place.is_dir())]
    ends = {layer: str(layer).replace("/", "_") for layer in last_sums(architecture)}
    own = {layer: place for layer, end in ends.items() for place in places if place.name.endswith(end)}
    return own or {architecture.final: folder}
