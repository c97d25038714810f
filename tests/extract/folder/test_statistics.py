"""The table of statistics, against the names, titles, meanings and schemas as they were before there was a table."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extract.folder.glossary import glossary
from extract.folder.schemas import SCHEMAS
from extract.folder.statistics import BY_NAME, FINDINGS, HISTOGRAM, STATISTICS, TABLE, interval, of_table

BEFORE: dict[str, Any] = json.loads(Path(__file__).with_name("statistics.json").read_text())


def test_names_stand_in_the_order_of_json_and_exports() -> None:
    assert list(STATISTICS) == BEFORE["statistics"]
    assert list(FINDINGS) == BEFORE["findings"]
    assert list(HISTOGRAM) == BEFORE["histogram"]


CENSUS = ("rise", "specificity", "majority")


@pytest.mark.parametrize("table", BEFORE["tables"])
def test_a_tables_columns_and_metadata_are_those_of_existing_folders(table: str) -> None:
    schema, before = SCHEMAS[table], BEFORE["tables"][table]
    assert [f"{field.name} {field.type}" for field in schema] == before["columns"]
    assert [[key.decode(), text.decode()] for key, text in (schema.metadata or {}).items()] == before["meanings"]


def test_every_name_stands_once() -> None:
    assert len(BY_NAME) == len(TABLE)
    assert all(row.stored in SCHEMAS[row.table].names for row in TABLE if row.table)


def test_intervals_have_both_ends() -> None:
    sides = [
        f"{name}_{branch}"
        for name in ("effect", "nearby_effect", "nearby_rise", *CENSUS)
        for branch in ("conv", "shortcut")
    ]
    remaining = [f"rise_{facet}_without_{one}" for facet in ("conv", "shortcut") for one in ("conv", "shortcut")]
    expected = {"share_corrected", "facet_distance", *sides, *remaining}
    assert {row.name for row in TABLE if interval(row)} == expected
    assert interval(BY_NAME["rise_conv"]) == ("rise_conv_low", "rise_conv_high")
    assert {
        BY_NAME[name].coverage for name in ("rise_conv", "facet_distance", "effect_conv", "nearby_rise_shortcut")
    } == {90}  # of two one-sided bounds


def test_the_table_needs_the_standard_library_alone() -> None:
    code = "import sys, extract.folder.statistics; print({'numpy', 'pyarrow', 'pydantic', 'torch'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_a_tables_numbers_follow_its_rows() -> None:
    for table in ("units", "activity", "flows", "evidence", "census", "ablation", "shares"):
        assert [row.stored for row in of_table(table) if row.kind == "number"] == [
            name for name in SCHEMAS[table].names if SCHEMAS[table].field(name).type == "float"
        ]


def test_the_glossary_in_docs_is_that_of_the_table() -> None:
    docs = Path(__file__).parents[3] / "docs" / "glossary.md"
    assert docs.read_text() == glossary(), "Write it anew: python -m extract.folder.glossary > docs/glossary.md"
    lines = {line.split("`")[1]: line for line in docs.read_text().splitlines() if line.startswith("| `")}
    ends = {f"{name}_{end}" for name in BY_NAME for end in ("low", "high")} & BY_NAME.keys() - {
        "histogram_low",
        "histogram_high",
    }
    assert lines.keys() == BY_NAME.keys() - ends
    assert lines["rise_conv"].endswith(
        "90 % interval: `rise_conv_low` to `rise_conv_high`; since version 5 of the graph's schema |  | sums |"
    )
    assert lines["cosine"].endswith("| -1 to 1 |  |")
