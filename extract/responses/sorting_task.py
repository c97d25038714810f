"""The article's sorting task: a person writes categories beside images drawn at levels of a unit's activation.

A folder holds the images, as far as the extraction kept them, in an order that does not tell the levels, and
`sorted.csv`, whose last column is to be filled in.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from random import Random

from extract.errors import LevelsError
from extract.files import replace_file
from extract.folder.extraction import Extraction
from extract.responses.levels import TOLERANCE, at_level
from extract.units import Unit

SHEET = "sorted.csv"
COLUMNS = ("image", "probe", "level", "category")


def draw(
    extraction: Extraction, unit: Unit, levels: Iterable[float], folder: Path, each: int = 10, seed: int = 0
) -> Path:
    """Lay out `each` images a level, shuffled, in a new or empty folder; the sheet to fill in.

    Raises LevelsError for a folder that holds something, and what `levels.at_level` raises.
    """
    if folder.exists() and any(folder.iterdir()):
        raise LevelsError(f"{folder} is not empty. Name a new folder for the images.")
    seen = [(level, at.probe) for level in levels for at in at_level(extraction, unit, level, TOLERANCE, each, seed)]
    Random(seed).shuffle(seen)  # noqa: S311
    kept = dict(zip(*extraction.table("probes").select(["id", "image"]).to_pydict().values(), strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SHEET).open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(COLUMNS)
        for number, (level, probe) in enumerate(seen):
            sheet.writerow((f"{number:03}", probe, level, ""))
            if image := kept.get(probe):
                replace_file(folder / f"{number:03}.webp", image, LevelsError)
    return folder / SHEET


def read(sheet: Path) -> dict[float, list[str]]:
    """The categories that a person wrote, by level; a row without one is left out. LevelsError for what is no sheet."""
    try:
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            rows = [(float(row["level"]), row["category"].strip()) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise LevelsError(
            f"{sheet} is no sheet of sorted images ({error}). Draw one with `circuits levels`, fill in its last column."
        ) from error
    found: dict[float, list[str]] = {}
    for level, category in rows:
        if category:
            found.setdefault(level, []).append(category)
    if not found:
        raise LevelsError(f"No image in {sheet} has a category yet. Write one in the last column.")
    return found
