"""The layers page: what is there of each layer, and what makes the rest."""

import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from extract.folder.extraction import Extraction
from tests.app.web.running import MODEL, anew, card_of, labels_of, markup, model_store, opened, visited


def test_every_layer_is_counted(app: AppTest, planted: Extraction) -> None:
    opened(app, "layers")
    table: Any = app.dataframe[0].value.set_index("layer")
    assert list(table.index) == [str(layer) for layer in reversed(list(planted.layers))]
    assert table["units"].sum() == card_of(app).units
    assert list(table.loc["4/2/6", ["evidence", "tested", "histograms"]]) == [31, 31, 1]
    assert list(table.loc["4/2/6", ["supported", "contradicted", "inconclusive"]]) == [2, 1, 28]
    assert table.loc["4/2/5", "swept"] == 2
    labelled = {unit.unit for unit in labels_of(app).current()}
    assert table["labelled"].sum() == len(labelled)


def test_sweeps_are_those_of_the_extraction(app: AppTest, planted: Extraction) -> None:
    opened(app, "layers", layer="4/2/5")
    rows = [row for row in planted.table("sweeps").to_pylist() if row["target"] == "4/2/5"]
    found = app.dataframe[1].value.to_dict("records")
    assert sorted(found, key=lambda row: row["source"]) == sorted(rows, key=lambda row: row["source"])
    app.selectbox(key="layer").select("all layers").run()
    assert len(app.dataframe[1].value) == planted.table("sweeps").num_rows


def test_shares_are_drawn_as_numpy_counts_them(app: AppTest, planted: Extraction) -> None:
    opened(app, "layers", layer="4/2/6", share="exact")
    values = planted.table("evidence")["share_exact"].drop_null().to_numpy().astype(float)
    counts = [int(n) for n in re.findall(r"<title>(\d+) units ", markup(app))]
    assert counts == [(values < 0).sum(), *np.histogram(values, 20, (0, 1))[0].tolist(), (values > 1).sum()]
    anew(app, "layers", layer="4/2/6", share="published")
    assert "No unit here has a share" in "\n".join(caption.value for caption in app.caption)


def test_what_is_missing_comes_with_the_command_that_makes_it(app: AppTest) -> None:
    opened(app, "layers", layer="4/2/6")
    command = "circuits extract planted --pretrained by-hand"
    assert [code.value for code in app.code] == [f"{command} --targets 4/2/6", f"{command} --words 10000"]
    anew(app, "layers", layer="4/2/5")
    assert not app.code
    anew(app, "layers", layer="4/0/8")
    assert f"{command} --probes FOLDER" in [code.value for code in app.code]


@pytest.mark.parametrize("address", [{"layer": "9/9/9"}, {"layer": "<script>"}, {"share": "most"}])
def test_an_address_that_says_nothing_does_no_harm(app: AppTest, address: dict[str, str]) -> None:
    visited(app, "layers", **{"model": MODEL, **address})
    assert len(app.dataframe[0].value) == len(model_store().layers())
