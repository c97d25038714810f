"""How exact the decomposition of the embedding is, and how well it foretells what an ablation changes.

Prints one table, two lines a network:

    python tests/benchmarks/decomposition.py [--images 32] [--units 20] [--seed 0]

The relative error is that of all terms added up, against the embedding as the network gives it. Then the conv branch of
one unit at a time, of the final units that are most active, is replaced by its mean over the images. The true change of
the embedding, before it is normalised, is compared with two predictions: one holds the attention as it is, the other
holds both the attention and the ReLU's gates, which is all that the decomposition's terms know. Printed are the median
and least cosine between true and predicted change and the median ratio of their lengths, over units and images that
change. Both networks see the demo's probes; RN50 has random weights.
"""

import argparse

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from extract.demo import PROBES
from extract.network.attention_pool import Decomposition, decompose
from extract.network.hooks import replace_part, watch_branches
from extract.network.network import Network
from extract.network.parts import SumBranch
from extract.network.preprocessing import stack
from extract.network.weights import load_network
from extract.probes.sample import random_sample
from extract.probes.sources import source
from extract.units import Unit


def carried(found: Decomposition, unit: int, change: Tensor) -> Tensor:
    """Return what the attention, held as it is, makes of a change of one unit's map (images, h, w): (images, E)."""
    flat = change.flatten(1)  # (images, positions)
    pooled = found.attention @ torch.cat([flat.mean(1, keepdim=True), flat], 1)[:, :, None]  # (images, heads, 1)
    return torch.einsum("iho,hd,ehd->ie", pooled, found.value[:, :, unit], found.output)


def changes(network: Network, pixels: Tensor, found: Decomposition, unit: int, maps: dict[str, Tensor]) -> list[Tensor]:
    """Compute the true change of the embedding without a unit's conv branch, and both predictions: (images, E) each."""
    conv, shortcut = maps["conv"][:, unit], maps["shortcut"][:, unit]  # (images, h, w) each
    before, instead = conv + shortcut, conv.mean() + shortcut
    part = SumBranch(Unit(network.architecture.final, unit), "conv")
    with replace_part(network.visual, part, lambda own: own.mean().expand_as(own)):
        true = network.visual(pixels) - maps["embedding"]
    held = carried(found, unit, instead.relu() - before.relu())
    return [true, held, carried(found, unit, (instead - before) * (before > 0))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--units", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {options.images} images, {options.units} units, seed {options.seed}")
    print(f"{'':16} relative error   held                 cosine: median      least   length")
    for name in ("demo", "RN50"):
        network, maps = load_network(name), dict[str, Tensor]()
        pictures = random_sample(source(PROBES), options.images, options.seed).values()
        pixels = next(stack(pictures, network.preprocess, options.images))  # (images, 3, side, side)
        with torch.inference_mode():
            with watch_branches(network.visual, network.architecture.final, maps.__setitem__):
                embedding = maps["embedding"] = network.visual(pixels)
            found = decompose(network, pixels)
            error = float(((found.embedding - embedding).norm(dim=1) / embedding.norm(dim=1)).max())
            active = (maps["conv"] + maps["shortcut"]).relu().mean((0, 2, 3)).topk(options.units).indices.tolist()
            runs = [changes(network, pixels, found, unit, maps) for unit in active]
        for place, held in enumerate(("attention", "attention and gates"), start=1):
            true, foretold = (torch.cat([run[which] for run in runs]) for which in (0, place))
            some = true.norm(dim=1) > 1e-5 * embedding.norm(dim=1).mean()
            cosines = F.cosine_similarity(true[some], foretold[some]).numpy()
            length = float((foretold[some].norm(dim=1) / true[some].norm(dim=1)).median())
            numbers = f"{np.median(cosines):13.5f} {cosines.min():10.5f} {length:8.3f}"
            print(f"{network.model:16} {error:14.1e}   {held:21} {numbers}")


if __name__ == "__main__":
    main()
