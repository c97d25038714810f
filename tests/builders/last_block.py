"""Compute the last block's maps without any hook, as a reference for what hooks read."""

from typing import Any

from torch import Tensor
from torch.nn import BatchNorm2d
from torch.nn import functional as F

from extract.network.network import Network


def last_block(network: Network, pixels: Tensor) -> tuple[Tensor, ...]:
    """Compute the last block's shortcut, conv branch, sum and raw conv3, step by step and without hooks."""
    visual: Any = network.visual
    block = visual.layer4[2]

    def norm(maps: Tensor, bn: BatchNorm2d) -> Tensor:
        mean, variance, gamma, beta = (
            t[:, None, None] for t in (bn.running_mean, bn.running_var, bn.weight, bn.bias) if t is not None
        )
        return (maps - mean) / (variance + bn.eps).sqrt() * gamma + beta

    shortcut = visual.layer4[:2](visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels)))))
    inner = norm(F.conv2d(shortcut, block.conv1.weight), block.bn1).clamp(min=0)
    inner = norm(F.conv2d(inner, block.conv2.weight, padding=1), block.bn2).clamp(min=0)
    raw = F.conv2d(inner, block.conv3.weight)
    conv = norm(raw, block.bn3)
    return shortcut, conv, shortcut + conv, raw
