"""Lists of probes, their order against the network's own activations before any rounding."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from extract.enrichment.pipeline import measure
from extract.folder.extraction import Extraction
from extract.network.hooks import watch_means
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes.table import images
from extract.responses.levels import distribution
from extract.units import Layer, Unit
from tests.builders.extractions import without_edges
from tests.builders.tiny_network import tinted_probes

OFFSET = 100  # where float16 goes by steps of a sixteenth, and float32 by steps of 1/131,072
SUM, CONV = Layer(4, 2, 6), Layer(4, 2, 5)


@pytest.fixture(scope="module")
def probes() -> pa.Table:
    return tinted_probes(100)


@pytest.fixture(scope="module")
def lifted(tiny: Network) -> Network:
    """The network with all of the last conv branch, and so the sum, far above zero beside what it varies."""
    network = replace(tiny, clip=deepcopy(tiny.clip))
    network.visual.get_submodule("layer4.2.bn3").get_parameter("bias").add_(OFFSET)
    return network


@pytest.fixture(scope="module")
def shown(lifted: Network, probes: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    folder = without_edges(lifted, tmp_path_factory.mktemp("lifted") / "x")
    measure(lifted, folder, probes, [SUM], progress=False, chunk=64)
    return folder


@pytest.fixture(scope="module")
def own(lifted: Network, probes: pa.Table) -> dict[Layer, np.ndarray]:
    """Means over positions: (probes, units)."""
    means: dict[Layer, torch.Tensor] = {}
    with torch.inference_mode(), watch_means(lifted.visual, [SUM, CONV], means.__setitem__):
        lifted.visual(torch.cat(list(stack(images(probes), lifted.preprocess, len(probes)))))
    return {layer: values.double().numpy() for layer, values in means.items()}


@pytest.mark.parametrize(("layer", "branch"), [(SUM, "sum"), (CONV, "conv")])
def test_probes_are_ranked_before_any_rounding(
    probes: pa.Table, shown: Extraction, own: dict[Layer, np.ndarray], layer: Layer, branch: str
) -> None:
    place = {name: n for n, name in enumerate(probes["id"].to_pylist())}
    discovery = np.array(probes["split"].to_pylist()) == "discovery"
    rows = shown.table("examples").to_pandas()
    rows = rows[(rows["layer"] == str(SUM)) & (rows["branch"] == branch)]
    rounded_away = 0
    for (unit, kind), listed in rows[rows["kind"] != "random"].groupby(["channel", "kind"]):
        channel = int(str(unit))
        values = own[layer][discovery, channel]
        order = {"top": -values, "low": values, "middle": np.abs(values - np.median(values))}[str(kind)]
        expected = values[np.argsort(order)][: len(listed)]
        ranked = own[layer][[place[name] for name in listed.sort_values("rank")["probe"]], channel]
        if kind == "middle":
            expected, ranked = (np.abs(each - np.median(values)) for each in (expected, ranked))
        np.testing.assert_allclose(ranked, expected, atol=1e-4)
        rounded_away += len(np.unique(expected.astype(np.float16))) < len(np.unique(expected.round(4)))
    assert rounded_away > 500


def test_levels_and_their_deviations_are_those_before_any_rounding(
    shown: Extraction, own: dict[Layer, np.ndarray]
) -> None:
    for channel in range(0, 256, 16):
        measured, values = distribution(shown, Unit(CONV, channel)), own[CONV][:, channel]
        np.testing.assert_allclose(measured.values, values, atol=1e-4)
        np.testing.assert_allclose(measured.z, (values - values.mean()) / values.std(), atol=0.01)
