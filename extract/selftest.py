"""Check four computations that the catalog rests on, with one network on this machine.

hooks        the values that hooks read of every layer, against a forward pass computed step by step from the weights
sums         both branches of every sum, added up, against the sum
kernels      expanded weights, against autograd through the network's own modules with every ReLU as the identity
embedding    the terms of the embedding's decomposition, added up, against the embedding

An error is the largest difference, divided by the largest value of the reference.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.expansion.expanded_weights import expanded_weights
from extract.folder.kernel_support import sources, support
from extract.network.attention_pool import decompose
from extract.network.hooks import registered, see_output, watch_activations, watch_branches, watch_sums
from extract.network.network import Network
from extract.units import Layer, Unit

LIMITS = {"hooks": 1e-4, "sums": 1e-5, "kernels": 1e-4, "embedding": 1e-4}  # of float32
_PAIRS, _IMAGES = 8, 2


@dataclass(frozen=True)
class Check:
    """A check: its largest error, the limit for this error, and the place where the error is largest."""

    name: str
    error: float
    limit: float
    place: str

    @property
    def passed(self) -> bool:
        """Whether the error is within the limit; a NaN error is not."""
        return self.error <= self.limit


def selftest(network: Network, seed: int = 0) -> list[Check]:
    """Run all checks on random images and random pairs of units, drawn with a seed."""
    rng = np.random.default_rng(seed)
    side = network.architecture.image_size
    pixels = torch.from_numpy(rng.normal(size=(_IMAGES, 3, side, side)).astype(np.float32))
    errors: dict[str, dict[str, float]] = {
        "hooks": _hooks(network, pixels),
        "sums": _sums(network, pixels),
        "kernels": dict(_kernels(network, rng)),
        "embedding": _embedding(network, pixels),
    }
    return [_check(name, places) for name, places in errors.items()]


def _check(name: str, errors: dict[str, float]) -> Check:
    place = max(errors, key=lambda place: np.nan_to_num(errors[place], nan=np.inf))
    return Check(name, errors[place], LIMITS[name], place)


def _error(tested: Tensor, reference: Tensor) -> float:
    """Compute the largest difference from the reference, divided by the reference's largest value."""
    return float((tested - reference).abs().max() / reference.abs().max().clamp_min(1e-30))


@torch.inference_mode()
def _hooks(network: Network, pixels: Tensor) -> dict[str, float]:
    """Compute, for each layer, the error of the means that hooks read against an explicit forward pass."""
    values: dict[Layer, Tensor] = {}
    layers = network.architecture.layers
    with watch_activations(network.visual, layers, lambda layer, seen: values.__setitem__(layer, seen.value)):
        network.visual(pixels)
    written = dict(_written_out(network.visual, pixels))  # the same means, keyed by the layer's module
    return {str(layer): _error(values[layer], written[layer.module]) for layer in layers}


def _written_out(visual: nn.Module, pixels: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Compute every layer's mean over positions, of shape (n, c), step by step from the weights.

    Yields each mean with the name of its layer's module. The mean of a sum is taken after its ReLU, and named act3.
    """
    tower: Any = visual
    maps = pixels
    for number in (1, 2, 3):
        maps = _norm(getattr(tower, f"bn{number}"), _convolved(getattr(tower, f"conv{number}"), maps)).relu()
    maps = F.avg_pool2d(maps, 2)
    for stage in (1, 2, 3, 4):
        for place, block in enumerate(getattr(tower, f"layer{stage}")):
            name, shortcut = f"layer{stage}.{place}", maps
            for number in (1, 2):
                maps = _norm(getattr(block, f"bn{number}"), _convolved(getattr(block, f"conv{number}"), maps)).relu()
                yield f"{name}.bn{number}", maps.mean((2, 3))
            conv = _norm(block.bn3, _convolved(block.conv3, _pooled(block.avgpool, maps)))
            yield f"{name}.bn3", conv.mean((2, 3))
            if block.downsample is not None:
                pool, convolution, norm = block.downsample.children()
                shortcut = _norm(norm, _convolved(convolution, _pooled(pool, shortcut)))
                yield f"{name}.downsample.1", shortcut.mean((2, 3))
            maps = (conv + shortcut).relu()
            yield f"{name}.act3", maps.mean((2, 3))


def _convolved(convolution: Any, maps: Tensor) -> Tensor:
    return F.conv2d(maps, convolution.weight, None, convolution.stride, convolution.padding)


def _norm(norm: Any, maps: Tensor) -> Tensor:
    """Compute batch norm in eval mode by its formula."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()  # (c,)
    normal: Tensor = maps * scale[:, None, None] + (norm.bias - norm.running_mean * scale)[:, None, None]
    return normal


def _pooled(pool: nn.Module, maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, pool.kernel_size) if isinstance(pool, nn.AvgPool2d) else maps


@torch.inference_mode()
def _sums(network: Network, pixels: Tensor) -> dict[str, float]:
    """Compute, for each sum, the error of its two branches added up against the input of its ReLU."""
    visual, errors, branches = network.visual, dict[str, float](), dict[str, Tensor]()  # maps (n, c, h, w)

    def see(layer: Layer, total: Tensor, shortcut: Tensor) -> None:
        errors[str(layer)] = _error(branches["conv"] + branches["shortcut"], total)

    with ExitStack() as stack:
        for total in network.architecture.sums:
            stack.enter_context(watch_branches(visual, total, branches.__setitem__))
        stack.enter_context(watch_sums(visual, network.architecture.sums, see))
        visual(pixels)
    return errors


def _kernels(network: Network, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield random pairs of units, each with the error of its expanded weight against autograd."""
    architecture, linear = network.architecture, _without_relus(network.visual)
    targets = [layer for layer in architecture.layers if sources(architecture, layer)]
    for target in (targets[place] for place in rng.choice(len(targets), _PAIRS)):
        below = sources(architecture, target)
        layers = below[rng.integers(len(below))], target
        source, end = (Unit(layer, int(rng.integers(architecture.channels(layer)))) for layer in layers)
        rows = support(architecture, source.layer, target).rows
        kernel = _gradient(linear, architecture.image_size, source, end)[rows, rows]  # (h, w)
        yield f"{source} to {end}", _error(expanded_weights(network, source, end), kernel)


def _without_relus(visual: nn.Module) -> nn.Module:
    """Copy a vision tower, with the identity in place of every ReLU."""
    linear = deepcopy(visual)
    for name in [name for name, module in linear.named_modules() if isinstance(module, nn.ReLU)]:
        linear.set_submodule(name, nn.Identity())
    return linear


def _gradient(linear: nn.Module, side: int, source: Unit, target: Unit) -> Tensor:
    """Compute the gradient of the target's centre position with respect to the source's map, by autograd.

    Returns the shape (rows, columns).
    """
    maps: dict[Layer, Tensor] = {}

    def keep(layer: Layer, tensor: Tensor) -> None:
        maps[layer] = tensor.clone() if layer == target.layer else tensor  # the block adds to its branch in place

    pixels = torch.ones(1, 3, side, side, requires_grad=True)  # (1, 3, side, side); any pixels do for a linear map
    hooks = (
        see_output(linear.get_submodule(layer.module), partial(keep, layer)) for layer in (source.layer, target.layer)
    )
    with registered(hooks):
        linear(pixels)
    centre = (maps[target.layer].shape[2] - 1) // 2
    (gradient,) = torch.autograd.grad(maps[target.layer][0, target.channel, centre, centre], maps[source.layer])
    return gradient[0, source.channel]


@torch.inference_mode()
def _embedding(network: Network, pixels: Tensor) -> dict[str, float]:
    """Compute the error of the decomposition's terms, added up, against the embedding."""
    return {"all units and heads": _error(decompose(network, pixels).embedding, network.clip.encode_image(pixels))}
