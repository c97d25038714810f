"""What the folder keeps beside the census of a sum: the verdicts with one thing changed, and branches paired anew."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from extract.folder.census_variants import PAIRINGS, VARIANTS, beside_census
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.units import Layer
from tests.app.web.running import opened

FINAL = Layer(4, 2, 6)
VERDICTS = {
    "nothing": ["enriched", "open"],
    "pictures alone": ["open", "open"],
    "words alone": ["enriched", "enriched"],
}


@pytest.fixture
def kept(planted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder at hand that has both tables."""
    extraction = Extraction.open(shutil.copytree(planted.path, tmp_path / "kept.extraction"))
    census = extraction.part("census.parquet")
    extraction.drop(["census.parquet"])
    extraction.add({"census.parquet/4-2-6-c.parquet": census})
    row = {"layer": str(FINAL), "unjudged": None}
    rows = [
        row | {"change": change, "channel": channel, "verdict": verdict}
        for change, verdicts in VERDICTS.items()
        for channel, verdict in enumerate(verdicts)
    ]
    few = [row | {"change": "held out: a vendor", "channel": channel, "unjudged": "<b>few</b>"} for channel in range(2)]
    numbers = {"units": 32, "as_it_is": 0.3, "paired_anew": 0.25, "sd": 0.02, "p": 0.04, "draws": 99, "seed": 0}
    paired = [{"layer": str(FINAL), "number": "mean ratio", "stratum": s, **numbers} for s in (None, 0)]
    extraction.add(
        {
            beside_census(extraction, FINAL, VARIANTS, "a"): pa.Table.from_pylist(rows + few, SCHEMAS[VARIANTS]),
            beside_census(extraction, FINAL, PAIRINGS, "b"): pa.Table.from_pylist(paired, SCHEMAS[PAIRINGS]),
        }
    )
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))


def test_without_them_the_page_says_which_commands_make_them(app: AppTest) -> None:
    opened(app, "enrichment")
    shown = [code.value for code in app.code]
    for command in ("sensitivity", "pairings"):
        assert any(code.startswith(f"circuits {command} planted --pretrained by-hand") for code in shown)
        assert any(code.endswith("--layer 4/2/6") for code in shown)


@pytest.mark.usefixtures("kept")
def test_both_tables_stand_below_the_candidates(app: AppTest) -> None:
    opened(app, "enrichment")
    variants, paired = (table.value.to_dict("records") for table in app.dataframe[-2:])
    by_change = {row["change"]: row for row in variants}
    assert [by_change["nothing"][name] for name in ("enriched", "not_excluded", "open")] == [1, 2, 1]
    assert by_change["words alone"]["stay_enriched"] == 1
    assert by_change["held out: a vendor"]["unjudged"] == "<b>few</b>"
    assert [(row["number"], row["draws"], row["p"]) for row in paired] == [("mean ratio", 99, pytest.approx(0.04))]
    assert not app.code


@pytest.mark.usefixtures("kept")
def test_a_units_page_says_its_verdict_on_pictures_and_on_words_alone(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/1")
    said = [caption.value for caption in app.caption]
    assert "The census on fewer probes: by pictures alone: open, by words alone: enriched." in said
