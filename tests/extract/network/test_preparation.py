"""Which activation and preparation of images are in use is read from the configuration, printed and recorded."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from extract.errors import ExtractionError, WeightsError
from extract.expansion import atlas
from extract.folder.extraction import Extraction
from extract.network.network import Network, Preparation
from extract.network.weights import load_network
from tests.builders.tiny_network import TINY

MEAN, SD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
Preprocess = dict[str, Any]


def bundle(folder: Path, preprocess: Preprocess | None = None, **model: Any) -> Path:
    """A folder as open_clip writes it for the hub, of random weights."""
    folder.mkdir()
    config = TINY | model
    (folder / "plain.json").write_text(json.dumps(config))
    torch.save(
        load_network(str(folder / "plain.json"), seed=7).clip.state_dict(), folder / "open_clip_pytorch_model.bin"
    )
    content = {"model_cfg": config} | ({"preprocess_cfg": preprocess} if preprocess else {})
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    return folder


def test_a_folder_of_the_hubs_files_is_a_network(tiny: Network, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "mine", {"mean": MEAN, "std": SD, "size": 64})
    network = load_network(f"local-dir:{folder}")
    assert network.model == f"mine:open_clip_pytorch_model@{network.sha256[:12]}"
    assert network.preparation == Preparation(tuple(MEAN), tuple(SD))
    assert torch.equal(network.clip.visual.conv1.weight, tiny.clip.visual.conv1.weight)
    white = network.preprocess(Image.new("RGB", (64, 64), "white"))
    np.testing.assert_allclose(white[:, 0, 0], (1 - np.array(MEAN)) / SD, rtol=1e-6)
    cut = network.normalise([network.cut(Image.new("RGB", (64, 64), "white"))])
    assert torch.equal(cut[0], white)


def test_the_hubs_configuration_alone_prepares_images_its_way(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "mine", {"mean": MEAN, "std": SD, "interpolation": "bilinear", "resize_mode": "squash"})
    network = load_network(str(folder / "open_clip_config.json"), seed=7)
    assert network.preparation == Preparation(tuple(MEAN), tuple(SD), "bilinear", "squash")


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no open_clip_config\.json"):
        load_network(f"local-dir:{tmp_path}")
    folder = bundle(tmp_path / "mine")
    (folder / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(WeightsError, match=r"holds neither open_clip_model\.safetensors nor"):
        load_network(f"local-dir:{folder}")


@pytest.mark.parametrize(
    "preprocess",
    [
        *(
            {"mean": [0.5]},
            {"std": "a"},
            {"mean": 0.5},
            {"resize_mode": "stretch"},
            {"interpolation": 3},
            {"size": 224},
        ),
        *("abc", [1], {"size": [[1], [2]]}, {"size": {}}, {"std": [0, 1, 1]}, {"mean": [0, 0, math.nan]}),
        {"mean": "123"},
    ],
)
def test_a_preparation_that_is_none_is_refused(tmp_path: Path, preprocess: Any) -> None:
    file = tmp_path / "open_clip_config.json"
    file.write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": preprocess}))
    with pytest.raises(WeightsError, match="preprocess_cfg"):
        load_network(str(file))


def test_the_fingerprint_repeats_and_tells_activation_mean_size_and_weights_apart(tmp_path: Path) -> None:
    kinds: dict[str, tuple[Preprocess | None, dict[str, Any]]] = {
        "plain": (None, {}),
        "again": (None, {}),
        "quick": (None, {"quick_gelu": True}),
        "mean": ({"mean": MEAN}, {}),
        "sd": ({"std": SD}, {}),
        "squash": ({"interpolation": "bilinear"}, {}),
    }
    networks = {
        name: load_network(f"local-dir:{bundle(tmp_path / name, kind[0], **kind[1])}") for name, kind in kinds.items()
    }
    numbers = {name: network.fingerprint for name, network in networks.items()}
    assert numbers["plain"] == numbers["again"]
    assert len(numbers["plain"]) == 4
    assert len(set(numbers.values())) == len(kinds) - 1
    assert numbers["quick"][:2] == numbers["plain"][:2]  # the vision tower has no GELU
    assert [networks[name].activation for name in ("plain", "quick")] == ["GELU", "QuickGELU"]
    larger = TINY["vision_cfg"] | {"image_size": 96}  # type: ignore[operator]
    assert (
        load_network(f"local-dir:{bundle(tmp_path / 'larger', vision_cfg=larger)}").fingerprint not in numbers.values()
    )


def test_a_network_without_texts_has_numbers_of_its_vision_tower(tiny: Network) -> None:
    silent = replace(tiny, has_text=False)
    assert (silent.activation, silent.fingerprint) == ("none", tiny.fingerprint[:2])


def test_the_extraction_records_them_and_refuses_others(tiny: Network, tmp_path: Path) -> None:
    atlas.extract(tiny, tmp_path / "x", ["4/2/1"], progress=False)
    recorded = Extraction.open(tmp_path / "x").manifest.preparation
    assert recorded is not None
    assert recorded.fingerprint == tiny.fingerprint
    assert (recorded.activation, recorded.resizing) == ("GELU", "shortest, bicubic")
    assert recorded.mean == tiny.preparation.mean
    other = replace(tiny, preparation=Preparation(mean=(0.5, 0.5, 0.5)))
    with pytest.raises(ExtractionError, match="another activation or preparation of images"):
        atlas.extract(other, tmp_path / "x", ["4/2/1"], progress=False)


def test_a_folder_of_an_earlier_version_goes_on_without_them(tiny: Network, tmp_path: Path) -> None:
    atlas.extract(tiny, tmp_path / "x", ["4/2/1"], progress=False)
    file = tmp_path / "x" / "manifest.json"
    stored = json.loads(file.read_text())
    del stored["preparation"], stored["checksum"]
    file.write_text(json.dumps(stored))
    assert atlas.extract(tiny, tmp_path / "x", ["4/2/1"], progress=False).manifest.preparation is None


def test_the_line_names_what_is_in_use(tiny: Network) -> None:
    assert str(tiny).startswith(
        "tiny:random-7: text tower with GELU, images of 64 pixels, mean 0.4815 0.4578 0.4082, sd 0.2686 0.2613 0.2758, "
        "fingerprint "
    )
