"""The macroscopic page: distributions of contributions, from the extraction folders at hand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.schemas import SCHEMAS
from extract.units import Architecture, Layer
from tests.app.web.running import MODEL, anew, markup, opened, visited
from tests.builders.planted_matrices import planted_matrices
from tests.builders.planted_weights import MEANS, SOURCE, TARGET, planted_weights

SHAPE = Architecture((1, 1, 1, 3), 1, 64)  # of the planted catalog
SIGNS = np.where(np.arange(32) % 3 == 0, -0.5, 0.5)


@pytest.fixture
def lobes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extraction:
    """A folder at hand in which every unit contributes 3 with a deviation of 0.1, times the sign of gamma."""
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))
    return planted_matrices(
        tmp_path / "lobes", lambda rng, t, s: rng.normal(3, 0.1, (t, s)), SIGNS,
        model=MODEL, shape=SHAPE, target=Layer.parse(TARGET),
    )  # fmt: skip


def measured(app: AppTest, statistic: str) -> Any:
    """The row of a statistic of forward contributions."""
    rows = app.dataframe[0].value.to_dict("records")
    return next(row for row in rows if (row["statistic"], row["direction"]) == (statistic, "forward"))


def test_without_a_folder_the_page_says_what_makes_one_and_draws_the_shares(app: AppTest) -> None:
    opened(app, "macroscopic")
    assert app.selectbox(key="layer").value == "4/2/5"
    assert "circuits extract planted --pretrained by-hand --targets 4/2/5" in [code.value for code in app.code]
    assert len(re.findall(r'class="chart outside"', markup(app))) == 1


@pytest.mark.usefixtures("lobes")
def test_the_layer_and_variant_of_the_address_are_measured_beside_their_controls(app: AppTest) -> None:
    opened(app, "macroscopic", layer=TARGET, variant="folded")
    folded = measured(app, "offset")
    assert folded["observed"] == pytest.approx(30, rel=0.1)
    assert folded["randomised"] is None or np.isnan(folded["randomised"])
    below = sources(SHAPE, Layer.parse(TARGET))
    assert (folded["n"], folded["units"]) == ("32", sum(min(24, SHAPE.channels(layer)) for layer in below))
    app.segmented_control(key="variant").set_value("raw").run()
    assert measured(app, "offset")["observed"] < 1
    assert measured(app, "two_peaks")["observed"] == 1
    assert "holds no randomised weights" in "\n".join(caption.value for caption in app.caption)


@pytest.mark.usefixtures("lobes")
def test_both_sweeps_are_drawn_and_a_lower_unit_is_chosen_by_the_address(app: AppTest) -> None:
    opened(app, "macroscopic", layer=TARGET, lower="4/1/6/3")
    drawing = markup(app)
    assert "4/1/6/3 into every conv branch above (raw)" in drawing
    assert drawing.count('class="panel"') == 1 + 12
    assert any("--layer 4/2/5 --variant raw --output macroscopic.svg" in code.value for code in app.code)
    app.text_input(key="lower").set_value("4/9/9").run()
    assert len(app.error) == 1
    assert len(app.dataframe) == 2  # the rest of the page stays


@pytest.mark.usefixtures("lobes")
def test_a_sum_has_but_the_scaled_variant(app: AppTest) -> None:
    opened(app, "macroscopic", layer="4/2/6")
    assert app.segmented_control(key="variant").options == ["scaled"]


def test_distributions_of_weights_come_from_the_extraction_folder(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, "macroscopic", layer=TARGET)
    assert "The available folders hold no weights into or out of this layer" in "\n".join(
        caption.value for caption in app.caption
    )
    planted_weights(tmp_path / "weights")
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))
    anew(app, "macroscopic", layer=TARGET)
    rows = app.dataframe[0].value.to_dict("records")
    assert [(row["other"], row["direction"], row["units"], row["n"], row["mean"]) for row in rows] == [
        (SOURCE, "backward", 3, 8, float(np.median(MEANS))),
        ("4/2/6", "forward", 1, 32, MEANS[0]),
    ]


@pytest.mark.parametrize("address", [{"layer": "9/9/9"}, {"layer": "<script>"}, {"variant": "most"}])
def test_an_address_that_says_nothing_does_no_harm(app: AppTest, address: dict[str, str]) -> None:
    visited(app, "macroscopic", **{"model": MODEL, **address})
    assert not app.error
    assert app.selectbox(key="layer").value == "4/2/5"


@pytest.mark.usefixtures("lobes")
def test_shares_paired_anew_tell_that_they_need_a_network_that_was_shown_probes(app: AppTest) -> None:
    opened(app, "macroscopic")
    app.toggle[0].set_value(True).run()
    assert not app.exception
    assert "This needs an extraction whose network was shown probes." in [caption.value for caption in app.caption]


def test_units_near_identity_stand_beside_branches_paired_anew(app: AppTest, lobes: Extraction) -> None:
    """Half of the units take nearly all from the shortcut, whosever conv branch they get; the others never do."""
    units, probes = SHAPE.channels(SHAPE.final), 40
    large = np.arange(units) % 2 == 0
    kinds = {"modality": ["picture", "word"], "split": ["discovery", "held-out"]}
    rows = [{"id": str(n), **{name: of[n // 10 % 2] for name, of in kinds.items()}} for n in range(probes)]
    branches = SHAPE.branches(SHAPE.final)
    means = {
        f"{branches[name]} value": np.outer(values, np.linspace(1, 2, probes)).astype(np.float16)
        for name, values in {"shortcut": np.where(large, 100, 1), "conv": np.ones(units)}.items()
    }
    shown = pa.Table.from_pylist(rows, SCHEMAS["probes"])
    lobes.add({"probes.parquet": shown, "activations/planted.safetensors": means})
    opened(app, "macroscopic")
    app.toggle[0].set_value(True).run()
    [row] = app.dataframe[-1].value.to_dict("records")
    assert (row["layer"], row["units"], row["p"]) == ("4/2/6", units, 1)
    assert row["as_it_is"] == row["paired_anew"] == 0.5
