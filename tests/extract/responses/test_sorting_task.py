"""Images drawn at levels, laid out for a person, and what the person wrote."""

import csv
from pathlib import Path

import pytest

from extract.errors import LevelsError
from extract.folder.extraction import Extraction
from extract.responses.levels import at_level, store
from extract.responses.sorting_task import draw, read
from extract.units import Layer, Unit

UNIT = Unit(Layer(4, 2, 6), 34)


def rows(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(newline="") as file:
        return list(csv.DictReader(file))


def fill(sheet: Path, categories: dict[str, str]) -> None:
    """Write categories beside the levels."""
    found = rows(sheet)
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, found[0])
        writer.writeheader()
        writer.writerows(row | {"category": categories.get(row["level"], "")} for row in found)


def test_the_sheet_lists_what_is_seen_at_each_level_in_an_order_that_does_not_tell_it(
    measured: Extraction, tmp_path: Path
) -> None:
    found = rows(draw(measured, UNIT, (0.0, 1.0), tmp_path / "sorting", count=4))
    for level in (0.0, 1.0):
        drawn = {row["probe"] for row in found if float(row["level"]) == level}
        assert drawn == {sighting.probe for sighting in at_level(measured, UNIT, level, limit=4)}
    assert [row["level"] for row in found] != sorted(row["level"] for row in found)
    kept = {row["id"] for row in measured.table("probes").to_pylist() if row["image"]}
    images = {file.stem for file in (tmp_path / "sorting").glob("*.webp")}
    assert images == {row["image"] for row in found if row["probe"] in kept}


def test_what_a_person_wrote_becomes_probabilities_that_are_kept(measured: Extraction, tmp_path: Path) -> None:
    sheet = draw(measured, UNIT, (0.0, 1.0), tmp_path / "sorting", count=4)
    fill(sheet, {"0.0": "hat", "1.0": "wound"})
    sorted_at = read(sheet)
    assert {level: set(categories) for level, categories in sorted_at.items()} == {0.0: {"hat"}, 1.0: {"wound"}}
    store(measured, UNIT, "sum", sorted_at)
    kept = measured.table("levels").to_pylist()
    assert {(row["level"], row["category"], row["probability"]) for row in kept} == {
        (0.0, "hat", 1.0), (0.0, "wound", 0.0), (1.0, "hat", 0.0), (1.0, "wound", 1.0)
    }  # fmt: skip


def test_an_image_without_a_category_does_not_count(measured: Extraction, tmp_path: Path) -> None:
    sheet = draw(measured, UNIT, (0.0, 1.0), tmp_path / "sorting", count=3)
    fill(sheet, {"1.0": "wound"})
    assert set(read(sheet)) == {1.0}


def test_a_sheet_that_was_not_filled_in_or_is_none_is_told(measured: Extraction, tmp_path: Path) -> None:
    sheet = draw(measured, UNIT, (0.0,), tmp_path / "sorting", count=3)
    with pytest.raises(LevelsError, match="has a category yet"):
        read(sheet)
    (other := tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for file, words in ((other, "is not a sheet"), (tmp_path / "nowhere.csv", "cannot be read: No such file")):
        with pytest.raises(LevelsError, match=words):
            read(file)


def test_a_folder_that_holds_something_is_left_alone(measured: Extraction, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(LevelsError, match="not empty"):
        draw(measured, UNIT, (0.0,), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
