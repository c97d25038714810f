"""Find a CLIP's tensors in what a training script saved around them, under the keys that open_clip gives them."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from torch import Tensor

from extract.network.torch_archive import NoWeights, StoredTensor

Kind = TypeVar("Kind", bound=Tensor | StoredTensor)

_WRAPPERS = {"module", "_orig_mod"}  # of DistributedDataParallel and torch.compile, at any depth
_EXTRAS = {"input_resolution", "context_length", "vocab_size"}  # numbers that openai's archives carry along
_EXTRAS |= {"logit_bias"}  # of a sigmoid loss: the same for every class, so a softmax over classes does not see it
_FIRST = "visual.conv1.weight"  # every CLIP of open_clip's has it
_POOL = "attnpool.c_proj.weight"  # every ModifiedResNet has it, also by itself
_DEPTH = 4  # of dicts in dicts


def state_dict(saved: object, kind: type[Kind]) -> dict[str, Kind]:
    """Find the tensors of this kind by key, without the names that wrappers put before a key.

    Where several dicts hold tensors, that of a CLIP ResNet is taken, then that under `state_dict`. Raises NoWeights
    where there is none, or several that could be meant.
    """
    states = dict(_dicts(saved, kind))
    candidates = [where for where, state in states.items() if any(key.endswith((_FIRST, _POOL)) for key in state)]
    candidates = candidates or [*states]
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
    if _FIRST not in plain:
        plain = _without_prefix(plain, _FIRST, "") or _without_prefix(plain, _POOL, "visual.") or plain
    return {new: state[old] for new, old in plain.items() if new not in _EXTRAS}


def _without_prefix(plain: dict[str, str], known: str, instead: str) -> dict[str, str]:
    """The keys under the prefix of a known one, by what they are named `instead`; none where the known one is not."""
    prefixes = {key.removesuffix(known) for key in plain if f".{key}".endswith(f".{known}")}
    if len(prefixes) > 1:
        raise NoWeights(f"it holds several CLIPs, under {', '.join(sorted(prefixes)[:4])}: save one of them alone")
    return {
        instead + new.removeprefix(prefix): old
        for prefix in prefixes
        for new, old in plain.items()
        if new.startswith(prefix)
    }
