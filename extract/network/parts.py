"""Parts of a network that can be replaced: one map each, added to a unit.

A part is a branch of a sum's unit, what conv or the shortcut adds to it; or a convolution edge, what one unit adds to
another over the one convolution between them, times the scale of the batch norm behind it. Because a part is added,
another map takes its place when their difference is added too.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from extract.errors import AblationError
from extract.units import Architecture, Layer, Unit

BranchName = Literal["conv", "shortcut"]


@dataclass(frozen=True)
class SumBranch:
    """What one branch adds to a unit of a sum."""

    unit: Unit
    name: BranchName

    def __str__(self) -> str:
        """Such as conv of 4/2/6/34."""
        return f"{self.name} of {self.unit}"


@dataclass(frozen=True)
class ConvolutionEdge:
    """What a source adds to a unit over the one convolution between them."""

    source: Unit
    unit: Unit

    def __str__(self) -> str:
        """Such as 4/2/3/12 into 4/2/5/34."""
        return f"{self.source} into {self.unit}"


NetworkPart = SumBranch | ConvolutionEdge


def check(architecture: Architecture, part: NetworkPart) -> NetworkPart:
    """Return the part if this network has it.

    Raises UnknownUnit for a unit that the network lacks or a branch of a unit that is no sum, AblationError for an edge
    over more than one convolution.
    """
    layer = architecture.unit(str(part.unit)).layer
    if isinstance(part, SumBranch):
        architecture.branches(layer)
    elif not architecture.is_direct(architecture.unit(str(part.source)).layer, layer):
        raise AblationError(
            f"No single convolution leads from {part.source.layer} to {layer}. {_way(architecture, layer)}"
        )
    return part


def _way(architecture: Architecture, target: Layer) -> str:
    if target.role == "sum":
        conv = Layer(target.stage, target.block, 5)
        return f"A sum has branches: name one, or the unit of a branch, such as {conv}, as the edge's end."
    direct = [str(layer) for layer in architecture.layers if architecture.is_direct(layer, target)]
    return f"Into {target} one leads from {direct[0]}." if direct else f"{target} reads the stem, which has no units."


def scale(norm: nn.Module, precision: torch.dtype = torch.float64) -> Tensor:
    """What a batch norm in eval mode multiplies its channels by, gamma over the deviation: (channels,)."""
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101, what follows every convolution of a ModifiedResNet
    assert norm.running_var is not None  # noqa: S101
    return norm.weight.detach().to(precision) / (norm.running_var.to(precision) + norm.eps).sqrt()
