"""The sorting task of Goh et al. (2021): a person writes categories beside images drawn at levels of an activation.

A folder holds the images that the extraction stores, in an order that hides the levels, and `sorted.csv`, whose last
column a person fills in.
"""

from collections.abc import Iterable
from pathlib import Path
from random import Random

from extract import csv_tables
from extract.errors import LevelsError
from extract.files import read_file, replace_file
from extract.folder.extraction import Extraction
from extract.responses.levels import TOLERANCE, at_level
from extract.units import Unit

SHEET = "sorted.csv"
COLUMNS = ("image", "probe", "level", "category")


def draw(
    extraction: Extraction, unit: Unit, levels: Iterable[float], folder: Path, count: int = 10, seed: int = 0
) -> Path:
    """Write `count` images per level, shuffled, into a new or empty folder; return the path of the sheet to fill in.

    Raises LevelsError for a folder that is not empty, and the errors of `levels.at_level`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise LevelsError(f"{folder} is not empty. Name a new folder for the images.")
    images = dict(zip(*extraction.table("probes").select(["id", "image"]).to_pydict().values(), strict=True))
    sample = [(level, at.probe) for level in levels for at in at_level(extraction, unit, level, TOLERANCE, count, seed)]
    Random(seed).shuffle(sample)  # noqa: S311
    rows = [(f"{number:03}", probe, level, "") for number, (level, probe) in enumerate(sample)]
    for number, (_, probe) in enumerate(sample):
        if image := images.get(probe):
            replace_file(folder / f"{number:03}.webp", image, LevelsError, parents=True)
    replace_file(folder / SHEET, csv_tables.encode(COLUMNS, rows).encode(), LevelsError, parents=True)
    return folder / SHEET


def read(sheet: Path) -> dict[float, list[str]]:
    """Read the categories that a person wrote, keyed by level; rows without a category are left out.

    Raises LevelsError for a bad sheet.
    """
    data = read_file(sheet, LevelsError, "Draw a sheet with `circuits levels`.")
    try:
        table = csv_tables.decode(data)
        rows = [(float(csv_tables.english_cell(row["level"])), row["category"].strip()) for row in table]
    except (*csv_tables.UNREADABLE, KeyError) as error:
        raise LevelsError(
            f"{sheet} is not a sheet of sorted images ({error}). Draw one with `circuits levels`, and fill in its last "
            "column."
        ) from error
    categories: dict[float, list[str]] = {}
    for level, category in rows:
        if category:
            categories.setdefault(level, []).append(category)
    if not categories:
        raise LevelsError(f"No image in {sheet} has a category yet. Write one in the last column.")
    return categories
