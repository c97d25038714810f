"""Load a CLIP whose vision tower is a ModifiedResNet: from open_clip's hub, a file, the bundled demo, or at random.

Weights are compared with the network key by key before they are used, and the file's SHA-256 is written into everything
that is made from the weights.
"""

import hashlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import huggingface_hub
import open_clip
import torch
from torch import nn

from extract import demo
from extract.errors import WeightsError
from extract.files import at_home, is_absent, read_text
from extract.network import checkpoint
from extract.network.network import Network, Preparation
from extract.unique_names import doubles_refused, json_object
from extract.units import ARCHITECTURES, Architecture

_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # in the order that open_clip prefers
_CONFIG = "open_clip_config.json"
_COPY = f"fetch {_CONFIG} and {_HUB_FILES[0]} elsewhere into one folder and name it local-dir:FOLDER"
_PREPARATION = "preprocess_cfg"

Config = dict[str, Any]


def load_network(name: str, pretrained: str | Path | None = None, seed: int = 0) -> Network:
    """Load a network by open_clip's name (`RN50`), `demo`, or the path of an open_clip configuration (`.json`).

    `name` can also be open_clip's `hf-hub:ORGANISATION/NAME`, or `local-dir:PATH` for a folder with the files of such a
    repository. Their own weights are then the default.

    `pretrained` is a tag that open_clip knows (`openai`) or a weights file. Without `pretrained`, `demo` is the bundled
    trained network, and the weights of any other name are random, drawn with `seed`, batch norms included. The text
    tower of the published architectures uses QuickGELU, as in all their published weights. Raises WeightsError, with
    the reason, for weights that cannot be found or read.
    """
    if folder := _bundle(name):
        short, config = _bundle_name(name, folder), _checked(_read_config(folder / _CONFIG), name)
        pretrained = pretrained or _weights_of(name, folder)
    else:
        short, config = _config(name)
    if name == "demo" and pretrained is None:
        return _from_file(demo.MODEL, config, demo.WEIGHTS)
    if pretrained is None:
        return _randomised(f"{short}:random-{seed}", config, seed)
    tag = str(pretrained)
    if open_clip.get_pretrained_cfg(short, tag):
        return _from_file(f"{short}:{tag}", config, _download(short, tag))
    if not (file := at_home(tag)).exists():
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(short)) or "none"
        raise WeightsError(f"{tag!r} is neither a file nor a tag of {short}. Its tags: {tags}.")
    network = _from_file(f"{short}:{file.stem}", config, file)
    return replace(network, model=f"{network.model}@{network.sha256[:12]}")  # runs write other files of the same name


def _bundle(name: str) -> Path | None:
    """Return the folder that an `hf-hub:` or `local-dir:` name stands for, fetched from the hub; None for other names.

    Raises WeightsError for a folder or repository without a configuration.
    """
    kind, _, place = name.partition(":")
    if kind == "hf-hub":
        return _fetched(place, (_CONFIG,), f"configuration of {place}", _COPY).parent
    if kind != "local-dir":
        return None
    folder = at_home(place)
    if is_absent(folder / _CONFIG):
        raise WeightsError(f"{folder} holds no {_CONFIG}, which open_clip writes beside weights. Name another folder.")
    return folder


def _bundle_name(name: str, folder: Path) -> str:
    return name.rpartition("/")[2] if name.startswith("hf-hub:") else folder.resolve().name


def _weights_of(name: str, folder: Path) -> Path:
    """Return the weights file beside the configuration in a folder; from the hub, fetch the same revision.

    Raises WeightsError if there is no such file.
    """
    if name.startswith("hf-hub:"):
        return _fetched(name.removeprefix("hf-hub:"), _HUB_FILES, f"weights {name}", _COPY, revision=folder.name)
    if file := next((folder / name for name in _HUB_FILES if not is_absent(folder / name)), None):
        return file
    raise WeightsError(f"{folder} holds neither {' nor '.join(_HUB_FILES)}. Name a weights file too.")


def _config(name: str) -> tuple[str, Config]:
    """Return a model's short name and its open_clip configuration. Raises WeightsError for an unknown name."""
    if name == "demo" or name.endswith(".json"):
        path = demo.WEIGHTS.with_suffix(".json") if name == "demo" else at_home(name)
        return path.stem, _checked(_read_config(path), name)
    short = name.removesuffix("-quickgelu")
    if short in ARCHITECTURES:
        return short, _checked(open_clip.get_model_config(short) | {"quick_gelu": True}, name)
    known = f"{', '.join(ARCHITECTURES)}, demo, or the path of an open_clip configuration"
    if name in open_clip.list_models():
        raise WeightsError(f"{name} has no ModifiedResNet, the only kind of network here. Choose {known}.")
    raise WeightsError(f"There is no model {name!r}. Choose {known}.")


def _read_config(path: Path) -> Any:
    text = read_text(path, WeightsError, "Name an open_clip model configuration.")
    try:
        with doubles_refused(WeightsError, f"In {path}"):
            read = json.loads(text, object_pairs_hook=json_object)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON ({error}). Name an open_clip model configuration.") from error
    if isinstance(read, dict) and isinstance(read.get("model_cfg"), dict):  # the hub's open_clip_config.json
        return read["model_cfg"] | {_PREPARATION: read.get(_PREPARATION)}
    return read


def _checked(config: Any, name: str) -> Config:
    """Return the configuration if it describes a CLIP with a ModifiedResNet. Raises WeightsError otherwise."""
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= config.keys():
        raise WeightsError(f"{name} is not an open_clip configuration: it needs embed_dim, vision_cfg and text_cfg.")
    if not _is_positive(config["embed_dim"]):
        raise WeightsError(f"{name} has embed_dim {config['embed_dim']!r}. Give a whole number above 0.")
    vision = config["vision_cfg"]
    layers = vision.get("layers") if isinstance(vision, dict) else None
    if not isinstance(layers, list) or len(layers) != 4 or not all(map(_is_positive, layers)):
        raise WeightsError(f"{name} has no ModifiedResNet. List the blocks of four stages in vision_cfg.layers.")
    size = vision.get("image_size", 224)
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        size = size[0]
    if not isinstance(size, int) or size % 32 or size <= 0:
        raise WeightsError(f"{name} takes images of {size} pixels. Set image_size to a positive multiple of 32.")
    width, head_width = vision.get("width", 64), vision.get("head_width", 64)
    if not _is_positive(width) or not _is_positive(head_width) or not _are_divisible(32 * width, head_width):
        raise WeightsError(
            f"{name} has width {width!r} and head_width {head_width!r}, which do not give a whole number of attention "
            "heads. Give an even width, and leave out head_width."
        )
    checked: Config = config | {"vision_cfg": vision | {"image_size": size}}
    _preparation(checked)
    return checked


def _is_positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _are_divisible(channels: int, head_width: int) -> bool:
    """Check whether the attention pool's channels divide evenly among the heads that open_clip makes."""
    heads = channels // head_width
    return heads > 0 and channels % heads == 0


def _preparation(config: Config) -> Preparation:
    """Read how images are prepared from the configuration, with CLIP's values by default.

    Raises WeightsError for settings that are not a preparation of images.
    """
    settings = config.get(_PREPARATION) or {}
    try:
        own = {key: settings[key] for key in ("interpolation", "resize_mode") if key in settings}
        own |= {key: _colours(key, settings[key]) for key in ("mean", "std") if key in settings}
        preparation = Preparation(**own)
        open_clip.image_transform(32, is_train=False, **asdict(preparation))
        size, side = settings.get("size"), config["vision_cfg"].get("image_size", 224)
        sizes = {side} if size is None else set(size[-2:] if isinstance(size, list) else [size])
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
        raise WeightsError(
            f"{_PREPARATION} does not tell how to prepare images ({type(error).__name__}: {error}). Write mean and std "
            "as three numbers each, and correct size, interpolation and resize_mode."
        ) from error
    if sizes != {side}:
        raise WeightsError(f"{_PREPARATION} has size {size}, but vision_cfg has image_size {side}. Make them the same.")
    return preparation


def _colours(key: str, values: Any) -> tuple[float, ...]:
    """Read three finite numbers, which must be above 0 for `std`. Raises ValueError otherwise."""
    numbers = tuple(map(float, values)) if isinstance(values, list | tuple) else ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or (key == "std" and min(numbers) <= 0):
        raise ValueError(f"{key} is {values!r}")
    return numbers


def _from_file(model: str, config: Config, path: Path) -> Network:
    state, unread = checkpoint.read(path)
    with torch.random.fork_rng(devices=[]):  # drawing initial weights must not advance the caller's generator
        clip = _build(config)
    texts = checkpoint.fill(clip, state, model.partition(":")[0])
    with path.open("rb") as stream:
        network = _network(model, clip, config, hashlib.file_digest(stream, "sha256").hexdigest(), texts)
    return replace(network, unread=unread)


def _randomised(model: str, config: Config, seed: int) -> Network:
    """Make a network of open_clip's initial weights, with random batch norms that are as uneven as trained ones.

    Activations stay near 1.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        clip = _build(config)
        for name, norm in clip.visual.named_modules():
            if isinstance(norm, nn.BatchNorm2d):
                _randomise(norm, 0.3 if name.startswith("layer") and name.endswith("bn3") else 1.0)
    digest = hashlib.sha256()
    for _, tensor in sorted(clip.state_dict().items()):
        digest.update(tensor.numpy().tobytes())
    return _network(model, clip, config, digest.hexdigest())


def _randomise(norm: nn.BatchNorm2d, scale: float) -> None:
    """Draw a batch norm's statistics, offsets, and scales of both signs.

    A conv branch needs a small `scale`, because otherwise the sums would grow from block to block.
    """
    channels = norm.num_features
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None  # noqa: S101, open_clip's batch norms keep statistics
    assert variance is not None  # noqa: S101
    mean.copy_(torch.randn(channels) * 0.1)
    variance.copy_((torch.rand(channels) + 0.5) / 3)  # torch's initial convolution weights give about a third
    signs = torch.randint(2, (channels,)) * 2 - 1
    norm.weight.copy_(signs * (torch.rand(channels) + 0.5) * scale)
    norm.bias.copy_(torch.randn(channels) * 0.2 * scale)


def _build(config: Config) -> open_clip.CLIP:
    try:
        return open_clip.CLIP(**{key: value for key, value in config.items() if key != _PREPARATION})
    except (TypeError, ValueError, RuntimeError, AttributeError, AssertionError, ArithmeticError) as error:
        raise WeightsError(f"open_clip cannot build this configuration: {error}. Correct the configuration.") from error


def _network(model: str, clip: open_clip.CLIP, config: Config, sha256: str, texts: bool = True) -> Network:
    vision = config["vision_cfg"]
    architecture = Architecture(tuple(vision["layers"]), vision.get("width", 64), vision.get("image_size", 224))
    visual = clip.visual
    blocks = tuple(len(stage) for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4))
    if architecture != Architecture(blocks, visual.conv3.out_channels, visual.image_size):
        raise WeightsError(
            f"open_clip built {model} with other blocks than its configuration lists. Check the version of open_clip."
        )
    return Network(model, clip.eval().float().requires_grad_(False), architecture, sha256, texts, _preparation(config))


def _download(name: str, tag: str) -> Path:
    """Fetch the hub's weights file for a tag."""
    repository = open_clip.get_pretrained_cfg(name, tag)["hf_hub"].rstrip("/")
    advice = f"fetch {_HUB_FILES[0]} elsewhere and give its path"
    return _fetched(repository, _HUB_FILES, f"weights {name}:{tag}", advice)


def _fetched(repository: str, files: tuple[str, ...], content: str, advice: str, revision: str | None = None) -> Path:
    """Fetch the first of the files that a repository on the hub has, from the cache if possible.

    Raises WeightsError, without a long wait, if the hub cannot be reached or has none of the files.
    """
    try:
        for file in files:
            cached = huggingface_hub.try_to_load_from_cache(repository, file, revision=revision)
            if isinstance(cached, str):
                return Path(cached)
        # Ask briefly first, because a download itself keeps trying an unreachable hub for more than a minute.
        for file in files:
            if huggingface_hub.file_exists(repository, file, revision=revision):
                return Path(huggingface_hub.hf_hub_download(repository, file, revision=revision))
    except Exception as error:  # the errors of the HTTP client, which differs between versions of the hub's library
        raise WeightsError(
            f"The {content} could not be fetched from {repository} on the Hugging Face hub ({error}). Usually there is "
            f"no connection. Without one, {advice}, or use the demo."
        ) from error
    raise WeightsError(f"{repository} on the Hugging Face hub holds no {' or '.join(files)}. Name another repository.")
