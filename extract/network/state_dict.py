"""Find a CLIP's tensors in what a training script saved around them, under the keys that open_clip gives them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from torch import Tensor

from extract.network.torch_archive import NoWeights, StoredTensor

Kind = TypeVar("Kind", bound=Tensor | StoredTensor)

_WRAPPERS = {"module", "_orig_mod"}  # of DistributedDataParallel and torch.compile, at any depth
_EXTRAS = {"input_resolution", "context_length", "vocab_size"}  # numbers that openai's archives carry along
_EXTRAS |= {"logit_bias"}  # of a sigmoid loss: the same for every class, so a softmax over classes does not see it
_FIRST = "visual.conv1.weight"  # every CLIP of open_clip's has it
_POOL = "attnpool.c_proj.weight"  # every ModifiedResNet has it, also by itself
_TEXTS = "token_embedding.weight"  # every text tower of CLIP's has it
_DEPTH = 4  # of dicts in dicts


def state_dict(saved: object, kind: type[Kind]) -> tuple[dict[str, Kind], tuple[str, ...]]:
    """Find the tensors of this kind by key, without the names that wrappers put before a key.

    Where several dicts hold tensors, that of a CLIP ResNet is taken, then that under `state_dict`, then the one whole
    CLIP among them. Also returns under which names the other networks lie. Raises NoWeights where there is none, or
    several that could be meant.
    """
    states = dict(_dicts(saved, kind))
    networks = [where for where, state in states.items() if any(key.endswith((_FIRST, _POOL)) for key in state)]
    networks = networks or [*states]
    candidates = [where for where in networks if where.split(".")[-1] == "state_dict"] or networks
    if len(candidates) > 1:
        candidates = [where for where in candidates if _is_whole(states[where])]
    if not states:
        raise NoWeights("it holds no state dict, that is, tensors by key. Save model.state_dict() alone")
    if len(candidates) != 1:
        names = ", ".join(repr(where) for where in networks[:4])
        raise NoWeights(f"tensors lie under {names}: save one of them alone")
    tensors, unread = _renamed(states[candidates[0]])
    return tensors, (*(where for where in networks if where not in candidates), *unread)


def _is_whole(state: Iterable[str]) -> bool:
    """Whether these keys are of a CLIP with both its towers."""
    return all(any(key.endswith(known) for key in state) for known in (_FIRST, _TEXTS))


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


def _renamed(state: dict[str, Kind]) -> tuple[dict[str, Kind], tuple[str, ...]]:
    """The state with open_clip's keys, of a larger model's state the CLIP's part alone; prefixes of other networks."""
    plain = {".".join(part for part in key.split(".") if part not in _WRAPPERS): key for key in state}
    if len(plain) < len(state):
        raise NoWeights("it holds keys that differ only in the names of wrappers: save the state dict of one model")
    prefix, instead = _prefix(plain)
    unread = sorted(tower for tower in _prefixes(plain, _POOL) if not tower.startswith(prefix))
    own = {instead + new.removeprefix(prefix): old for new, old in plain.items() if new.startswith(prefix)}
    return {new: state[old] for new, old in own.items() if new not in _EXTRAS}, tuple(unread)


def _prefix(plain: Collection[str]) -> tuple[str, str]:
    """What stands before the keys of the CLIP, or of the vision tower alone, and what takes its place."""
    for known, instead in ((_FIRST, ""), (_POOL, "visual.")):
        prefixes = _prefixes(plain, known)
        whole = {prefix for prefix in prefixes if prefix + _TEXTS in plain}
        if len(whole) == 1:
            return whole.pop(), instead
        if known == _FIRST and "" in prefixes:
            return "", ""
        if len(prefixes) > 1:
            raise NoWeights(f"it holds several CLIPs, under {', '.join(sorted(prefixes)[:4])}: save one of them alone")
        if prefixes:
            return prefixes.pop(), instead
    return "", ""


def _prefixes(keys: Iterable[str], known: str) -> set[str]:
    """What stands before a known key."""
    return {key.removesuffix(known) for key in keys if f".{key}".endswith(f".{known}")}
