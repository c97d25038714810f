"""How often a text written over a picture changes the demo network's answer, and to what the text says.

Prints one table, over pictures of the demo's probes drawn at random:

    python tests/benchmarks/attack.py [--pictures 200] [--seed 0]

The text is the name of another concept drawn at random, or as a control as many random letters. It is written in the
article's lettering four times over, once and large, and once and large on a plate. The columns are over the pictures
named right before (the first line says how many): the share that is named otherwise after, the share named as what is
written, and the mean probability of what is written.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import torch
from PIL.Image import Image

from extract.network.text import zero_shot
from extract.network.weights import load_network
from extract.probes.control_strings import letter_strings
from extract.probes.rasterised_words import ARTICLE, ATTACK, LARGE, Lettering, overlay
from extract.probes.table import images, read

LETTERINGS = {  # each with its place, as shares of the side; a plate is an outline that hides most of the picture
    "article's, four times": (ATTACK, None),
    "article's, black on white": (ARTICLE, None),
    "large, white": (replace(LARGE, ink="white", outline="black"), (0.05, 0.3)),
    "large, black": (LARGE, (0.05, 0.3)),
    "large, on a narrow plate": (replace(LARGE, stroke=24), (0.05, 0.3)),
    "large, on a wide plate": (replace(LARGE, stroke=60), (0.05, 0.3)),
}


def attacked(
    pictures: Sequence[Image], texts: Sequence[str], lettering: Lettering, place: tuple[float, float] | None
) -> list[Image]:
    return [
        overlay(picture, text, lettering, place and [(place[0] * picture.width, place[1] * picture.height)])
        for picture, text in zip(pictures, texts, strict=True)
    ]


def controls(texts: Sequence[str], concepts: Sequence[str], seed: int) -> list[str]:
    """Return for each text a string of as many letters that is no concept's name."""
    lengths = {len(text): sum(len(other) == len(text) for other in texts) for text in texts}
    drawn = {length: list(some) for length, some in letter_strings(lengths, concepts, seed).items()}
    return [drawn[len(text)].pop() for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    network, generator = load_network("demo"), np.random.default_rng(options.seed)
    probes = read().filter(pc.field("modality") == "picture")
    concepts = sorted({str(concept) for concept in probes["concept"].to_pylist()})
    probes = probes.take(generator.choice(probes.num_rows, options.pictures, replace=False))
    pictures = list(images(probes))
    own = np.array([concepts.index(str(concept)) for concept in probes["concept"].to_pylist()])
    other = (own + generator.integers(1, len(concepts), len(own))) % len(concepts)
    right = zero_shot(network, pictures, concepts).argmax(axis=1) == own
    print(f"{right.mean():.1%} of {len(own)} pictures are named right among {len(concepts)} concepts")
    print(f"torch {torch.__version__}, seed {options.seed}")
    print(f"{'':27} concept:  changed  to the word  its probability    letters:  changed")
    names = [concepts[i] for i in other]
    for name, (lettering, place) in LETTERINGS.items():
        word, letters = (
            zero_shot(network, attacked(pictures, texts, lettering, place), concepts)[right]
            for texts in (names, controls(names, concepts, options.seed))
        )
        changed, random = ((found.argmax(axis=1) != own[right]).mean() for found in (word, letters))
        to_word, probability = (word.argmax(axis=1) == other[right]).mean(), word[np.arange(len(word)), other[right]]
        print(f"{name:35} {changed:9.1%} {to_word:12.1%} {probability.mean():16.1%} {random:19.1%}")


if __name__ == "__main__":
    main()
