"""Read weights files without running any code in them, and compare the weights with a network key by key.

A file's format is recognised by its content. The text tower is optional: a file with only a vision tower, or with a
text tower of another kind than CLIP's, gives a network without a text tower.
"""

import json
import math
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from extract.errors import WeightsError
from extract.files import reason_of, refuse_pipe
from extract.network.state_dict import state_dict
from extract.network.torch_archive import NoWeights, StoredTensor, TorchArchive, refuse_name
from extract.unique_names import json_object
from extract.units import ARCHITECTURES

Tensors = dict[str, Tensor]

_VARIANCE = ".running_var"
_UNUSED = ".num_batches_tracked"  # which a batch norm needs only in training; older files lack this key
_ADVICE = "Fetch it again, or save the state dict alone"
_CONFIGURATION = "an open_clip configuration (.json) with these numbers"
_TEXT = ("transformer.", "token_embedding.")
_PACKED = {b"\x1f\x8b": "gunzip -c", b"\xfd7zXZ": "xz -dc", b"BZh": "bzip2 -dc", b"\x28\xb5\x2f\xfd": "zstd -dc"}
_LARGEST_HEADER = 10**8  # bytes; safetensors reads no larger header
_SETTINGS = {  # each setting of a configuration: the tensor and the axis whose length shows it
    "image_size": ("visual.attnpool.positional_embedding", 0),
    "embed_dim": ("visual.attnpool.c_proj.weight", 0),
    "vocab_size": ("token_embedding.weight", 0),
    "width of the text tower": ("token_embedding.weight", 1),
    "context_length": ("positional_embedding", 0),
}


def read(path: Path) -> tuple[Tensors, tuple[str, ...]]:
    """Read tensors by key from a safetensors file, a state dict saved by torch, or openai's TorchScript archive.

    Also returns the names of other networks in the file. Raises WeightsError for a file that is absent, cut short or of
    another kind; the message says what the file holds.
    """
    try:
        return _tensors(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason_of(error)}. Name a weights file.") from error
    except NoWeights as error:
        raise WeightsError(f"{path} holds no weights that can be read: {error}.") from error
    except Exception as error:  # any that an altered pickle can bring about
        what = f"{type(error).__name__}: {reason_of(error)}".splitlines()[0][:100]
        raise WeightsError(
            f"{path} holds no weights that can be read: it is cut short or altered ({what}). {_ADVICE}."
        ) from error


def _tensors(path: Path) -> tuple[Tensors, tuple[str, ...]]:
    refuse_pipe(path)
    with path.open("rb") as file:
        start = file.read(64)
    if zipfile.is_zipfile(path):
        with TorchArchive(path) as archive:
            stored, unread = state_dict(archive.content, StoredTensor)
            return {key: archive.tensor(value) for key, value in stored.items()}, unread
    if start[7:9] == b"\0{":  # safetensors: the length of a JSON header in eight bytes, then the header
        _refuse_doubled_keys(path)
        return state_dict(load_file(path), Tensor)
    return state_dict(_older_format(path, start), Tensor)


def _refuse_doubled_keys(path: Path) -> None:
    """Raise Doubled for a key that occurs twice in the header, because safetensors silently takes the last one."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length <= _LARGEST_HEADER:
            json.loads(file.read(length), object_pairs_hook=json_object)


def _older_format(path: Path, start: bytes) -> object:
    """Load a file in the format that torch.save wrote before it wrote archives. Raises NoWeights for any other file."""
    if start.startswith(b"version https://git-lfs"):
        raise NoWeights(
            "it is only the pointer that Git LFS stores instead of the file. Fetch the file with git lfs pull"
        )
    if unpack := next((command for mark, command in _PACKED.items() if start.startswith(mark)), None):
        command = f"{unpack} {quote(str(path))} > {quote(path.stem)}-unpacked.pt"  # -c accepts any suffix
        raise NoWeights(f"it is compressed. Unpack it with `{command}`")
    if start.startswith(b"PK"):
        raise NoWeights("it is an archive without its end, so it was cut short. Fetch it again")
    if not start.startswith(b"\x80"):  # a pickle's first byte
        begins = f"it begins with {start[:24]!r}" if start else "it is empty"
        raise NoWeights(f"{begins}, so it is neither a safetensors file nor one that torch.save wrote. {_ADVICE}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if name := re.search(r"GLOBAL (\S+)", str(error)):
            raise refuse_name(name[1]) from error
        raise


def fill(clip: nn.Module, state: Tensors, name: str) -> bool:
    """Copy weights into a CLIP, in the CLIP's precision, and return whether the weights have a text tower.

    Raises WeightsError if a key or shape differs, or if the weights are quantised or damaged. Without a text tower,
    only the keys of the vision tower are compared.
    """
    expected = clip.state_dict()
    texts = "visual.conv3.weight" not in state or any(key.startswith(_TEXT) for key in state)
    if not texts:
        expected, state = _visual(expected), _visual(state)
    computed = {key for key, _ in clip.named_buffers()} - clip.state_dict().keys()  # such as a mask
    state = {key: value for key, value in state.items() if key not in computed}
    _compare(expected, state, name)
    unused = {key: torch.zeros_like(value) for key, value in expected.items() if key.endswith(_UNUSED)}
    clip.load_state_dict(unused | state, strict=texts)
    return texts


def _visual(state: Tensors) -> Tensors:
    return {key: value for key, value in state.items() if key.startswith("visual.")}


def _compare(expected: Tensors, state: Tensors, name: str) -> None:
    needed = {key for key in expected if not key.endswith(_UNUSED)}
    shapes = [
        f"{key} is {_shape(state[key])}, not {_shape(expected[key])}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    wrong = [
        *_some("missing", sorted(needed - state.keys())),
        *_some("unexpected", sorted(state.keys() - expected.keys())),
        *_some("of another shape", shapes),
    ]
    if wrong:
        raise WeightsError(f"These are not weights of {name}: {'; '.join(wrong)}. {_way_out(expected, state)}")
    if rounded := [f"{key} is {value.dtype}" for key, value in state.items() if _is_rounded(value, expected[key])]:
        raise WeightsError(
            f"These weights hold {'; '.join(_some('whole numbers', rounded))}. Save the weights as floating-point "
            "numbers, before quantising them."
        )
    numbers = {key: value.to(expected[key].dtype) for key, value in state.items()}
    infinite = [key for key, value in numbers.items() if not value.isfinite().all()]
    negative = [key for key, value in numbers.items() if key.endswith(_VARIANCE) and (value < 0).any()]
    if infinite or negative:
        broken = (*_some("not finite", infinite), *_some("variances below 0", negative))
        raise WeightsError(f"These weights are damaged: {'; '.join(broken)}. Fetch the file again.")


def _is_rounded(value: Tensor, expected: Tensor) -> bool:
    return expected.is_floating_point() and not value.is_floating_point()


def _some(fault: str, items: list[str], most: int = 3) -> Iterable[str]:
    if items:
        more = f" and {len(items) - most} more" if len(items) > most else ""
        names = (item if len(item) <= 100 else f"{item[:100]}..." for item in items[:most])
        yield f"{fault}: {', '.join(names)}{more}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _way_out(expected: Tensors, state: Tensors) -> str:
    """Write what the weights are instead, and what to do."""
    if "visual.class_embedding" in state or "visual.proj" in state:
        return (
            "They belong to a vision transformer, which has no channels to catalogue. Give the weights of a CLIP "
            "ResNet."
        )
    if "visual.conv3.weight" not in state:
        return (
            "They are not a complete CLIP with a ModifiedResNet. Give the state dict that open_clip or openai/CLIP "
            "saves."
        )
    blocks, width = _blocks_and_width(state)
    if not all((*blocks, width)):
        return "They are not a complete ModifiedResNet. Fetch the file again, or save it again."
    if (blocks, width) == _blocks_and_width(expected):
        return _other_settings(expected, state)
    known = next((name for name, a in ARCHITECTURES.items() if (a.blocks, a.width) == (blocks, width)), None)
    way_out = f", like {known}. Name that model." if known else f". Give {_CONFIGURATION}."
    return f"They have {blocks} blocks and width {width}{way_out}"


def _blocks_and_width(state: Tensors) -> tuple[tuple[int, ...], int]:
    blocks = (
        len({key.split(".")[2] for key in state if key.startswith(f"visual.layer{stage}.")}) for stage in (1, 2, 3, 4)
    )
    shape = state["visual.conv3.weight"].shape
    return tuple(blocks), shape[0] if shape else 0


def _other_settings(expected: Tensors, state: Tensors) -> str:
    """Write which settings a configuration needs for weights of the right blocks and width but other sizes."""
    ours, theirs = _settings(expected), _settings(state)
    differing = [f"{setting} {size}" for setting, size in theirs.items() if size != ours.get(setting)]
    if not differing:
        return "Only their blocks and width are those of this model. Fetch the file again, or save it again."
    return f"They were trained with {', '.join(differing)}. Give {_CONFIGURATION}."


def _settings(state: Tensors) -> dict[str, int]:
    """Infer the settings that the weights were trained with from the shapes of the weights."""
    shapes = {setting: state[key].shape for setting, (key, _) in _SETTINGS.items() if key in state}
    sizes = {setting: shape[_SETTINGS[setting][1]] for setting, shape in shapes.items() if len(shape) == 2}
    if "image_size" in sizes:  # one position for the whole image, and one for each 32 x 32 pixels
        sizes["image_size"] = 32 * math.isqrt(max(0, sizes["image_size"] - 1))
    return sizes
