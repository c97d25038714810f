"""Networks from every source of weights, and what is said of weights that cannot be used."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import open_clip
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from extract.demo import WEIGHTS
from extract.errors import WeightsError
from extract.network import checkpoint
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import ARCHITECTURES, Layer
from tests.builders.weights_refusal import refusal

TEXT = {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1}


def configuration(folder: Path, **vision: object) -> str:
    """The path of a small open_clip configuration; `vision` overrides parts of its vision tower."""
    tower = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8} | vision
    file = folder / "small.json"
    file.write_text(json.dumps({"embed_dim": 16, "vision_cfg": tower, "text_cfg": TEXT}))
    return str(file)


@pytest.fixture
def small(tmp_path: Path) -> str:
    return configuration(tmp_path)


@pytest.fixture
def network(small: str) -> Network:
    return load_network(small, seed=3)


def same(state: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return state.keys() == other.keys() and all(torch.equal(state[key], other[key]) for key in state)


def test_the_demo_is_its_bundled_file_in_float32() -> None:
    demo = load_network("demo")
    stored = load_file(WEIGHTS)
    assert demo.model == "demo:emoji"
    assert demo.sha256 == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert same(demo.clip.state_dict(), {k: v if v.dtype == torch.int64 else v.float() for k, v in stored.items()})
    assert any(tensor.dtype == torch.float16 for tensor in stored.values())
    assert demo.architecture.channels(demo.architecture.final) == 512


def test_a_network_is_ready_to_be_read(network: Network) -> None:
    assert not network.clip.training
    assert not any(module.training for module in network.clip.modules())
    assert not any(parameter.requires_grad for parameter in network.clip.parameters())
    assert {parameter.dtype for parameter in network.clip.parameters()} == {torch.float32}
    assert network.architecture.final == Layer(4, 0, 8)


def test_an_image_and_a_text_meet(network: Network) -> None:
    image = network.preprocess(Image.new("L", (90, 70)))[None]  # (1, 3, 64, 64)
    assert image.shape == (1, 3, 64, 64)
    assert network.clip.encode_image(image).shape == (1, 16)
    assert load_network("demo").tokenizer(["a word"]).shape == (1, 16)


def test_random_weights_repeat_with_their_seed_and_leave_the_callers_numbers_alone(small: str) -> None:
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    first, again, other = load_network(small, seed=4), load_network(small, seed=4), load_network(small, seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.model == "small:random-4"
    assert same(first.clip.state_dict(), again.clip.state_dict())
    assert first.sha256 == again.sha256 != other.sha256


def test_random_batch_norms_are_uneven_and_of_both_signs(network: Network) -> None:
    norms = [module for module in network.visual.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        assert (norm.weight > 0).any()
        assert (norm.weight < 0).any()
        assert norm.weight.abs().min() > 0.01
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        assert mean.std() > 0.01
        assert variance.std() > 0.01
        assert variance.min() > 0.1


def test_activations_of_a_deep_random_network_stay_near_one(tmp_path: Path) -> None:
    network = load_network(configuration(tmp_path, layers=[3, 4, 23, 3]), seed=0)  # as deep as RN101
    spread = {}
    for layer in network.architecture.layers:
        if layer.role == "sum":
            network.visual.get_submodule(layer.module).register_forward_pre_hook(
                lambda _, inputs, layer=layer: spread.update({layer: inputs[0].std().item()})
            )
    with torch.no_grad():
        network.visual(torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
    assert len(spread) == 33
    assert 0.1 < min(spread.values()) <= max(spread.values()) < 5


def test_rn50_is_built_from_open_clips_configuration() -> None:
    network = load_network("RN50", seed=2)
    assert network.model == "RN50:random-2"
    assert network.architecture == ARCHITECTURES["RN50"]
    assert type(network.clip.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_state_dict_reads_back_equal(network: Network, small: str, tmp_path: Path, ending: str) -> None:
    file, state = tmp_path / f"mine.{ending}", network.clip.state_dict()
    if ending == "pt":
        torch.save(state, file)
    else:
        save_file(state, file)
    read = load_network(small, file)
    assert read.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert read.model == f"small:mine@{read.sha256[:12]}"
    assert same(read.clip.state_dict(), state)


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "meta"])
def test_a_device_that_torch_has_not_is_refused(network: Network, device: str) -> None:
    message = rf"^torch has no device '{device}' here: .+\. Choose cpu, which always works"
    with pytest.raises(WeightsError, match=message):
        network.on(device)
    assert network.on("cpu") is network


def test_weights_of_two_runs_in_files_of_one_name_are_two_models(small: str, tmp_path: Path) -> None:
    models = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        torch.save(load_network(small, seed=seed).clip.state_dict(), tmp_path / str(seed) / "epoch_10.pt")
        models.append(load_network(small, tmp_path / str(seed) / "epoch_10.pt").model)
    assert len({model.partition("@")[0] for model in models}) == 1
    assert len(set(models)) == 2


def test_a_training_scripts_checkpoint_reads_back_equal(network: Network, small: str, tmp_path: Path) -> None:
    state = network.clip.state_dict()
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "epoch_3.pt")
    assert same(load_network(small, tmp_path / "epoch_3.pt").clip.state_dict(), state)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")  # torch wants nobody to make archives any more
def test_a_torchscript_archive_as_openais_reads_back_equal(network: Network, small: str, tmp_path: Path) -> None:
    state = network.clip.state_dict()
    extras = {name: torch.tensor(64) for name in ("input_resolution", "context_length", "vocab_size")}
    root = nn.Module()
    for key, tensor in (state | extras).items():
        module, path = root, key.split(".")
        for name in path[:-1]:
            module.add_module(name, module.get_submodule(name) if hasattr(module, name) else nn.Module())
            module = module.get_submodule(name)
        module.register_buffer(path[-1], tensor)
    torch.jit.script(root).save(str(tmp_path / "archive.pt"))  # type: ignore[no-untyped-call]
    assert same(load_network(small, tmp_path / "archive.pt").clip.state_dict(), state)


def test_older_files_may_lack_the_batch_counts(network: Network, small: str, tmp_path: Path) -> None:
    state = {k: v for k, v in network.clip.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(state, tmp_path / "old.safetensors")
    assert same(load_network(small, tmp_path / "old.safetensors").clip.state_dict(), network.clip.state_dict())


def saved(state: dict[str, Tensor], file: Path) -> Path:
    save_file({key: value.contiguous() for key, value in state.items()}, file)
    return file


def test_a_missing_an_unexpected_and_a_misshapen_key_are_named(network: Network, small: str, tmp_path: Path) -> None:
    state = network.clip.state_dict()
    del state["visual.layer2.1.bn3.running_var"]
    state["visual.layer2.1.bn4.bias"] = torch.zeros(1)
    state["visual.layer3.0.conv2.weight"] = torch.zeros(32, 32, 1, 1)
    message = refusal(small, saved(state, tmp_path / "w.safetensors"))
    assert "missing: visual.layer2.1.bn3.running_var" in message
    assert "unexpected: visual.layer2.1.bn4.bias" in message
    assert "visual.layer3.0.conv2.weight is 32x32x1x1, not 32x32x3x3" in message


def test_weights_of_another_depth_are_told_apart(network: Network, tmp_path: Path) -> None:
    file = saved(network.clip.state_dict(), tmp_path / "w.safetensors")
    message = refusal(configuration(tmp_path, layers=[1, 2, 2, 1]), file)
    assert "visual.layer3.1" in message
    assert "(1, 2, 1, 1) blocks" in message


def test_rn101_weights_for_rn50_are_called_by_their_name() -> None:
    with torch.device("meta"):
        rn50, rn101 = (open_clip.CLIP(**open_clip.get_model_config(name)) for name in ("RN50", "RN101"))
    with pytest.raises(WeightsError, match=r"not weights of RN50: .*layer3\.10.*like RN101\. Name that model"):
        checkpoint.fill(rn50, rn101.state_dict(), "RN50")


def test_a_vision_transformers_weights_are_refused(small: str, tmp_path: Path) -> None:
    vision = {"image_size": 64, "layers": 1, "width": 16, "head_width": 8, "patch_size": 32}
    transformer = open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=TEXT)
    weights = saved(transformer.state_dict(), tmp_path / "vit.safetensors")
    assert "They belong to a vision transformer" in refusal(small, weights)


def test_a_torchvision_resnets_weights_are_refused(small: str, tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    message = refusal(small, tmp_path / "resnet18.pth")
    assert "not a complete CLIP" in message
    assert "unexpected: bn1.bias" in message


def test_weights_that_are_not_finite_are_refused(network: Network, small: str, tmp_path: Path) -> None:
    state = network.clip.state_dict()
    state["visual.layer2.1.bn3.bias"][0] = torch.nan
    assert "visual.layer2.1.bn3.bias" in refusal(small, saved(state, tmp_path / "w.safetensors"))


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(network: Network, small: str, tmp_path: Path, ending: str, kept: float) -> None:
    file = tmp_path / f"w.{ending}"
    (save_file if ending == "safetensors" else torch.save)(network.clip.state_dict(), file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    assert str(file) in refusal(small, file)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "w.txt"])
def test_a_file_of_something_else_is_refused(small: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<html>Not found</html>" * 100)
    assert "holds no weights that can be read" in refusal(small, tmp_path / name)


@pytest.mark.parametrize("stored", [torch.zeros(3), {"state_dict": [1]}, {"epoch": 1}, {}])
def test_a_file_without_a_state_dict_is_refused(small: str, tmp_path: Path, stored: object) -> None:
    torch.save(stored, tmp_path / "w.pt")
    refusal(small, tmp_path / "w.pt")


class Trap:
    """What a hostile file would hold."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(small: str, tmp_path: Path) -> None:
    torch.save({"visual.conv1.weight": Trap(tmp_path / "sprung")}, tmp_path / "w.pt")
    assert "holds no weights" in refusal(small, tmp_path / "w.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_folder_and_a_file_that_is_not_there_are_refused(small: str, tmp_path: Path) -> None:
    assert "Is a directory" in refusal(small, tmp_path)
    assert "neither a file nor a tag" in refusal(small, tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("name", "tag", "reason"),
    [
        ("RN51", None, "no model 'RN51'. Choose RN50, RN101"),
        ("hf-hub:someone/something", None, "someone/something on the Hugging Face hub"),
        ("ViT-B-32", "openai", "ViT-B-32 has no ModifiedResNet"),
        ("convnext_base", None, "no ModifiedResNet"),
        ("RN50", "openia", "Its tags: openai, yfcc15m, cc12m"),
        ("RN50x64", "cc12m", "Its tags: openai"),
        ("demo", "openai", "neither a file nor a tag of demo. Its tags: none"),
        ("absent.json", None, "No such file"),
    ],
)
def test_an_unknown_name_or_tag_is_refused_with_those_known(name: str, tag: str | None, reason: str) -> None:
    assert reason in refusal(name, tag)


@pytest.mark.parametrize(
    ("vision", "reason"),
    [
        ({"layers": 12}, "four stages"),
        ({"layers": [1, 1, 1]}, "four stages"),
        ({"layers": [1, 0, 1, 1]}, "four stages"),
        ({"layers": [True, 1, 1, 1]}, "four stages"),
        ({"width": 7}, "Give an even width"),
        ({"width": 8.0}, "Give an even width"),
        ({"head_width": 48}, "leave out head_width"),
        ({"image_size": 65}, "multiple of 32"),
        ({"image_size": [64, 32]}, "multiple of 32"),
        ({"nonsense": 1}, "cannot build"),
    ],
)
def test_a_configuration_of_something_else_is_refused(tmp_path: Path, vision: dict[str, object], reason: str) -> None:
    assert reason in refusal(configuration(tmp_path, **vision), None)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"text_cfg": TEXT | {"width": 31, "heads": 2}},
            "cannot build this configuration: embed_dim must be divisible",
        ),
        ({"text_cfg": TEXT | {"heads": 0}}, "cannot build this configuration"),
        ({"embed_dim": 0}, "has embed_dim 0. Give a whole number above 0"),
        ({"embed_dim": "16"}, "has embed_dim '16'"),
    ],
)
def test_an_embedding_or_a_text_tower_of_no_size_is_refused(
    tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    file = Path(configuration(tmp_path))
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    assert reason in refusal(str(file), None)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[1]", "{}", '{"embed_dim": 1, "vision_cfg": 1, "text_cfg": 1}'])
def test_a_json_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    refusal(str(tmp_path / "c.json"), None)


def test_a_setting_that_stands_twice_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"embed_dim": 16, "embed_dim": 32, "vision_cfg": {}, "text_cfg": {}}')
    assert "the key 'embed_dim' occurs twice" in refusal(str(tmp_path / "c.json"), None)


class Mirror(BaseHTTPRequestHandler):
    """A hub that holds one file, in open_clip's older format, and that file is no weights."""

    content = b"no weights"

    def do_HEAD(self) -> None:
        found = self.path == "/timm/resnet50_clip.openai/resolve/main/open_clip_pytorch_model.bin"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.send_header("ETag", '"0123456789abcdef0123456789abcdef01234567"')
        self.send_header("X-Repo-Commit", "0" * 40)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ASK = """
import sys
from extract.network.weights import load_network, WeightsError
for line in sys.stdin:
    try: load_network(line.strip(), "openai")
    except WeightsError as error: print(error, flush=True)
"""


def test_the_hubs_file_is_fetched_once_and_then_found_in_the_cache(mirror: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{mirror.server_port}", "HF_HUB_CACHE": str(tmp_path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", ASK], env=os.environ | hub, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("RN50\n")
        process.stdin.flush()
        first = process.stdout.readline()
        mirror.shutdown()
        mirror.server_close()
        said, errors = process.communicate("RN50\nRN101\n")
    again, other = said.splitlines()
    assert "open_clip_pytorch_model.bin holds no weights that can be read" in first
    assert again == first.strip()
    assert other.startswith("The weights RN101:openai could not be fetched from timm/resnet101_clip.openai")
    assert "give its path" in other
    assert "Retrying" not in errors  # as a download itself would, for a minute
