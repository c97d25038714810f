"""Messages about networks: their names, configurations and weights files, and what they can be asked."""

import gzip
import json
import subprocess
import zipfile
from argparse import Namespace
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from extract.network.network import Network
from extract.network.text import embed_prompts, zero_shot
from extract.network.weights import load_network
from tests.builders.tiny_network import TINY
from tests.faults.advice.messages import Act, Advice, Table

State = dict[str, Tensor]
TOWER: dict[str, Any] = {"image_size": 64, "layers": [2, 1, 1, 3], "width": 8}


def network(config: object = TINY, weights: str | None = None) -> Network:
    Path("tiny.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return load_network("tiny.json", weights)


@cache
def _numbers() -> State:
    return dict(network().clip.state_dict())


def tiny(**vision: object) -> Act:
    return lambda: network(TINY | {"vision_cfg": TOWER | vision})


def prepared(**preparation: object) -> Act:
    return lambda: network({"model_cfg": TINY, "preprocess_cfg": preparation})


def saved(around: Callable[[State], object] = lambda state: state) -> Act:
    def read() -> object:
        torch.save(around(_numbers()), "w.pt")
        return network(weights="w.pt")

    return read


def altered(alter: Callable[[bytes], bytes]) -> Act:
    def read() -> object:
        torch.save(_numbers(), "whole.pt")
        Path("w.pt").write_bytes(alter(Path("whole.pt").read_bytes()))
        return network(weights="w.pt")

    return read


def zipped(entries: Callable[[str, bytes], bytes], *others: str) -> Act:
    """The archive of torch.save with every file's bytes as `entries` makes them of its name, and other files."""

    def read() -> object:
        torch.save(_numbers(), "whole.pt")
        with zipfile.ZipFile("whole.pt") as whole, zipfile.ZipFile("w.pt", "w") as archive:
            for name in whole.namelist():
                archive.writestr(name, entries(name, whole.read(name)))
            for name in others:
                archive.writestr(name, b"")
        return network(weights="w.pt")

    return read


def bundle(*files: str, name: str = "local-dir:bundle", weights: str | None = None) -> Act:
    """A folder as the hub has it, with these of its files."""

    def read() -> object:
        Path("bundle").mkdir(exist_ok=True)
        contents = {"open_clip_config.json": json.dumps({"model_cfg": TINY}).encode()}
        torch.save(_numbers(), "w.pt")
        contents["open_clip_pytorch_model.bin"] = Path("w.pt").read_bytes()
        for file in contents:
            (Path("bundle") / file).unlink(missing_ok=True)
        for file in files:
            (Path("bundle") / file).write_bytes(contents[file])
        return load_network(name, weights)

    return read


def prefixed(*prefixes: str) -> Callable[[State], object]:
    return lambda state: {prefix + key: value for prefix in prefixes for key, value in state.items()}


def without(key: str) -> Callable[[State], object]:
    return lambda state: {name: value for name, value in state.items() if name != key}


def broken(state: State) -> State:
    return state | {"visual.bn1.bias": torch.full_like(state["visual.bn1.bias"], torch.nan)}


def quantised(state: State) -> State:
    return state | {"visual.bn1.bias": state["visual.bn1.bias"].to(torch.int8)}


def classes(*names: str) -> Act:
    return lambda: zero_shot(load_network("demo"), [Image.new("RGB", (96, 96))], names)


def unpacked() -> object:
    subprocess.run("gunzip -c w.pt > w-unpacked.pt", shell=True, check=True)  # noqa: S602
    return network(weights="w-unpacked.pt")


def tower_alone() -> object:
    torch.save({key: value for key, value in _numbers().items() if key.startswith("visual.")}, "w.pt")
    return embed_prompts(network(weights="w.pt"), ["a cat"])


WHOLE, CONFIG, WEIGHTS = saved(), "open_clip_config.json", "open_clip_pytorch_model.bin"
ARCHIVES = "tests/extract/network/test_torch_archive.py"
TABLE = Table(
    tuple(
        f"extract.network.{name}"
        for name in ("weights", "checkpoint", "state_dict", "torch_archive", "text", "network")
    ),
    (
        Advice("holds neither {", bundle(CONFIG), bundle(CONFIG, weights="w.pt")),
        Advice("holds no {_CONFIG}", bundle(WEIGHTS), bundle(CONFIG, WEIGHTS)),
        Advice("There is no model", lambda: load_network("RN51"), lambda: load_network("demo")),
        Advice("is neither a file nor a tag", lambda: network(weights="v.pt"), WHOLE),
        Advice("the only kind of network here", lambda: load_network("ViT-B-32"), lambda: load_network("demo")),
        Advice("is not an open_clip configuration", lambda: network({}), tiny()),
        Advice("has embed_dim", lambda: network(TINY | {"embed_dim": 0}), tiny()),
        Advice("List the blocks of four stages in vision_cfg.layers", tiny(layers=12), tiny(layers=[1, 1, 1, 1])),
        Advice("Set image_size to a positive multiple", tiny(image_size=65), tiny(image_size=64)),
        Advice("Make them the same", prepared(size=32), prepared(size=64)),
        Advice("does not tell how to prepare images", prepared(mean=0.5), prepared(mean=[0.5, 0.5, 0.5])),
        Advice("Name an open_clip model configuration.", lambda: load_network("gone.json"), tiny()),
        Advice("{path} is not JSON", lambda: network("{"), tiny()),
        Advice("In {path}", lambda: network('{"embed_dim": 1, "embed_dim": 2}'), tiny()),
        Advice("do not give a whole number of attention heads", tiny(width=7), tiny(width=8)),
        Advice("cannot build this configuration", tiny(nonsense=1), tiny()),
        Advice(
            "the pointer that Git LFS stores", altered(lambda _: b"version https://git-lfs.github.com/spec/v1\n"), WHOLE
        ),
        Advice("it is compressed. Unpack", altered(gzip.compress), unpacked),
        Advice("an archive without its end", altered(lambda data: data[: len(data) // 2]), WHOLE),
        Advice("it is neither a safetensors file nor", altered(lambda _: b"<html>"), WHOLE),
        Advice("These are not weights of", saved(without("visual.bn1.bias")), WHOLE),
        Advice("These weights hold", saved(quantised), WHOLE),
        Advice("These weights are damaged", saved(broken), WHOLE),
        Advice("{reason_of(error)}. Name a weights file", lambda: network(weights="."), WHOLE),
        Advice("that can be read: {error}", altered(lambda _: b""), WHOLE),
        Advice("it is cut short or altered", altered(lambda data: b"\x80" + data[1:]), WHOLE),
        Advice("it holds no state dict", saved(lambda _: {"epoch": 3}), WHOLE),
        Advice(
            "it holds tensors under",
            saved(lambda state: {"model": state, "ema": state}),
            saved(lambda state: {"ema": state}),
        ),
        Advice("differ only in the names of wrappers", saved(prefixed("", "module.")), saved(prefixed("module."))),
        Advice("it holds several CLIPs", saved(prefixed("a.", "b.")), saved(prefixed("b."))),
        Advice(
            "beside the tensors, and code in a weights file is never run",
            saved(lambda state: state | {"args": Namespace()}),
            WHOLE,
        ),
        Advice("a zip file that torch did not write", zipped(lambda _, data: data, "more/data.pkl"), WHOLE),
        Advice(
            "with another byte order",
            zipped(lambda name, data: b"big" if name.endswith("byteorder") else data),
            zipped(lambda _, data: data),
        ),
        Advice("There are fewer than two classes, or one twice", classes("cat", "cat"), classes("cat", "dog")),
        Advice("lack CLIP's text tower", tower_alone, lambda: embed_prompts(load_network("demo"), ["a cat"])),
        Advice(
            "CLIP's tokenizer needs more",
            lambda: embed_prompts(network(), ["a cat"]),
            lambda: embed_prompts(load_network("demo"), ["a cat"]),
        ),
        Advice("torch has no device", lambda: network().on("cuda:99"), lambda: network().on("cpu")),
    ),
    {
        "could not be fetched from": "tests/extract/network/test_hub.py",
        "a tensor is longer or shorter": ARCHIVES,
        "its tensors are packed": ARCHIVES,
        "it holds a tensor that is": ARCHIVES,
        "its pickle and code are larger": ARCHIVES,
        "rebuilt by its own code": ARCHIVES,
        "contain one another without end": ARCHIVES,
    },
    {
        "open_clip built {model} with other blocks": "open_clip is of one version here",
        "on the Hugging Face hub holds no": "it needs a repository of the hub that holds neither",
    },
)
