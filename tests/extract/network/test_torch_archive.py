"""Weights out of archives of torch.save and torch.jit.save: the same as torch's own, and nothing of them is run."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from argparse import Namespace
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from extract.errors import WeightsError
from extract.network import checkpoint
from extract.network.network import Network
from extract.network.text import embed_prompts
from extract.network.torch_archive import StoredTensor, TorchArchive
from extract.network.weights import load_network
from tests.builders.weights_refusal import refusal

Convert = Callable[[Tensor], Tensor]
TEXT = {"context_length": 4, "vocab_size": 16, "width": 4, "heads": 1, "layers": 1}
SMALL = {"embed_dim": 4, "vision_cfg": {"image_size": 32, "layers": [1, 2, 1, 1], "width": 4}, "text_cfg": TEXT}

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    return str(tmp_path / "small.json")


@pytest.fixture
def network(small: str) -> Network:
    return load_network(small, seed=1)


@cache
def as_openais(name: str) -> nn.Module:
    """A CLIP at random half-precision weights, as openai's files hold it, with the three numbers they carry along."""
    config = SMALL if name == "small" else open_clip.get_model_config(name) | {"quick_gelu": True}
    torch.manual_seed(5)
    clip: nn.Module = open_clip.CLIP(**config).eval()
    for extra, number in (("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)):
        vars(clip).pop(extra, None)
        clip.register_buffer(extra, torch.tensor(number))
    open_clip.convert_weights_to_lp(clip)
    return clip


def scripted(clip: nn.Module, file: Path) -> None:
    torch.jit.script(clip).save(str(file))  # type: ignore[no-untyped-call]


def traced(clip: nn.Module, file: Path) -> None:
    side = 32 * (round(len(clip.visual.attnpool.positional_embedding) ** 0.5))  # type: ignore[union-attr, arg-type]
    inputs = {
        "encode_image": (torch.zeros(1, 3, side, side).half(),),
        "encode_text": (torch.zeros(1, len(clip.positional_embedding), dtype=torch.long),),  # type: ignore[arg-type]
    }
    torch.jit.trace_module(clip, inputs, check_trace=False).save(str(file))  # type: ignore[no-untyped-call]


def tensors(file: Path) -> dict[str, Tensor]:
    """Every tensor of an archive whose content is one dict, as this project reads it."""
    with TorchArchive(file) as archive:
        assert isinstance(archive.content, dict)
        return {key: archive.tensor(value) for key, value in archive.content.items() if isinstance(value, StoredTensor)}


def equal(state: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return state.keys() == other.keys() and all(
        torch.equal(state[key], other[key])
        and (state[key].dtype, state[key].stride()) == (other[key].dtype, other[key].stride())
        for key in state
    )


@pytest.mark.parametrize(("name", "save"), [("small", scripted), ("small", traced), ("RN50", traced)])
def test_an_archive_in_openais_layout_has_the_tensors_that_torch_jit_loads(
    tmp_path: Path, name: str, save: Callable[[nn.Module, Path], None]
) -> None:
    file, clip = tmp_path / "archive.pt", as_openais(name)
    save(clip, file)
    state = torch.jit.load(file).state_dict()  # type: ignore[no-untyped-call]
    assert {value.dtype for value in state.values()} == {torch.float16, torch.float32, torch.int64}
    assert {"input_resolution", "context_length", "vocab_size"} < state.keys()
    assert equal(tensors(file), state)


@pytest.mark.parametrize("save", [scripted, traced])
def test_a_network_is_filled_from_an_archive(
    tmp_path: Path, small: str, save: Callable[[nn.Module, Path], None]
) -> None:
    clip = as_openais("small")
    save(clip, tmp_path / "archive.pt")
    filled = load_network(small, tmp_path / "archive.pt").clip.state_dict()
    assert len(filled) == len(clip.state_dict()) - 3
    assert all(torch.equal(value, clip.state_dict()[key].to(value.dtype)) for key, value in filled.items())


def test_archives_that_open_clips_own_models_are_saved_as_read_back_equal(
    network: Network, small: str, tmp_path: Path
) -> None:
    state = dict(network.clip.state_dict())
    scripted(network.clip, tmp_path / "clip.pt")
    assert equal(dict(load_network(small, tmp_path / "clip.pt").clip.state_dict()), state)
    scripted(network.visual, tmp_path / "tower.pt")
    tower = load_network(small, tmp_path / "tower.pt")
    assert equal(dict(tower.visual.state_dict()), dict(network.visual.state_dict()))
    assert not tower.has_text


class Odd(nn.Module):
    """Views, shared storages, attributes that are no weights, and names that a reader might trip over."""

    def __init__(self) -> None:
        super().__init__()
        numbers = torch.arange(24.0)
        self.register_buffer("size", numbers.view(4, 6).t())
        self.register_buffer("stride", numbers[3:9:2])
        self.register_buffer("expanded", torch.ones(1).expand(3, 2))
        self.register_buffer("empty", torch.zeros(0, 4))
        self.register_buffer("fleeting", torch.tensor(True), persistent=False)
        self.register_buffer("short", torch.tensor([1.5]).bfloat16())
        self.items = nn.Parameter(torch.zeros(2))
        self.state = nn.Linear(2, 3)
        self.keys = self.state  # the same module under two names
        self.attribute = torch.ones(5)  # neither a parameter nor a buffer
        self.numbers = [1, 2]

    def forward(self) -> Tensor:
        return self.items


def test_views_shared_numbers_and_odd_names_are_as_torch_jit_loads_them(tmp_path: Path) -> None:
    file = tmp_path / "odd.pt"
    torch.jit.script(Odd()).save(str(file))  # type: ignore[no-untyped-call]
    read, state = tensors(file), torch.jit.load(file).state_dict()  # type: ignore[no-untyped-call]
    assert "attribute" not in read
    assert {"fleeting", "keys.weight", "state.weight"} < read.keys()
    assert equal(read, state)
    assert read["size"].untyped_storage().data_ptr() == read["stride"].untyped_storage().data_ptr()


def test_a_saved_state_dict_is_as_torch_loads_it(tmp_path: Path) -> None:
    torch.save(Odd().state_dict(), tmp_path / "odd.pt")
    assert equal(tensors(tmp_path / "odd.pt"), torch.load(tmp_path / "odd.pt", weights_only=True))


class Overwrites(nn.Module):
    """Writes over a file when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.zeros(1))

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return (self.x, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.training = state[1]
        file = torch.from_file("victim.sh", True, 9, dtype=torch.uint8)
        file.copy_(torch.full((9,), 33, dtype=torch.uint8))
        self.x = state[0] + file[0].to(torch.float) * 0  # type: ignore[assignment]

    def forward(self) -> Tensor:
        return self.x


class Below(nn.Module):
    """Holds such a module among others."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Overwrites()

    def forward(self) -> Tensor:
        inner: Tensor = self.inner()
        return inner


@pytest.mark.parametrize("module", [Overwrites, Below])
def test_an_archive_that_would_overwrite_a_file_is_refused_and_changes_nothing(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Callable[[], nn.Module]
) -> None:
    monkeypatch.chdir(tmp_path)
    victim = tmp_path / "victim.sh"
    victim.write_bytes(b"echo mine")
    torch.jit.script(module()).save("stranger.pt")  # type: ignore[no-untyped-call]
    assert "Overwrites is rebuilt by its own code" in refusal(small, tmp_path / "stranger.pt")
    assert victim.read_bytes() == b"echo mine"
    torch.jit.load("stranger.pt")  # type: ignore[no-untyped-call]
    assert victim.read_bytes() == b"!" * 9  # so the file is what it was made to be


class Trap:
    """What a hostile file would hold."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("where", ["optimizer", "visual.conv1.weight"])
def test_what_a_pickle_would_run_is_named_and_not_run(
    network: Network, small: str, tmp_path: Path, where: str, older: bool
) -> None:
    state = dict(network.clip.state_dict()) | {where: Trap(tmp_path / "sprung")}
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=not older)
    assert "posix.mkdir" in refusal(small, tmp_path / "w.pt")
    assert not (tmp_path / "sprung").exists()


def archive(file: Path, content: bytes, records: dict[str, bytes] | None = None, packed: bool = False) -> Path:
    """An archive as torch.save writes it, of a pickle and the numbers of tensors."""
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as out:
        out.writestr("w/data.pkl", content)
        for name, data in (records or {}).items():
            out.writestr(f"w/data/{name}", data)
    return file


def tensor_pickle(length: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    """The pickle of one tensor under visual.conv1.weight, with whatever numbers."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", length) if value == "numbers" else None

        def reducer_override(self, value: object) -> Any:
            if isinstance(value, Wanted):
                return torch._utils._rebuild_tensor_v2, ("numbers", offset, size, stride, False, {})
            return NotImplemented

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"visual.conv1.weight": Wanted()})
    return stream.getvalue()


class Wanted:
    """Stands for a tensor in a pickle."""


def test_a_tensor_that_is_whole_is_read(tmp_path: Path) -> None:
    file = archive(tmp_path / "w.pt", tensor_pickle(4, (2, 2), (2, 1)), {"0": struct.pack("<4f", 1, 2, 3, 4)})
    assert tensors(file)["visual.conv1.weight"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("length", "size", "stride", "offset"),
    [
        (2**40, (2**40,), (1,), 0),  # more numbers than the file has
        (4, (2**40,), (1,), 0),
        (4, (5,), (1,), 0),
        (4, (2, 2), (3, 1), 0),
        (4, (2,), (1,), 3),
        (4, (2,), (1,), -1),
        (4, (2,), (-1,), 3),
        (4, (2**40,), (0,), 0),  # the same number again and again
        (0, (2**40,), (1,), 0),
        (-1, (1,), (1,), 0),
    ],
)
def test_tensors_beyond_their_numbers_are_refused(
    small: str, tmp_path: Path, length: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    numbers = struct.pack("<4f", 1, 2, 3, 4) if length else b""
    refusal(small, archive(tmp_path / "w.pt", tensor_pickle(length, size, stride, offset), {"0": numbers}))


BOMBS = """
import resource, sys
from pathlib import Path
from extract.errors import WeightsError
from extract.network import checkpoint
for file in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try: checkpoint.read(Path(file))
    except WeightsError: print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    else: print("read")
"""


def test_bombs_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    many = 2**27  # bytes that are named in a small file
    bombs = [
        archive(tmp_path / "numbers.pt", tensor_pickle(many // 4, (many // 4,), (1,)), {"0": bytes(many)}, packed=True),
        archive(tmp_path / "pickle.pt", b"\x80\x02(" + b"]" * many + b"l.", packed=True),
        archive(tmp_path / "places.pt", b"\x80\x02}r\xff\xff\xff\x7f."),
        archive(tmp_path / "text.pt", b"\x80\x04\x8d" + struct.pack("<Q", 2**34) + b"x."),
    ]
    assert all(bomb.stat().st_size < 2**20 for bomb in bombs)
    done = subprocess.run(
        [sys.executable, "-c", BOMBS, *map(str, bombs)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(done) == len(bombs)
    assert all(int(megabytes) < 60 for megabytes in done), done


def test_modules_that_hold_themselves_are_refused(small: str, tmp_path: Path) -> None:
    loop = b"\x80\x02c__torch__\nM\n)\x81q\x00}(X\x01\x00\x00\x00ah\x00ub."
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as out:
        out.writestr("w/data.pkl", loop)
        out.writestr("w/constants.pkl", b"\x80\x02).")
    assert "without end" in refusal(small, tmp_path / "w.pt")


def test_altered_archives_are_refused_or_read_and_never_a_traceback(small: str, tmp_path: Path) -> None:
    torch.save(as_openais("small").state_dict(), tmp_path / "w.pt")
    content = zipfile.ZipFile(tmp_path / "w.pt").read("w/data.pkl")
    numbers = {name[7:]: data for name, data in records(tmp_path / "w.pt").items() if name.startswith("w/data/")}
    random = np.random.default_rng(0)
    for _ in range(200):
        altered = bytearray(content)
        for place in random.integers(len(content), size=random.integers(1, 4)):
            altered[place] = random.integers(256)
        file = archive(tmp_path / "altered.pt", bytes(altered), numbers)
        try:
            checkpoint.read(file)
        except WeightsError as error:
            assert str(file) in str(error)  # noqa: PT017, an altered file may also still be read


def records(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as stored:
        return {name: stored.read(name) for name in stored.namelist()}


def wrapped(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    "around",
    [
        lambda state: wrapped("_orig_mod.", state),
        lambda state: wrapped("module._orig_mod.", state),
        lambda state: wrapped("_orig_mod.module.", state),
        lambda state: {key.replace("visual.", "visual._orig_mod."): value for key, value in state.items()},
        lambda state: {"model": state},
        lambda state: {"model_state_dict": state, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
        lambda state: {"state_dict": wrapped("model.", state) | {"loss.scale": torch.ones(1)}},  # Lightning
        lambda state: {"state_dict": wrapped("clip_model.", state), "hyper_parameters": {"lr": 0.1}},
        lambda state: {"state_dict": wrapped("model._orig_mod.", state), "callbacks": {"best": torch.ones(1)}},
        lambda state: {"state_dict": state, "ema": state},
        lambda state: state | {"logit_bias": torch.zeros([])},
    ],
)
@pytest.mark.parametrize("older", [False, True])
def test_what_training_scripts_save_reads_back_equal(
    network: Network, small: str, tmp_path: Path, around: Callable[[dict[str, Tensor]], dict[str, object]], older: bool
) -> None:
    state = network.clip.state_dict()
    saved = around(dict(state))
    torch.save(saved, tmp_path / "w.pt", _use_new_zipfile_serialization=not older)
    read = load_network(small, tmp_path / "w.pt")
    assert equal(dict(read.clip.state_dict()), dict(state))
    assert read.has_text


@pytest.mark.parametrize(
    ("around", "others"),
    [
        (lambda whole, tower: {"clip": whole, "visual": tower}, ("visual",)),
        (lambda whole, tower: {"visual": tower, "clip": wrapped("module.", whole)}, ("visual",)),
        (lambda whole, tower: wrapped("clip.", whole) | wrapped("visual.", tower), ("visual.",)),
        (lambda whole, tower: wrapped("teacher.visual.", tower) | wrapped("clip.", whole), ("teacher.visual.",)),
        (lambda whole, _: {"state_dict": whole, "ema": whole}, ("ema",)),
    ],
)
def test_of_several_networks_the_one_whole_clip_is_taken_and_the_others_are_named(
    network: Network,
    small: str,
    tmp_path: Path,
    around: Callable[[dict[str, Tensor], dict[str, Tensor]], dict[str, object]],
    others: tuple[str, ...],
) -> None:
    state = dict(network.clip.state_dict())
    other = {key: torch.zeros_like(value) for key, value in network.visual.state_dict().items()}
    torch.save(around(state, other), tmp_path / "w.pt")
    read = load_network(small, tmp_path / "w.pt")
    assert equal(dict(read.clip.state_dict()), state)
    assert read.has_text
    assert read.unread == others
    assert f"its file also holds {others[0]}, which was not read" in str(read)


def test_numpys_numbers_beside_the_tensors_are_no_hindrance(network: Network, small: str, tmp_path: Path) -> None:
    state = network.clip.state_dict()
    torch.save({"state_dict": state, "best": np.float64(0.5), "at": np.int64(3)}, tmp_path / "w.pt")
    assert equal(dict(load_network(small, tmp_path / "w.pt").clip.state_dict()), dict(state))


@pytest.mark.parametrize(
    ("prefix", "others"),
    [
        ("", {}),
        ("visual.", {}),
        ("visual.", {"bert.embeddings.weight": torch.ones(2, 2), "text_projection": torch.ones(3)}),
        ("model.visual.", {"model.head.weight": torch.ones(2, 2), "loss.scale": torch.ones(1)}),  # Lightning
        ("model.", {"head.weight": torch.ones(2, 2)}),
        ("image_encoder.", {"prompt_learner.ctx": torch.ones(2, 2)}),
        ("module.image_encoder.", {}),
    ],
)
@pytest.mark.parametrize("around", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_a_vision_tower_alone_or_with_another_text_tower_names_nothing(
    network: Network,
    small: str,
    tmp_path: Path,
    prefix: str,
    others: dict[str, Tensor],
    around: Callable[[dict[str, Tensor]], dict[str, object]],
) -> None:
    tower = network.visual.state_dict()
    torch.save(around(wrapped(prefix, tower) | others), tmp_path / "w.pt")
    read = load_network(small, tmp_path / "w.pt")
    assert equal(dict(read.visual.state_dict()), dict(tower))
    assert not read.has_text
    with pytest.raises(WeightsError, match="lack CLIP's text tower, which reads the prompts"):
        embed_prompts(read, ["a cat"])
    assert embed_prompts(read, []).shape == (0, 4)


@pytest.mark.parametrize("name", ["w.bin", "w", "w.SAFETENSORS", "w.pt"])
def test_safetensors_are_told_by_their_content(network: Network, small: str, tmp_path: Path, name: str) -> None:
    save_file(network.clip.state_dict(), tmp_path / name)
    assert equal(dict(load_network(small, tmp_path / name).clip.state_dict()), dict(network.clip.state_dict()))


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        (
            {"model": {"visual.conv1.weight": torch.ones(1)}, "ema": {"visual.conv1.weight": torch.ones(1)}},
            "'model', 'ema'",
        ),
        (
            {"a.visual.conv1.weight": torch.ones(1), "b.visual.conv1.weight": torch.ones(1)},
            "several CLIPs, under a., b.",
        ),
        ({"args": Namespace(lr=1), "state_dict": {"visual.conv1.weight": torch.ones(1)}}, "argparse.Namespace"),
        (nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        ({"epoch": 3}, "no state dict"),
        ({"module.x": torch.ones(1), "x": torch.ones(1)}, "differ only in the names of wrappers"),
    ],
)
def test_what_a_file_holds_instead_is_said(small: str, tmp_path: Path, saved: object, reason: str) -> None:
    torch.save(saved, tmp_path / "w.pt")
    assert reason in refusal(small, tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>Not found</html>", "it begins with b'<html>Not found</html>'"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "pointer that Git LFS stores"),
        (b"PK\x03\x04" + bytes(100), "without its end"),
        (b"\x28\xb5\x2f\xfd", "it is compressed. Unpack it with `zstd -dc "),
    ],
)
def test_a_file_of_something_else_is_called_what_it_is(small: str, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    assert reason in refusal(small, tmp_path / "w.pt")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_compressed_file_is_unpacked_by_the_command_in_the_message(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("their weights.pt")
    torch.save(load_network(small, seed=3).clip.state_dict(), file)
    file.write_bytes(pack(file.read_bytes()))
    command = refusal(small, file).partition("Unpack it with `")[2].partition("`")[0]
    subprocess.run(command, shell=True, check=True)  # noqa: S602, of our own message
    assert load_network(small, "their weights-unpacked.pt").sha256


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch, on quantised and sparse tensors
@pytest.mark.parametrize(
    ("kind", "make", "ordinary"),
    [
        ("quantised", lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8), Tensor.dequantize),
        ("sparse", Tensor.to_sparse, Tensor.to_dense),
        ("of a precision of its own", lambda tensor: tensor.to(torch.float8_e4m3fn), Tensor.float),
    ],
)
def test_the_advice_for_a_tensor_of_another_kind_works(
    network: Network, small: str, tmp_path: Path, kind: str, make: Convert, ordinary: Convert
) -> None:
    state = network.clip.state_dict()
    name = "visual.layer1.0.conv1.weight"
    torch.save(state | {name: make(state[name])}, tmp_path / "w.pt")
    message = refusal(small, tmp_path / "w.pt")
    assert f"a tensor that is {kind}" in message
    assert f"tensor.{ordinary.__name__}()" in message
    read = torch.load(tmp_path / "w.pt")
    torch.save({key: ordinary(value) if key == name else value for key, value in read.items()}, tmp_path / "w.pt")
    assert equal(dict(load_network(small, tmp_path / "w.pt").clip.state_dict()), {**state, name: ordinary(read[name])})


@pytest.mark.parametrize(
    ("name", "alter", "reason"),
    [
        ("visual.conv1.weight", lambda tensor: tensor.mul(127).to(torch.int8), "visual.conv1.weight is torch.int8"),
        ("visual.conv1.weight", Tensor.bool, "visual.conv1.weight is torch.bool"),
        ("visual.conv1.weight", lambda tensor: tensor.double() * 1e300, "not finite: visual.conv1.weight"),
        ("visual.bn1.running_var", torch.neg, "variances below 0: visual.bn1.running_var"),
        ("visual.conv3.weight", torch.mean, "visual.conv3.weight is a number"),
        ("visual.conv3.weight", lambda tensor: tensor[:0], "not a complete ModifiedResNet"),
        ("visual.attnpool.positional_embedding", torch.mean, "positional_embedding is a number"),
    ],
)
def test_a_tensor_that_no_clip_can_have_is_named(
    network: Network, small: str, tmp_path: Path, name: str, alter: Convert, reason: str
) -> None:
    state = network.clip.state_dict()
    torch.save(state | {name: alter(state[name])}, tmp_path / "w.pt")
    assert reason in refusal(small, tmp_path / "w.pt")


def test_a_key_that_stands_twice_in_safetensors_is_refused(network: Network, small: str, tmp_path: Path) -> None:
    name = "visual.conv1.weight"
    save_file(network.clip.state_dict(), tmp_path / "w.pt")
    data = (tmp_path / "w.pt").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip()
    twice = header[:-1] + f',"{name}":{json.dumps(json.loads(header)[name])}}}'.encode()
    (tmp_path / "w.pt").write_bytes(len(twice).to_bytes(8, "little") + twice + data[8 + length :])
    assert f"the key '{name}' occurs twice" in refusal(small, tmp_path / "w.pt")


def test_a_pipe_is_no_weights_file_that_is_waited_for(small: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pt")
    for file in (tmp_path / "w.pt", Path("/dev/zero")):
        assert "it is a pipe or a device" in refusal(small, file)


def test_the_advice_for_a_pickled_model_works(network: Network, small: str, tmp_path: Path) -> None:
    torch.save({"args": Namespace(lr=1), "state_dict": network.clip.state_dict()}, tmp_path / "w.pt")
    assert "weights_only=False" in refusal(small, tmp_path / "w.pt")
    saved = torch.load(tmp_path / "w.pt", weights_only=False)
    torch.save(saved["state_dict"], tmp_path / "alone.pt")
    assert equal(dict(load_network(small, tmp_path / "alone.pt").clip.state_dict()), dict(network.clip.state_dict()))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"vision_cfg": SMALL["vision_cfg"] | {"image_size": 64}}, "trained with image_size 64"),  # type: ignore[operator]
        ({"embed_dim": 8}, "trained with embed_dim 8"),
        ({"text_cfg": TEXT | {"vocab_size": 20}}, "trained with vocab_size 20"),
        ({"text_cfg": TEXT | {"context_length": 5}}, "trained with context_length 5"),
    ],
)
def test_weights_of_other_settings_say_which_and_the_advice_works(
    small: str, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(SMALL | changes))
    state = load_network(str(other), seed=2).clip.state_dict()
    torch.save(state, tmp_path / "w.pt")
    message = refusal(small, tmp_path / "w.pt")
    assert reason in message
    assert "Name that model" not in message
    assert equal(dict(load_network(str(other), tmp_path / "w.pt").clip.state_dict()), dict(state))


def test_the_hubs_configuration_and_a_mark_of_encoding_are_read(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text(json.dumps({"model_cfg": SMALL, "preprocess_cfg": {"mean": [0, 0, 0]}}))
    (tmp_path / "mark.json").write_text(json.dumps(SMALL), encoding="utf-8-sig")
    networks = [load_network(str(tmp_path / name), seed=1) for name in ("hub.json", "mark.json")]
    assert networks[0].sha256 == networks[1].sha256


def test_an_image_size_may_be_a_pair_of_equal_sides(tmp_path: Path) -> None:
    for name, size in (("one", 32), ("pair", [32, 32])):
        tower = {"layers": [1, 1, 1, 1], "width": 4, "image_size": size}
        (tmp_path / f"{name}.json").write_text(json.dumps(SMALL | {"vision_cfg": tower}))
    one, pair = (load_network(str(tmp_path / f"{name}.json"), seed=1) for name in ("one", "pair"))
    assert (pair.sha256, pair.architecture) == (one.sha256, one.architecture)


@pytest.mark.parametrize("size", [0, -64, True, [32, 64], [32], [32.0, 32.0], []])
def test_an_image_size_that_is_none_is_refused(tmp_path: Path, size: object) -> None:
    (tmp_path / "c.json").write_text(json.dumps(SMALL | {"vision_cfg": {"image_size": size, "layers": [1, 1, 1, 1]}}))
    with pytest.raises(WeightsError, match="positive multiple of 32"):
        load_network(str(tmp_path / "c.json"))
