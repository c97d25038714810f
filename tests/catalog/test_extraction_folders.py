"""What an extraction folder at hand adds to a model: kernels of direct edges and distributions of weights, no torch."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

import clip_circuits as cc
from catalog import Catalog, ExtractionView, Model
from catalog.extraction_folders import ExtractionFolders
from extract.errors import NoPath
from extract.folder.extraction import ContributionDirection, Extraction
from graph.embedded.server import stop
from graph.records import ModelCard
from tests.builders.planted_weights import MEANS, SOURCE, TARGET, kernels, planted_weights


@pytest.fixture
def model(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """The model of a catalog catalog_here where extraction folders lie in `tmp_path`; torch cannot be imported."""
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)
    with cc.open_catalog(catalog.url) as catalog_here:
        yield catalog_here.model()


@pytest.fixture(scope="module")
def extraction(tmp_path_factory: pytest.TempPathFactory) -> ExtractionView:
    """The demo's weights into one layer, as the extractor writes them."""
    folder = tmp_path_factory.mktemp("weights") / "x"
    return cc.open_network("demo").extract(folder, ["1/1/3"], strongest=2, progress=False)


def test_a_stored_kernel_is_read_without_torch(model: Model, tmp_path: Path) -> None:
    assert model.stored_kernel("4/2/3/7", "4/2/5/1") is None
    planted_weights(tmp_path / "weights")

    kernel = model.stored_kernel("4/2/3/7", "4/2/5/1")
    assert kernel is not None
    assert (str(kernel.source), str(kernel.target), kernel.first, kernel.cut) == ("4/2/3/7", "4/2/5/1", 0, False)
    np.testing.assert_array_equal(kernel.values, kernels()[1, 7].astype(np.float32))
    assert model.stored_kernel("4/0/8/1", "4/2/5/1") is None  # no direct edge: its kernel is not stored
    with pytest.raises(NoPath):
        model.stored_kernel("4/2/5/1", "4/2/3/7")


def at_hand(model: Model, directory: Path) -> list[Path]:
    """Its extraction folders in a directory; the one that it was loaded from lies elsewhere."""
    return [view.path for view in model.extractions if view.path.parent == directory]


def test_folders_of_other_weights_and_damaged_ones_are_left_out(model: Model, tmp_path: Path) -> None:
    planted_weights(tmp_path / "others", weights_sha256="1" * 64)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "manifest.json").write_text("{}")
    assert not at_hand(model, tmp_path)

    folder = planted_weights(tmp_path / "weights").path
    assert at_hand(model, tmp_path) == [folder]
    (folder / "distributions.parquet" / "4-2-5.parquet").write_bytes(b"cut short")
    (folder / "manifest.json").touch()
    assert not at_hand(model, tmp_path)


def test_the_folder_that_a_model_was_loaded_from_is_found_and_said_to_be_away(
    random_extraction: Callable[..., Extraction], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = tmp_path / "far" / "first", tmp_path / "far" / "second"
    loaded = random_extraction(first, "random:a", 1, width=2)
    with cc.open_catalog(tmp_path / "database") as catalog:
        model = catalog.load(loaded.path, progress=False)
        assert [view.path for view in model.extractions] == [first]
        assert model.away == ""

        (manifest := first / "manifest.json").rename(first / "aside")
        manifest.write_text("{}")
        assert "which can no longer be read as its extraction" in model.away
        (first / "aside").rename(manifest)

        first.rename(second)
        assert model.extractions == ()
        assert model.away.startswith(f"The model was loaded from {first}, which is missing. Put its extraction folder")

        again = catalog.load(second, progress=False)  # the same content at another place
        assert [view.path for view in again.extractions] == [second]
        assert [view.path for view in catalog.model().extractions] == [second]
    stop(tmp_path / "database")


def test_distributions_are_summarised_by_other_layer(model: Model, tmp_path: Path) -> None:
    assert len(model.weight_summaries(TARGET)) == 0
    planted_weights(tmp_path / "weights")

    into, out = list(model.weight_summaries(TARGET))
    assert (str(into.other), into.direction, into.units, into.n) == (SOURCE, "backward", 3, 8)
    assert (into.mean, into.sd, into.bimodality) == (np.median(MEANS), 2.0, None)
    assert (str(out.other), out.direction, out.units, out.n, out.mean) == ("4/2/6", "forward", 1, 32, MEANS[0])


@pytest.mark.parametrize(
    ("layer", "other", "direction"), [("1/1/3", "1/0/8", "backward"), ("1/0/8", "1/1/3", "forward")]
)
def test_distributions_of_weights_are_the_moments_of_the_stored_matrices(
    extraction: ExtractionView, layer: str, other: str, direction: ContributionDirection
) -> None:
    means = load_file(extraction.path / "matrices" / "1-1-3.safetensors")["1/0/8 mean"].astype(np.float64)
    weights = means if direction == "backward" else means.T  # (units, weights of a unit)
    stored = pq.read_table(extraction.path / "distributions.parquet" / "1-1-3.parquet").to_pandas()

    frame = extraction.weight_distributions(layer, other, direction).to_pandas()
    rows = stored[(stored.layer == layer) & (stored.other == other) & (stored.direction == direction)]
    assert frame.equals(rows.reset_index(drop=True))
    np.testing.assert_allclose(frame["mean"], weights.mean(1), atol=1e-3 * weights.std())
    np.testing.assert_allclose(frame["sd"], weights.std(1, ddof=1), rtol=2e-3)
    assert set(frame["n"]) == {weights.shape[1]}

    (summary,) = [each for each in extraction.weight_summaries(layer) if str(each.other) == other]
    assert summary.direction == direction
    assert summary.sd == pytest.approx(np.median(weights.std(1, ddof=1)), rel=2e-3)
    assert summary.kurtosis == pytest.approx(np.median(frame["kurtosis"]))


@pytest.mark.parametrize("folder", ["/nowhere/x", "a" * 300, "nul\0", "/" + "x/" * 3000])
def test_a_folder_out_of_the_database_that_cannot_be_looked_at_is_away(folder: str) -> None:
    folders = ExtractionFolders()
    card = ModelCard("m", (1, 1, 1, 1), 8, 32, "0" * 64, "", 0, 0, 0, 0, 0, (), folder)
    assert folders.of(card) == ()
