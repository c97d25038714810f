"""A whole extraction against brute force, and extractions killed on the way against one that was not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from scipy import stats

from extract.errors import ExtractionError, UnknownUnit
from extract.expansion.atlas import extract, scope
from extract.expansion.expanded_weights import expanded_weights
from extract.folder.extraction import ContributionDirection, Extraction, MatrixKind
from extract.folder.kernel_support import sources
from extract.folder.manifest import part
from extract.network.network import Network
from extract.network.weights import load_network
from extract.ranking import Floats
from extract.units import ARCHITECTURES, Layer, Unit
from tests.builders.contents import contents

Kernels = dict[tuple[str, str], Floats]  # by source and target: (target channels, source channels, h, w)
TARGETS = ("4/0/*", "4/2/*", "1/1/6")
K = 3


@pytest.fixture(scope="module")
def folder(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    path = tmp_path_factory.mktemp("atlas") / "tiny.extraction"
    return extract(tiny, path, TARGETS, strongest=K, progress=False)


@pytest.fixture(scope="module")
def kernels(tiny: Network, folder: Extraction) -> Kernels:
    """Of every layer pair extracted, in float64."""
    return {
        (str(source), target): expanded_weights(tiny, source, Layer.parse(target)).double().numpy()
        for target in folder.manifest.settings.targets
        for source in sources(tiny.architecture, Layer.parse(target))
    }


def rows(table: pa.Table) -> list[dict[str, Any]]:
    return table.to_pylist()


def test_every_layer_pair_below_the_targets_is_swept(folder: Extraction, kernels: Kernels) -> None:
    found = rows(folder.table("sweeps"))
    assert {(row["source"], row["target"]) for row in found} == set(kernels)
    for row in found:
        kernel = kernels[row["source"], row["target"]]
        targets, channels, height, width = kernel.shape
        assert (row["n"], row["span"]) == (targets * channels, height * width)
        assert row["direct"] == folder.manifest.architecture.is_direct(
            Layer.parse(row["source"]), Layer.parse(row["target"])
        )


def test_edges_carry_the_numbers_of_their_kernels(folder: Extraction, kernels: Kernels) -> None:
    for (source, target), edges in folder.table("edges").to_pandas().groupby(["source", "target"]):
        kernel = kernels[str(source), str(target)][edges.target_channel, edges.source_channel]  # (edges, h, w)
        magnitude, total = np.sqrt((kernel**2).sum((1, 2))), kernel.sum((1, 2))
        np.testing.assert_allclose(edges.magnitude, magnitude, rtol=1e-4)
        np.testing.assert_allclose(edges["sum"], total, rtol=1e-3, atol=1e-4 * magnitude.max())
        np.testing.assert_allclose(edges["mean"], edges["sum"] / kernel[0].size, rtol=1e-6)
        assert (edges.span == kernel[0].size).all()


def test_edges_kept_are_the_strongest_of_their_layer_pair(folder: Extraction, kernels: Kernels) -> None:
    kept = folder.table("edges").to_pandas().groupby(["source", "target"])
    swept = {(row["source"], row["target"]): row for row in rows(folder.table("sweeps"))}
    for pair, kernel in kernels.items():
        magnitude = np.sqrt((kernel**2).sum((2, 3)))
        mean = np.abs(kernel.mean((2, 3)))
        edges = kept.get_group(pair)
        left = np.ones(magnitude.shape, bool)
        left[edges.target_channel, edges.source_channel] = False
        assert swept[pair]["kept"] == len(edges) == (~left).sum()
        for values, cutoff in ((magnitude, "cutoff_magnitude"), (mean, "cutoff_mean")):
            assert swept[pair][cutoff] == pytest.approx(values.max(where=left, initial=0), rel=1e-3)
            for axis in (0, 1):
                strongest = np.sort(values, axis).take(-min(K, values.shape[axis]), axis)
                weaker = values < np.expand_dims(strongest, axis) * (1 + 1e-4)  # float32 may order equals otherwise
                assert weaker[left].all()


def test_ranks_are_those_of_brute_force(folder: Extraction, kernels: Kernels) -> None:
    for (source, target), edges in folder.table("edges").to_pandas().groupby(["source", "target"]):
        magnitude = np.sqrt((kernels[str(source), str(target)] ** 2).sum((2, 3)))
        rank_in = stats.rankdata(-magnitude, axis=1)[edges.target_channel, edges.source_channel]
        rank_out = stats.rankdata(-magnitude, axis=0)[edges.target_channel, edges.source_channel]
        assert (np.abs(edges.rank_in - rank_in) < 2).mean() > 0.99  # float32 may order near equals otherwise
        assert (np.abs(edges.rank_out - rank_out) < 2).mean() > 0.99
        assert (edges.rank_in == 1).sum() == len(magnitude)
        assert (edges.rank_out == 1).sum() == magnitude.shape[1]


def test_dense_matrices_and_direct_kernels_are_those_of_brute_force(folder: Extraction, kernels: Kernels) -> None:
    for (source, target), kernel in kernels.items():
        layers = Layer.parse(source), Layer.parse(target)
        magnitude, mean = np.sqrt((kernel**2).sum((2, 3))), kernel.mean((2, 3))
        expected: dict[MatrixKind, Floats] = {"magnitude": magnitude, "mean": mean}
        for kind, values in expected.items():
            stored = folder.matrix(*layers, kind)
            assert stored is not None
            np.testing.assert_allclose(stored, values, rtol=1e-3, atol=1e-4 * np.abs(values).max())
        stored = folder.matrix(*layers, "kernel")
        assert (stored is not None) == folder.manifest.architecture.is_direct(*layers)
        if stored is not None:
            np.testing.assert_allclose(stored, kernel, rtol=1e-3, atol=1e-4 * np.abs(kernel).max())
            one = folder.kernel(Unit(layers[0], 2), Unit(layers[1], 3))
            assert one is not None
            np.testing.assert_array_equal(one, stored[3, 2].astype(np.float32))
        else:
            assert folder.kernel(Unit(layers[0], 2), Unit(layers[1], 3)) is None


def test_distributions_are_those_of_the_layers_that_are_named(folder: Extraction) -> None:
    table = folder.table("distributions").to_pandas()
    for layer, of_layer in table.groupby("layer"):
        one = Layer.parse(str(layer))
        assert sorted(folder.distributions(one).to_pandas().n) == sorted(of_layer.n)
        for (other, direction), rows in of_layer.groupby(["other", "direction"]):
            side: ContributionDirection = "backward" if direction == "backward" else "forward"
            found = folder.distributions(one, Layer.parse(str(other)), side).to_pandas()
            pd.testing.assert_frame_equal(found, rows.reset_index(drop=True))
            assert folder.distributions(one, Layer.parse(str(other)), side, channel=1).num_rows == 1
    assert folder.distributions(Layer(1, 0, 7)).num_rows == 0


def test_distributions_are_scipys_over_brute_force(folder: Extraction, kernels: Kernels) -> None:
    table = folder.table("distributions").to_pandas()
    assert len(table) == sum(kernel.shape[0] + kernel.shape[1] for kernel in kernels.values())
    for (layer, other, direction), found in table.groupby(["layer", "other", "direction"]):
        source, target = (other, layer) if direction == "backward" else (layer, other)
        mean = kernels[str(source), str(target)].mean((2, 3))
        values = mean if direction == "backward" else mean.T
        assert found.channel.tolist() == list(range(len(values)))
        assert (found.n == values.shape[1]).all()
        np.testing.assert_allclose(found["mean"], values.mean(1), rtol=1e-3, atol=1e-4 * values.std())
        np.testing.assert_allclose(found.sd, values.std(1, ddof=1), rtol=1e-3)
        np.testing.assert_allclose(found.skewness, stats.skew(values, 1, bias=False), rtol=1e-3, atol=1e-3)


def test_the_units_table_has_every_unit_and_its_scale(folder: Extraction, tiny: Network) -> None:
    table = folder.table("units").to_pandas()
    layers = folder.layers
    expected = [(str(layer), channel) for layer, count in layers.items() for channel in range(count)]
    assert list(zip(table.layer, table.channel, strict=True)) == expected
    norm = tiny.visual.get_submodule("layer4.2.bn3")
    scale = norm.get_parameter("weight") / torch.sqrt(norm.get_buffer("running_var") + 1e-5)
    np.testing.assert_allclose(table[table.layer == "4/2/5"].scale, scale.numpy(), rtol=1e-6)
    assert table[table.layer == "4/2/6"].scale.isna().all()
    assert (table[table.layer == "4/0/7"].scale < 0).any()


def test_the_manifest_says_what_it_was_made_from(folder: Extraction, tiny: Network) -> None:
    manifest = Extraction.open(folder.path).manifest
    assert (manifest.model, manifest.weights_sha256) == (tiny.model, tiny.sha256)
    assert manifest.architecture == tiny.architecture
    assert manifest.tools["torch"] == torch.__version__
    assert manifest.missing == ()
    assert manifest.settings.targets[:3] == ("1/1/6", "4/0/1", "4/0/3")


def test_without_matrices_the_same_edges_and_kernels_are_kept(
    folder: Extraction, tiny: Network, tmp_path: Path
) -> None:
    lean = extract(tiny, tmp_path / "x", ["4/2/5", "4/2/6"], strongest=K, matrices=False, progress=False)
    for name in ("edges", "distributions"):
        same = part(name, "4/2/5")
        assert (lean.path / same).read_bytes() == (folder.path / same).read_bytes()
    assert lean.matrix(Layer(4, 2, 3), Layer(4, 2, 5), "mean") is None
    kernels = lean.matrix(Layer(4, 2, 3), Layer(4, 2, 5), "kernel")
    assert kernels is not None
    assert kernels.shape == (256, 64, 1, 1)
    assert lean.matrix(Layer(4, 2, 3), Layer(4, 2, 6), "kernel") is None


def test_all_targets_are_every_layer_with_a_source() -> None:
    rn50 = ARCHITECTURES["RN50"]
    chosen = scope(rn50)
    assert set(rn50.layers) - set(chosen) == {Layer(1, 0, 1), Layer(1, 0, 7)}
    assert list(chosen) == [layer for layer in rn50.layers if layer in chosen]


@pytest.mark.parametrize(
    ("texts", "layers"),
    [
        (["4/2/5"], "4/2/5"),
        (["4/2/*"], "4/2/1 4/2/3 4/2/5 4/2/6"),
        ([" layer4.2.bn3 ", "4/2/5", "image_block_1_0_add_3_0"], "1/0/3 4/2/5"),
        (["*/0/7"], "2/0/7 3/0/7 4/0/7"),
        (["4/?/6", "4/0/8"], "4/0/8 4/1/6 4/2/6"),
        ([], ""),
    ],
)
def test_targets_by_name_and_pattern(texts: list[str], layers: str) -> None:
    assert " ".join(map(str, scope(ARCHITECTURES["RN50"], texts))) == layers


@pytest.mark.parametrize("text", ["5/*", "4/3/1", "4/2/8", "final", "1/0/1", "1/0/7", "", "**/x"])
def test_targets_that_match_nothing_are_refused(tiny: Network, tmp_path: Path, text: str) -> None:
    with pytest.raises(UnknownUnit):
        extract(tiny, tmp_path / "x", ["4/2/5", text], progress=False)
    assert not (tmp_path / "x").exists()


def test_too_little_memory_is_refused_with_the_way_out(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match=r"target layer 4/2/6 .* Allow more memory, keep fewer edges, or leave"):
        extract(tiny, tmp_path / "x", ["4/2/6"], memory=2**20, progress=False)
    assert not (tmp_path / "x").exists()


def test_weights_that_overflow_are_refused(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    network = load_network(configuration(tmp_path), seed=7)
    for module in ("layer4.1.conv3", "layer4.2.conv1"):
        network.visual.get_submodule(module).get_parameter("weight").mul_(1e30)
    with pytest.raises(ExtractionError, match="4/2/1 overflow"):
        extract(network, tmp_path / "x", ["4/2/1"], progress=False)


def test_a_finished_extraction_is_not_computed_again(tiny: Network, folder: Extraction) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.path.rglob("*.*")}
    again = extract(tiny, folder.path, TARGETS, strongest=K, progress=False)
    assert again.manifest == folder.manifest
    assert {file: file.stat().st_mtime_ns for file in folder.path.rglob("*.*")} == before


def test_progress_names_the_shard(tiny: Network, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    extract(tiny, tmp_path / "x", ["4/2/1", "4/2/3"], progress=True)
    said = capfd.readouterr().err
    assert "target 4/2/3" in said
    assert "128/128" in said


def configuration(folder: Path) -> str:
    tower = {"image_size": 64, "layers": [2, 1, 1, 3], "width": 8}
    text = {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1}
    (folder / "tiny.json").write_text(json.dumps({"embed_dim": 16, "vision_cfg": tower, "text_cfg": text}))
    return str(folder / "tiny.json")


def test_what_a_killed_process_left_half_written_is_written_anew(
    folder: Extraction, tiny: Network, tmp_path: Path
) -> None:
    whole = extract(tiny, tmp_path / "whole", ["4/2/1", "4/2/3"], progress=False)
    path = tmp_path / "x"
    extract(tiny, path, ["4/2/1", "4/2/3"], progress=False)
    for file in path.rglob("4-2-3.*"):
        file.with_name(file.name + ".tmp").write_bytes(file.read_bytes()[:50])  # as if killed while writing
        file.write_bytes(b"unrecorded")  # as if killed before the manifest was
    record = json.loads((path / "manifest.json").read_text())
    record["files"] = {name: file for name, file in record["files"].items() if "4-2-3" not in name}
    del record["checksum"]
    (path / "manifest.json").write_text(json.dumps(record))
    extract(tiny, path, ["4/2/1", "4/2/3"], progress=False)
    assert contents(path) == contents(whole.path)


def test_a_place_that_cannot_be_written_is_refused(tiny: Network, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExtractionError, match="cannot be written"):
        extract(tiny, tmp_path / "file" / "x", ["4/2/1"], progress=False)
