"""Measure what the claims of the enrichment circuits article need of a network itself.

These are the authors' tensors, and what the network does on words. The authors' convolutions are raw, that is, read
before batch norm (`expanded_weights.py` and `activations_tool.py` of their repository). Sums are read after their ReLU.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from extract.expansion.expanded_weights import sweep
from extract.network.network import Network
from extract.probes.rasterised_words import rasterise, usual_lettering
from extract.recording.channel_means import channel_means
from extract.units import Architecture, Layer, Unit


class NetworkMeasures:
    """Measures of one network, as numpy arrays."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self._network.architecture

    @torch.inference_mode()
    def raw_kernels(self, target: Unit) -> np.ndarray:
        """Compute the authors' expanded weights from bn2's units to a unit of raw conv3: float64 (sources, h, w).

        The authors' source is raw conv2, which batch norm scales. Where the block pools in between, all cells of a
        kernel are equal.
        """
        block = self._block(target.layer)
        weights = block.conv3.weight[target.channel, :, 0, 0].double() * _scale(block.bn2)  # (sources,)
        side = int(block.avgpool.kernel_size) if isinstance(block.avgpool, nn.AvgPool2d) else 1  # type: ignore[arg-type]
        cells: Tensor = weights[:, None, None].expand(-1, side, side) / side**2  # (sources, h, w)
        return cells.cpu().numpy()

    @torch.inference_mode()
    def signed_kernels(self, layer: Layer, channels: Sequence[int]) -> np.ndarray:
        """Multiply units' kernels of conv2 by the sign of the batch norm's gamma: float64 (units, sources, 3, 3)."""
        block, own = self._block(layer), list(channels)
        signs = block.bn2.weight[own].sign().double()  # (units,)
        signed: Tensor = block.conv2.weight[own].double() * signs[:, None, None, None]
        return signed.cpu().numpy()

    @torch.inference_mode()
    def conv_offsets(self, layer: Layer) -> np.ndarray:
        """Compute raw conv3's running mean over its running standard deviation, as bn3 holds them: float64 (units,)."""
        norm = self._block(layer).bn3
        offsets: Tensor = norm.running_mean.double() / (norm.running_var.double() + norm.eps).sqrt()
        return offsets.cpu().numpy()

    def word_means(self, words: Iterable[str], layers: Sequence[Layer]) -> dict[Layer, np.ndarray]:
        """Measure mean activations on words, rendered as in the article: float64 (words, channels) for each layer."""
        side = self.architecture.image_size
        lettering = usual_lettering(side)
        means = channel_means(self._network, (rasterise(word, side, lettering) for word in words), layers)
        return {layer: values.astype(np.float64) for layer, values in means.items()}

    def strengths(self, target: Layer, source: Layer, channels: range) -> tuple[np.ndarray, np.ndarray]:
        """Sweep magnitudes and absolute sums of the expanded weights into some units, as arrays (units, sources)."""
        swept = [weights[source] for _, weights in sweep(self._network, target, channels, [source])]
        magnitude, total = (torch.cat([getattr(part, name) for part in swept]) for name in ("magnitude", "sum"))
        return magnitude.double().numpy(), total.double().abs().numpy()

    def _block(self, layer: Layer) -> Any:
        return self._network.visual.get_submodule(layer.module.rpartition(".")[0])


def _scale(norm: Any) -> Tensor:
    """Compute batch norm's gamma over its standard deviation."""
    scale: Tensor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale
