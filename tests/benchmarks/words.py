"""How fast words are shown, and whether a word finds the units of its picture, on the demo network.

Prints two tables, measured in one run:

    python tests/benchmarks/words.py [--rounds 5] [--words 512]

Speed: the word pass (rasterise, preprocess, forward pass, means of the last stage's branches and sums) against the bare
forward pass on images made before. They take turns, and the best turn of each is printed. On a busy machine compare CPU
times.

Finding: the share of trained concepts whose word and picture have a unit in common among the top ten of each. The word
is rendered in a font never trained on, and its top ten are those of the largest channel difference. The picture's top
ten are those of the mean over its drawings minus the mean over all pictures. By chance: the same share over all pairs
of a word and a picture of different concepts.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from extract.network.network import Network
from extract.network.preprocessing import BATCH, stack
from extract.network.weights import load_network
from extract.probes.rasterised_words import rasterise, usual_lettering
from extract.probes.table import images, read
from extract.probes.word_lists import most_common
from extract.recording.channel_means import channel_means
from extract.units import Layer

TOP = 10
FONT = "nunito"  # never trained on
Timing = tuple[float, float]  # seconds: wall, CPU


def last_stage(network: Network) -> list[Layer]:
    return [layer for layer in network.architecture.layers if layer.stage == 4 and layer.index > 3]


def timed(run: Callable[[], object]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def speed(network: Network, words: tuple[str, ...], rounds: int) -> dict[str, Timing]:
    side, layers = network.architecture.image_size, last_stage(network)
    lettering = usual_lettering(side)
    made = list(stack((rasterise(word, side, lettering) for word in words), network.preprocess, BATCH))

    @torch.inference_mode()
    def bare() -> None:
        for some in made:
            network.visual(some)

    def word_pass() -> None:
        channel_means(network, (rasterise(word, side, lettering) for word in words), layers)

    runs = {"bare forward pass": bare, "word pass": word_pass}
    turns: dict[str, list[Timing]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            turns[name].append(timed(run))
    return {name: (min(wall for wall, _ in some), min(cpu for _, cpu in some)) for name, some in turns.items()}


def by_concept(network: Network, probes: pa.Table, layers: list[Layer]) -> dict[Layer, np.ndarray]:
    """Compute every concept's mean activations over its probes, concepts in order: (concepts, channels) a layer."""
    concepts = np.array(probes["concept"].to_pylist())
    found = channel_means(network, images(probes), layers)
    return {
        layer: np.stack([values[concepts == concept].mean(axis=0) for concept in np.unique(concepts)])
        for layer, values in found.items()
    }


def top(values: np.ndarray) -> np.ndarray:
    """Return which channels are among the highest of each row: bool (rows, channels)."""
    chosen = np.zeros(values.shape, bool)
    np.put_along_axis(chosen, np.argsort(-values, axis=1)[:, :TOP], True, axis=1)
    return chosen


def shares(word: np.ndarray, baseline: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """Return the share of word-picture pairs with a common top unit, for pairs of one concept and of two concepts."""
    driven = top(picture - picture.mean(axis=0))
    common = top(word - baseline).astype(int) @ driven.T.astype(int) > 0  # (concepts of words, of pictures)
    own = np.eye(len(common), dtype=bool)
    return float(common[own].mean()), float(common[~own].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--words", type=int, default=512)
    options = parser.parse_args()
    network, probes = load_network("demo"), read()
    layers = last_stage(network)
    print(f"{torch.get_num_threads()} threads, {options.words} words, {network.architecture.image_size} pixels")
    print(f"{'':20} images/s  images/s of CPU")
    for name, (wall, cpu) in speed(network, most_common(options.words), options.rounds).items():
        print(f"{name:20} {options.words / wall:8.0f} {options.words / cpu:16.0f}")
    written = probes.filter(pc.field("source") == FONT)
    word = by_concept(network, written, layers)
    picture = by_concept(network, probes.filter(pc.field("modality") == "picture"), layers)
    side = network.architecture.image_size
    eeeeee = channel_means(network, [rasterise("eeeeee", side, usual_lettering(side))], layers)
    print(f"\n{written.num_rows} words in {FONT}, top {TOP}:  over the mean word       over eeeeee")
    print(f"{'layer':12} units        found by chance    found by chance")
    for layer in layers:
        pairs = [shares(word[layer], base, picture[layer]) for base in (word[layer].mean(axis=0), eeeeee[layer])]
        print(f"{layer!s:12} {word[layer].shape[1]:5}", *(f"{own:13.1%} {chance:9.1%}" for own, chance in pairs))


if __name__ == "__main__":
    main()
