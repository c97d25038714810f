"""Find a CLIP's tensors inside the object that a training script saved, and rename their keys as open_clip does."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from torch import Tensor

from extract.network.torch_archive import NoWeights, StoredTensor

Kind = TypeVar("Kind", bound=Tensor | StoredTensor)

_WRAPPERS = {"module", "_orig_mod"}  # of DistributedDataParallel and torch.compile, at any depth
_EXTRAS = {"input_resolution", "context_length", "vocab_size"}  # numbers in openai's archives
_EXTRAS |= {"logit_bias"}  # of a sigmoid loss; a softmax over classes ignores it, since all classes have the same bias
_FIRST = "visual.conv1.weight"  # a key of every CLIP of open_clip's
_POOL = "attnpool.c_proj.weight"  # a key of every ModifiedResNet, also of a vision tower by itself
_TEXTS = "token_embedding.weight"  # a key of every text tower of CLIP's
_DEPTH = 4  # the deepest nesting of dicts that is searched


def state_dict(saved: object, kind: type[Kind]) -> tuple[dict[str, Kind], tuple[str, ...]]:
    """Find a CLIP's tensors of this kind, keyed as in open_clip, and the names of other networks that are not read.

    If several dicts hold tensors, dicts of a CLIP ResNet take precedence, and among these a dict under the key
    `state_dict`. If several are left, the one that is a CLIP with both towers is taken. Raises NoWeights unless exactly
    one dict is left.
    """
    states = dict(_dicts(saved, kind))
    networks = [where for where, state in states.items() if any(key.endswith((_FIRST, _POOL)) for key in state)]
    networks = networks or [*states]
    candidates = [where for where in networks if where.split(".")[-1] == "state_dict"] or networks
    if len(candidates) > 1:
        candidates = [where for where in candidates if _is_whole(states[where])]
    if not states:
        raise NoWeights("it holds no state dict (tensors by key). Save model.state_dict() alone")
    if len(candidates) != 1:
        names = ", ".join(repr(where) for where in networks[:4])
        raise NoWeights(f"it holds tensors under {names}. Save one of these alone")
    tensors, unread = _renamed(states[candidates[0]])
    return tensors, (*(where for where in networks if where not in candidates), *unread)


def _is_whole(state: Iterable[str]) -> bool:
    """Check whether these are the keys of a CLIP with both its towers."""
    return all(any(key.endswith(known) for key in state) for known in (_FIRST, _TEXTS))


def _dicts(saved: object, kind: type[Kind], where: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Kind]]]:
    """Yield every dict of tensors keyed by text, with the path of keys that leads to the dict."""
    if not isinstance(saved, Mapping) or depth > _DEPTH:
        return
    tensors = {key: value for key, value in saved.items() if isinstance(key, str) and isinstance(value, kind)}
    if tensors:
        yield where, tensors
    for key, value in saved.items():
        if isinstance(key, str):
            yield from _dicts(value, kind, f"{where}.{key}" if where else key, depth + 1)


def _renamed(state: dict[str, Kind]) -> tuple[dict[str, Kind], tuple[str, ...]]:
    """Rename a state's keys as in open_clip, and return the state with the prefixes of other networks in it.

    If the CLIP is part of a larger model, only the CLIP's tensors are returned.
    """
    plain = {".".join(part for part in key.split(".") if part not in _WRAPPERS): key for key in state}
    if len(plain) < len(state):
        raise NoWeights("it holds keys that differ only in the names of wrappers. Save the state dict of one model")
    prefix, instead = _prefix(plain)
    unread = sorted(tower for tower in _prefixes(plain, _POOL) if not tower.startswith(prefix))
    own = {instead + new.removeprefix(prefix): old for new, old in plain.items() if new.startswith(prefix)}
    return {new: state[old] for new, old in own.items() if new not in _EXTRAS}, tuple(unread)


def _prefix(plain: Collection[str]) -> tuple[str, str]:
    """Find the prefix of the keys of the CLIP, or of a vision tower by itself, and the prefix that replaces it.

    Raises NoWeights if several CLIPs could be meant.
    """
    for known, instead in ((_FIRST, ""), (_POOL, "visual.")):
        prefixes = _prefixes(plain, known)
        whole = {prefix for prefix in prefixes if prefix + _TEXTS in plain}
        if len(whole) == 1:
            return whole.pop(), instead
        if known == _FIRST and "" in prefixes:
            return "", ""
        if len(prefixes) > 1:
            raise NoWeights(f"it holds several CLIPs, under {', '.join(sorted(prefixes)[:4])}. Save one of these alone")
        if prefixes:
            return prefixes.pop(), instead
    return "", ""


def _prefixes(keys: Iterable[str], known: str) -> set[str]:
    """Return the prefixes with which a known key occurs among the keys."""
    return {key.removesuffix(known) for key in keys if f".{key}".endswith(f".{known}")}
