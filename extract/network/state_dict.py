"""Find a CLIP's tensors in what a training script saved around them, under the keys that open_clip gives them."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from torch import Tensor

from extract.network.torch_archive import NoWeights, StoredTensor

Kind = TypeVar("Kind", bound=Tensor | StoredTensor)

_WRAPPERS = {"module", "_orig_mod"}  # of DistributedDataParallel and torch.compile, at any depth
_EXTRAS = {"input_resolution", "context_length", "vocab_size"}  # numbers that openai's archives carry along
_EXTRAS |= {"logit_bias"}  # of a sigmoid loss: the same for every class, so a softmax over classes does not see it
_FIRST = "visual.conv1.weight"  # every ModifiedResNet has it
_DEPTH = 4  # of dicts in dicts


def state_dict(saved: object, kind: type[Kind]) -> dict[str, Kind]:
    """Find the tensors of this kind by key, without the names that wrappers put before a key.

    Where several dicts hold tensors, that of a CLIP ResNet is taken, then that under `state_dict`. Raises NoWeights
    where there is none, or several that could be meant.
    """
    states = dict(_dicts(saved, kind))
    candidates = [where for where, state in states.items() if any(key.endswith(_FIRST) for key in state)] or [*states]
    chosen = [where for where in candidates if where.split(".")[-1] == "state_dict"] or candidates
    if not chosen:
        raise NoWeights("it holds no state dict, that is, tensors by key. Save model.state_dict() alone")
    if len(chosen) > 1:
        names = ", ".join(repr(where) for where in chosen[:4])
        raise NoWeights(f"tensors lie under {names}: save one of them alone")
    return _renamed(states[chosen[0]])


def _dicts(saved: object, kind: type[Kind], where: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Kind]]]:
    """Every dict with tensors by text, by the keys that lead to it."""
    if not isinstance(saved, Mapping) or depth > _DEPTH:
        return
    tensors = {key: value for key, value in saved.items() if isinstance(key, str) and isinstance(value, kind)}
    if tensors:
        yield where, tensors
    for key, value in saved.items():
        if isinstance(key, str):
            yield from _dicts(value, kind, f"{where}.{key}" if where else key, depth + 1)


def _renamed(state: dict[str, Kind]) -> dict[str, Kind]:
    """The state with open_clip's keys; of a larger model's state the CLIP's part alone."""
    plain = {".".join(part for part in key.split(".") if part not in _WRAPPERS): key for key in state}
    if len(plain) < len(state):
        raise NoWeights("it holds keys that differ only in the names of wrappers: save the state dict of one model")
    prefixes = {key.removesuffix(_FIRST) for key in plain if key.endswith(f".{_FIRST}")}
    if _FIRST not in plain and prefixes:
        if len(prefixes) > 1:
            raise NoWeights(f"it holds several CLIPs, under {', '.join(sorted(prefixes)[:4])}: save one of them alone")
        prefix = prefixes.pop()
        plain = {new.removeprefix(prefix): old for new, old in plain.items() if new.startswith(prefix)}
    elif "conv1.weight" in plain and "attnpool.c_proj.weight" in plain:  # a vision tower by itself
        plain = {f"visual.{new}": old for new, old in plain.items()}
    return {new: state[old] for new, old in plain.items() if new not in _EXTRAS}
