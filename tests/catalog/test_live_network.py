"""The network itself, asked through one object: what it answers is what the functions below it give."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL.Image import Image, new

import clip_circuits as cc
from catalog.errors import TorchMissing, torch_needed
from catalog.live_network import LiveNetwork
from extract.demo import WEIGHTS
from extract.errors import AblationError, NoPath, UnknownUnit, WeightsError
from extract.expansion.expanded_weights import expanded_weights
from extract.network.weights import load_network
from extract.probes.rasterised_words import DEJAVU
from extract.recording.difference import difference
from extract.units import Layer, Unit


def white() -> Image:
    return new("RGB", (96, 96), "white")


@pytest.fixture(scope="module")
def network() -> LiveNetwork:
    return cc.open_network("demo")


def test_an_expanded_weight_is_a_kernel_that_draws_itself(network: LiveNetwork) -> None:
    kernel = network.expanded_weight("4/2/3/12", Unit.parse("4/2/5/34"))

    expected = expanded_weights(load_network("demo"), Unit.parse("4/2/3/12"), Unit.parse("4/2/5/34")).numpy()
    np.testing.assert_array_equal(kernel.values, expected)
    assert kernel.magnitude == pytest.approx(np.linalg.norm(expected))
    assert "4/2/3/12 to 4/2/5/34" in kernel._repr_html_()
    with pytest.raises(NoPath):
        network.expanded_weight("4/2/5/34", "4/2/3/12")
    with pytest.raises(UnknownUnit):
        network.expanded_weight("9/9/3/12", "4/2/5/34")


def test_kernels_of_direct_edges_are_read_from_the_folder_as_they_are_computed(
    network: LiveNetwork, tmp_path: Path
) -> None:
    extraction = network.extract(tmp_path / "x", ["1/1/3"], strongest=2, progress=False)

    stored = cc.open_extraction(tmp_path / "x").kernel("1/1/1/3", "1/1/3/5")
    computed = network.expanded_weight("1/1/1/3", "1/1/3/5")
    assert stored is not None
    assert (stored.first, stored.cut, stored.values.shape) == (computed.first, computed.cut, computed.values.shape)
    np.testing.assert_allclose(stored.values, computed.values, atol=1e-2 * np.abs(computed.values).max())
    assert extraction.kernel("1/0/8/3", "1/1/3/5") is None
    assert set(extraction.table("distributions")["direction"].to_pylist()) == {"backward", "forward"}


def test_a_word_and_a_picture_raise_units(network: LiveNetwork) -> None:
    direct = difference(load_network("demo"), "anchor", "eeeeee", Layer(4, 2, 5))

    np.testing.assert_array_equal(network.difference("anchor", layer="4/2/5").values, direct.values)
    assert network.difference("anchor").layer == network.architecture.final
    grey = network.seen(network.attack(white(), "cat", ["cat", "dog"]).picture)
    assert network.rises(grey, "4/2/6").values.shape == (512,)
    activities = dict.fromkeys(range(512), (0.0, None))
    assert not network.rises(grey, "4/2/6", activities).values.any()


def test_common_words_are_shown_once_for_each_layer() -> None:
    common, steps = ("the", "to", "and", "of", "a"), list[float]()
    network = LiveNetwork(load_network("demo"), common, chunk=2)  # the last chunk is a shorter one
    for word in ("anchor", "dog"):
        found = network.over_common_words(word, "4/1/6", steps.append)
        direct = difference(load_network("demo"), word, common, Layer(4, 1, 6))
        np.testing.assert_allclose(found.values, direct.values, atol=1e-5)
    assert steps == [1 / 3, 2 / 3, 1.0]


def test_an_embedding_is_split_among_units_and_branches(network: LiveNetwork) -> None:
    conv, shortcut = network.direct_effects([white()], ["cat", "dog"])

    assert conv.shape == shortcut.shape == (1, 512, 2)
    split = network.decompose([white()])
    assert split.embedding.shape == split.rest.shape


def test_an_attack_names_what_the_picture_is_taken_for(network: LiveNetwork, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("cat\ndog\n")

    attacked = network.attack(white(), "dog", prompts, "4/2/6")

    assert attacked.classes == ("cat", "dog")
    assert len(network.classes()) == 499


def test_either_a_branch_or_an_edge_is_ablated(network: LiveNetwork) -> None:
    assert set(network.ablate("4/2/6/34", branch="conv", count=2, classes=()).effects) == {"mean", "resample"}
    assert network.ablate("4/2/5/34", source="4/2/3/80", count=2, classes=()).prompts == ()
    for ends in ({}, {"branch": "conv", "source": "4/2/3/80"}):
        with pytest.raises(AblationError):
            network.ablate("4/2/6/34", **ends)  # type: ignore[arg-type]


def test_other_weights_than_the_catalogs_are_refused() -> None:
    with pytest.raises(WeightsError, match="not those of the catalog"):
        LiveNetwork.of("demo:emoji", "0" * 64)


@pytest.fixture
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("catalog.live_network", "extract.network"))]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("not_imported")
def test_without_torch_a_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TorchMissing, match=r"clip-circuits\[extract\]"):
        cc.open_network()


@pytest.mark.usefixtures("not_imported")
@pytest.mark.parametrize(
    ("torch", "cause"),
    [
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", "libcudart.so.12: cannot open"),
        ("raise OSError('libtorch_cpu.so: undefined symbol')", "libtorch_cpu.so: undefined symbol"),
        ("import a_module_that_torch_needs", "No module named 'a_module_that_torch_needs'"),
    ],
)
def test_a_torch_that_cannot_be_loaded_is_told_with_the_cause(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, torch: str, cause: str
) -> None:
    (tmp_path / "torch.py").write_text(torch)
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        TorchMissing, match=rf"it or a library that it needs cannot be loaded \({cause}.*--force-reinstall"
    ):
        cc.open_network()


def test_a_module_of_ours_that_is_missing_is_not_blamed_on_torch() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"), torch_needed():
        import_module("extract.nowhere")


def test_a_tilde_in_a_path_of_the_network_is_the_home_folder(network: LiveNetwork, home: Path) -> None:
    for file in (WEIGHTS, WEIGHTS.with_suffix(".json"), DEJAVU):
        (home / file.name).write_bytes(file.read_bytes())
    (home / "words.txt").write_text("dog\ncat\n")
    network.write_picture(white(), "~/channel3.png")
    network.extract("~/x.extraction", ["1/0/3"], progress=False)
    assert cc.open_extraction("~/x.extraction").path == home / "x.extraction"
    opened = cc.open_network("~/demo.json", "~/demo.safetensors")
    assert opened.classes(Path("~/words.txt")) == opened.words(Path("~/words.txt")) == ("dog", "cat")
    assert opened.read_words("~/words.txt")[0] == ("dog", "cat")
    opened.check_words(["dog"], "~/DejaVuSans.ttf")
    opened.check_visualisations("~/")
    assert [probe.id for probe in opened.probes("~/")] == ["channel3.png"]
    assert opened.attack("~/channel3.png", "dog", ("dog", "cat"), font="~/DejaVuSans.ttf").classes == ("dog", "cat")
    assert not (home.parent / "~").exists()
