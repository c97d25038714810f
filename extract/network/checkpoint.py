"""Read weights files without running anything in them, and compare them with a module key by key."""

import pickle
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from extract.errors import WeightsError
from extract.units import ARCHITECTURES

Tensors = dict[str, Tensor]

_OPENAI_EXTRAS = {"input_resolution", "context_length", "vocab_size"}  # numbers that openai's archives carry along
_UNUSED = ".num_batches_tracked"  # of a batch norm in training; older files lack it


def read(path: Path) -> Tensors:
    """Read tensors by key from a safetensors file, a state dict saved by torch, or openai's TorchScript archive.

    Only tensors are unpickled. Raises WeightsError for a file that is absent, cut short or something else.
    """
    try:
        return _tensors(_read(path), path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} holds no weights that can be read. It was cut short on its way here, or it is neither a "
            "safetensors file nor a state dict saved by torch: fetch it again, or save the state dict alone."
        ) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}. Give the path of a file.") from error


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        with path.open("rb"):  # an OSError that names its cause, which safetensors' own does not
            return load_file(path)
    if _is_torchscript(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch wants no more archives made; this one is read
            return torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _tensors(stored: object, path: Path) -> Tensors:
    """The state dict itself, without what a training script may have wrapped around it."""
    state = stored.get("state_dict", stored) if isinstance(stored, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no state dict, that is, tensors by key. Save model.state_dict() alone.")
    plain = {str(key).removeprefix("module."): value for key, value in state.items()}
    return {key: value for key, value in plain.items() if key not in _OPENAI_EXTRAS}


def fill(module: nn.Module, state: Tensors, name: str) -> None:
    """Copy the weights into the module, in its own precision; WeightsError if any key or shape differs."""
    expected = module.state_dict()
    _compare(expected, state, name)
    unused = {key: torch.zeros_like(value) for key, value in expected.items() if key.endswith(_UNUSED)}
    module.load_state_dict(unused | state)


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
        raise WeightsError(f"These are no weights of {name}: {'; '.join(wrong)}. {_way_out(state)}")
    if broken := [key for key, value in state.items() if not value.isfinite().all()]:
        raise WeightsError(
            f"These weights are damaged: {'; '.join(_some('not finite', broken))}. Fetch the file again."
        )


def _some(what: str, items: list[str], most: int = 3) -> Iterable[str]:
    if items:
        more = f" and {len(items) - most} more" if len(items) > most else ""
        yield f"{what}: {', '.join(items[:most])}{more}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _way_out(state: Tensors) -> str:
    """Say what the weights are instead, and what to do."""
    if "visual.class_embedding" in state or "visual.proj" in state:
        return "They are a vision transformer's, which has no channels to catalogue: give a CLIP ResNet's."
    if "visual.conv3.weight" not in state:
        return (
            "They are not a whole CLIP with a ModifiedResNet: give the state dict that open_clip or openai/CLIP saves."
        )
    blocks = tuple(
        len({key.split(".")[2] for key in state if key.startswith(f"visual.layer{stage}.")}) for stage in (1, 2, 3, 4)
    )
    width = len(state["visual.conv3.weight"])
    known = [name for name, a in ARCHITECTURES.items() if (a.blocks, a.width) == (blocks, width)]
    return (
        f"They have {blocks} blocks and width {width}{', as ' + known[0] + ' has' if known else ''}: name that model."
    )
