"""Titles, meanings and formats of numbers, against those of before there was a table of statistics."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog import formats

FILE = Path(__file__).parents[1] / "extract" / "folder" / "statistics.json"
BEFORE: dict[str, Any] = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", BEFORE["formats"])
def test_a_number_is_called_explained_and_printed_as_before(name: str) -> None:
    now = {"title": formats.title(name), "meaning": formats.meaning(name), "bar": formats.has_bar(name)}
    assert now | {"printed": formats.printed(name, 0.123456)} == BEFORE["formats"][name]


@pytest.mark.parametrize("name", BEFORE["titles of counts"])
def test_a_count_is_called_and_explained_as_before_and_printed_whole(name: str) -> None:
    assert [formats.title(name), formats.meaning(name)] == BEFORE["titles of counts"][name]
    assert formats.printed(name, 3.0) == "3"


def test_an_unknown_name_is_its_own_title() -> None:
    assert (formats.title("nothing"), formats.meaning("nothing"), formats.header("no_thing")) == (
        "nothing",
        "",
        "no thing",
    )
    assert formats.printed("nothing", 0.123456) == "0.123"
