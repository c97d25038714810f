"""Weights in bfloat16, what they differ by from float32, and folders begun in another precision."""

from pathlib import Path

import numpy as np
import pytest

from extract.errors import ExtractionError, WeightsError
from extract.expansion.atlas import extract
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.units import Layer

TARGETS = ["4/1/5", "4/1/6", "4/0/8"]
PAIR = Layer(1, 0, 8), Layer(4, 1, 5)


@pytest.fixture(scope="module")
def exact(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return extract(tiny, tmp_path_factory.mktemp("precision") / "exact", TARGETS, progress=False)


@pytest.fixture(scope="module")
def rounded(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    path = tmp_path_factory.mktemp("precision") / "rounded"
    return extract(tiny, path, TARGETS, progress=False, precision="bfloat16")


def test_bfloat16_differs_from_float32_by_as_much_as_the_folder_tells(exact: Extraction, rounded: Extraction) -> None:
    one, other = (folder.matrix(*PAIR, "magnitude") for folder in (exact, rounded))
    assert one is not None
    assert other is not None
    errors = np.abs(one.astype(np.float64) - other) / one
    deviations = rounded.manifest.deviations
    assert deviations is not None
    between = len([total for total in exact.manifest.architecture.sums if PAIR[0] < total < Layer(4, 1, 6)])
    (deviation,) = (row for row in deviations if row.blocks == between)
    assert 0 < np.median(errors) < 0.02
    assert deviation.median == pytest.approx(np.median(errors), rel=0.5)
    assert deviation.median < deviation.percentile_99 <= deviation.largest
    assert [row.blocks for row in deviations] == sorted({row.blocks for row in deviations})


def test_the_folder_names_its_precision_and_float32_as_ever(exact: Extraction, rounded: Extraction) -> None:
    assert Extraction.open(rounded.path).manifest.settings.precision == "bfloat16"
    assert Extraction.open(exact.path).manifest.settings.precision == "float32"
    text = (exact.path / "manifest.json").read_text()
    assert "rounded" not in text
    assert "deviations" not in text


def test_a_folder_begun_in_another_precision_is_refused(tiny: Network, exact: Extraction) -> None:
    with pytest.raises(ExtractionError, match="other settings"):
        extract(tiny, exact.path, TARGETS, progress=False, precision="bfloat16")


def test_tf32_is_refused_on_a_processor(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="graphics cards"):
        extract(tiny, tmp_path / "x", TARGETS, progress=False, precision="tf32")
    assert not (tmp_path / "x").exists()
