"""Shares over the top 100 probes, against the network's maps themselves, and in folders of earlier versions."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from safetensors.numpy import load
from torch import Tensor

from catalog.extraction_view import ExtractionView
from extract.enrichment.pipeline import measure
from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes.table import images
from extract.units import Layer
from tests.builders.extractions import without_edges
from tests.builders.tiny_network import tinted_probes

FIRST, LAST = Layer(1, 0, 8), Layer(4, 2, 6)  # one whose shortcut is a downsampling, one whose is the block below
CHUNK = 128  # probes; more than 16 of them are among the top 100 of a unit
TABLE = "top_100_shares.parquet"


@pytest.fixture(scope="module")
def many() -> pa.Table:
    return tinted_probes()


def show(network: Network, folder: Extraction, probes: pa.Table) -> Extraction:
    measure(network, folder, probes, [FIRST, LAST], progress=False, chunk=CHUNK)
    return folder


@pytest.fixture(scope="module")
def shown(tiny: Network, many: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return show(tiny, without_edges(tiny, tmp_path_factory.mktemp("many") / "x"), many)


def branch_maps(network: Network, probes: pa.Table, layer: Layer) -> dict[str, np.ndarray]:
    """Both branches of a sum, and what is convolved or passed on before batch norm: (probes, units, positions)."""
    block = network.visual.get_submodule(layer.module.rpartition(".")[0])
    maps, seen = dict[str, Tensor](), list[Any]()

    def keep(name: str) -> None:
        def hook(_: object, inputs: tuple[Tensor], output: Tensor) -> None:
            maps[name] = output.clone()

        seen.append(block.get_submodule(name).register_forward_hook(hook))

    def keep_input(_: object, inputs: tuple[Tensor]) -> None:
        maps["input"] = inputs[0].clone()

    downsampled = block.downsample is not None
    for name in ("bn3", "conv3", *(("downsample.0", "downsample.1") if downsampled else ())):
        keep(name)
    seen.append(block.register_forward_pre_hook(keep_input))
    with torch.inference_mode():
        network.visual(torch.cat(list(stack(images(probes), network.preprocess, len(probes)))))
    for each in seen:
        each.remove()
    shortcut, raw = ("downsample.1", "downsample.0") if downsampled else ("input", "input")
    names = {"shortcut": shortcut, "raw shortcut": raw, "conv": "bn3", "raw conv": "conv3"}
    return {name: maps[own].flatten(2).double().numpy() for name, own in names.items()}


def expected_shares(maps: dict[str, np.ndarray], discovery: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Every unit's shares on its top probes that lie above its mean, written out: (units,) each."""
    output = np.maximum(maps["shortcut"] + maps["conv"], 0).mean(axis=2)  # (probes, units)
    rows = []
    for unit in range(output.shape[1]):
        values = output[:, unit]
        ranked = discovery[np.argsort(-values[discovery], kind="stable")][:length]
        top = ranked[values[ranked] > values.mean()]
        r, b = maps["shortcut"][top, unit], maps["conv"][top, unit]  # (top, positions)
        norms = [np.linalg.norm(maps[f"raw {name}"][top, unit], axis=1) for name in ("shortcut", "conv")]
        mean_r, mean_b = maps["shortcut"][:, unit].mean(), maps["conv"][:, unit].mean()
        on = r + b > 0
        if not on.any():  # a unit that fires on no probe
            rows.append((0, np.nan, np.nan, np.nan))
            continue
        corrected = (r - mean_r)[on].sum() / (r + b - mean_r - mean_b)[on].sum()
        published = (norms[0] / (norms[0] + norms[1])).mean()
        rows.append((len(top), published, r[on].sum() / (r + b)[on].sum(), corrected))
    names = ("examples", "share_published", "share_exact", "share_corrected")
    return dict(zip(names, np.array(rows).T, strict=True))


@pytest.mark.parametrize("layer", [FIRST, LAST])
def test_shares_on_the_top_100_are_those_of_the_maps(
    tiny: Network, many: pa.Table, shown: Extraction, layer: Layer
) -> None:
    discovery = np.flatnonzero(np.array(many["split"].to_pylist()) == "discovery")
    table = shown.table("top_100_shares").filter(pc.field("layer") == str(layer))
    expected = expected_shares(branch_maps(tiny, many, layer), discovery, 100)
    assert (expected["examples"] == 100).mean() > 0.3
    for name, values in expected.items():
        # On noise the units hardly vary: less their mean, little is left of what is stored in half precision.
        error = 5e-3 if name == "share_corrected" else 2e-4
        np.testing.assert_allclose(table[name].to_numpy(), values, rtol=2e-4, atol=error)
    assert len(shown.under("activations")) == 3


def contents(folder: Extraction) -> dict[str, bytes]:
    return {str(file.relative_to(folder.path)): file.read_bytes() for file in folder.path.rglob("*") if file.is_file()}


def test_a_recording_that_was_interrupted_goes_on_to_the_same_bytes(
    tiny: Network, many: pa.Table, shown: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(tiny, many, without_edges(tiny, tmp_path / "x"), monkeypatch)
    again = show(tiny, Extraction.open(tmp_path / "x"), many)
    assert contents(again) == contents(shown)


def interrupt(
    network: Network, probes: pa.Table, folder: Extraction, monkeypatch: pytest.MonkeyPatch, chunks: int = 2
) -> None:
    """Show the network probes until so many chunks are written."""
    add = Extraction.add

    def interrupted(self: Extraction, files: Any) -> None:
        if len(self.under("activations")) == chunks:
            raise KeyboardInterrupt
        add(self, files)

    with monkeypatch.context() as patch:
        patch.setattr(Extraction, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            show(network, folder, probes)


def make_earlier(folder: Extraction) -> None:
    """Leave out of the recording what earlier versions did not write."""
    for name in folder.under("activations"):
        arrays = load((folder.path / name).read_bytes())
        folder.add({name: {key: array for key, array in arrays.items() if " next" not in key}})


def test_a_folder_that_an_earlier_version_recorded_has_the_shares_on_16_alone(
    tiny: Network, many: pa.Table, shown: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    interrupt(tiny, many, folder, monkeypatch)
    make_earlier(folder)
    measured = show(tiny, Extraction.open(tmp_path / "x"), many)  # the last chunk holds what the top 100 need
    assert not measured.has(TABLE)
    for name in ("evidence.parquet", "shares.parquet"):
        assert (measured.path / name).read_bytes() == (shown.path / name).read_bytes()
    files = contents(measured)
    assert contents(show(tiny, Extraction.open(tmp_path / "x"), many)) == files
    with pytest.raises(ExtractionError, match="Show the probes again into a new folder"):
        ExtractionView(measured).top_100_shares(LAST)


def test_the_shares_of_a_sum_are_a_table_of_its_units(shown: Extraction) -> None:
    shares = ExtractionView(shown).top_100_shares("4/2/6")
    rows = shown.table("top_100_shares").filter(pc.field("layer") == "4/2/6").to_pylist()
    assert [(str(each.unit), each.share_exact) for each in shares] == [
        (f"4/2/6/{row['channel']}", row["share_exact"]) for row in rows
    ]
    assert list(shares.to_pandas()["share_corrected_low"].isna()) == [
        row["share_corrected_low"] is None for row in rows
    ]
    assert len(ExtractionView(shown).top_100_shares()) == len(shares) + 32
