"""Parts of a network that can be replaced; each part is one map that is added to a unit.

A part is either a branch of a sum's unit, that is, the map that conv or the shortcut adds to the unit; or a convolution
edge, that is, the map that one unit adds to another through the single convolution between them, times the scale of the
batch norm after the convolution. To replace a part by another map, it is enough to add the difference of the two maps.
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
    """The map that one branch adds to a unit of a sum."""

    unit: Unit
    name: BranchName

    def __str__(self) -> str:
        """Name the branch, as in "conv of 4/2/6/34"."""
        return f"{self.name} of {self.unit}"


@dataclass(frozen=True)
class ConvolutionEdge:
    """The map that a source adds to a unit through the single convolution between them."""

    source: Unit
    unit: Unit

    def __str__(self) -> str:
        """Name the edge, as in "4/2/3/12 into 4/2/5/34"."""
        return f"{self.source} into {self.unit}"


NetworkPart = SumBranch | ConvolutionEdge


def check(architecture: Architecture, part: NetworkPart) -> NetworkPart:
    """Return the part if this network has it.

    Raises UnknownUnit for a unit that the network lacks, or for a branch of a unit that does not belong to a sum; and
    AblationError for an edge between units that no single convolution connects.
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
        return f"Name a branch of the sum, or a unit of a branch, such as {conv}, as the edge's end."
    direct = [str(layer) for layer in architecture.layers if architecture.is_direct(layer, target)]
    if direct:
        return f"Name a source in {direct[0]}, which leads into {target}."
    return f"{target} reads the stem, which has no units."


def scale(norm: nn.Module, precision: torch.dtype = torch.float64) -> Tensor:
    """Compute a batch norm's factor in eval mode, gamma over the standard deviation, for each channel: (channels,)."""
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101, follows every convolution of a ModifiedResNet
    assert norm.running_var is not None  # noqa: S101
    return norm.weight.detach().to(precision) / (norm.running_var.to(precision) + norm.eps).sqrt()
