"""Histograms of every unit measured, against numpy's own on the activations themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from extract.enrichment.pipeline import measure
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.responses.histograms import BINS, binned
from extract.responses.levels import distribution
from extract.units import Layer, Unit
from tests.builders.extractions import without_edges

LAYERS = [Layer(4, 1, 6), Layer(4, 2, 6)]


@pytest.fixture(scope="module")
def chunked(tiny: Network, noise: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The tiny network measured on the noise in three chunks."""
    extraction = without_edges(tiny, tmp_path_factory.mktemp("chunked") / "x")
    measure(tiny, extraction, noise, LAYERS, progress=False, chunk=40)
    return extraction


def test_every_sum_and_branch_measured_has_the_histogram_that_numpy_gives(chunked: Extraction) -> None:
    rows = chunked.table("histograms").to_pylist()
    assert {row["layer"] for row in rows} == {"4/0/8", "4/1/5", "4/1/6", "4/2/5", "4/2/6"}
    assert len(rows) == 5 * 256
    for row in rows[::17]:
        unit = Unit(Layer.parse(row["layer"]), row["channel"])
        values = chunked.activations(unit.layer, slice(unit.channel, unit.channel + 1))
        assert values is not None
        counts, edges = np.histogram(values[:, 0].astype(np.float64), BINS)
        assert row["counts"] == counts.tolist()
        assert (row["n"], row["low"], row["high"]) == (88, edges[0], edges[-1])
        assert row["mean"] == pytest.approx(values.mean(dtype=np.float64), rel=1e-3, abs=1e-4)
        if row["sd"] is None:
            assert values.min() == values.max()
            continue
        exact = distribution(chunked, unit)
        assert (row["mean"], row["sd"]) == (np.float32(exact.mean), np.float32(exact.sd))
        assert row["sd"] == pytest.approx(values.std(dtype=np.float64), rel=1e-2, abs=1e-4)  # float16


def test_values_at_the_edges_of_bins_are_counted_where_numpy_counts_them() -> None:
    rng = np.random.default_rng(0)
    steps = rng.integers(0, BINS + 1, (50, 300)) / BINS
    low, high = rng.normal(size=50), 3 + rng.random(50)
    values = (low[:, None] + steps * (high - low)[:, None]).clip(low[:, None], high[:, None])
    values[:, 0], values[:, 1] = low, high
    found = binned(values, low, high)
    for line, first, last, counts in zip(values, low, high, found, strict=True):
        assert counts.tolist() == np.histogram(line, BINS, (first, last))[0].tolist()


def test_a_unit_that_always_does_the_same_has_all_probes_in_one_bin_and_no_deviation(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    norm: Any = tiny.visual.get_submodule("layer4.2.bn3")
    kept = {name: getattr(norm, name).data.clone() for name in ("weight", "bias")}
    try:
        norm.weight.data[3] = 0
        norm.bias.data[3] = 0.25
        extraction = without_edges(tiny, tmp_path / "x")
        measure(tiny, extraction, noise, [Layer(4, 2, 6)], progress=False)
    finally:
        for name, value in kept.items():
            getattr(norm, name).data.copy_(value)
    rows = extraction.table("histograms").to_pylist()
    (row,) = [row for row in rows if (row["layer"], row["channel"]) == ("4/2/5", 3)]
    assert row["counts"] == np.histogram(np.full(88, 0.25), BINS)[0].tolist()
    assert (row["low"], row["high"], row["mean"], row["sd"]) == (-0.25, 0.75, 0.25, None)


def test_an_extraction_measured_before_there_were_any_gets_them(
    tiny: Network, noise: pa.Table, chunked: Extraction
) -> None:
    (file,) = chunked.under("histograms.parquet")
    others, before = dict(chunked.manifest.files), chunked.manifest.files[file]
    chunked.drop([file])
    measure(tiny, chunked, noise, LAYERS, progress=False, chunk=40)
    assert chunked.manifest.files == others
    assert chunked.manifest.files[file] == before
