"""How far the demo's expanded weights foretell what units do to one another, by the number of layers between them.

Prints one table, two lines a layer pair:

    python tests/benchmarks/calibration.py [--images 128] [--edges 600] [--seed 0]

The first pair has no ReLU between its layers, so there the correlations must be one; then come pairs at growing depth.
`Agreement` says what the columns are. The last one is Spearman's correlation of the slopes with those on as many other
images, which no prediction can be expected to exceed by much.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from scipy.stats import spearmanr

from extract.ablation.calibration import ChosenEdges, agreements, calibrate, measure, pairs
from extract.demo import PROBES
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.sample import random_sample
from extract.probes.sources import source
from extract.units import Layer
from tests.builders.extractions import without_edges


def again(network: Network, table: dict[str, list[int]], pair: tuple[Layer, Layer], images: list[Image]) -> np.ndarray:
    """Measure the slopes of the same edges on other images."""
    edges = ChosenEdges(np.array(table["source_channel"]), np.array(table["target_channel"]), 0)
    with torch.inference_mode():
        return measure(network, *pair, images, edges, progress=False)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--edges", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    network = load_network("demo")
    both = list(random_sample(source(PROBES), 2 * options.images, options.seed).values())
    np.random.default_rng(options.seed).shuffle(both)
    images, others = both[: options.images], both[options.images :]
    print(f"torch {torch.__version__}, {options.images} images, {options.edges} edges a pair, seed {options.seed}")
    print("layers            edges      measured  left out  rho of means  zero  magnitudes  signs agree  other images")
    with tempfile.TemporaryDirectory() as folder:
        extraction = without_edges(network, Path(folder) / "x")
        final = network.architecture.final
        linear = Layer(final.stage, final.block, 3), Layer(final.stage, final.block, 5)
        for pair in (linear, *pairs(network.architecture)):
            table = calibrate(network, extraction, *pair, images, options.edges, options.seed, progress=False)
            slopes, repeated = table["slope"].to_numpy(), again(network, table.to_pydict(), pair, others)
            for told in agreements(table):
                known = np.array(table["chosen"]) == told.chosen
                known &= ~np.isnan(slopes) & ~np.isnan(repeated)
                stable = spearmanr(slopes[known], repeated[known]).statistic
                print(
                    f"{told.source} to {told.target}    {told.chosen:9} {told.n:9} {told.left_out:9} "
                    f"{told.means:13.2f} {told.zeros:5.2f} {told.magnitudes:11.2f} {told.signs:12.0%} {stable:13.2f}"
                )


if __name__ == "__main__":
    main()
