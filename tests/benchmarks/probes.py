"""How fast probes are shown, against the bare forward pass, and whether memory grows with their number.

Prints two tables, the first measured in one run:

    python tests/benchmarks/probes.py [--network demo RN50] [--images 256] [--rounds 3] [--size 400 300]
    python tests/benchmarks/probes.py --memory 1000 10000 100000

Speed: the probe pass (read JPEG files of this size, decode, cut, forward pass, statistics of all layers, files written)
against the bare forward pass of the same network on batches made before. There are two bare passes: as torch runs it,
and with freed memory kept, as in the probe pass. All take turns, and the best turn of each is printed. Random weights
take as long as trained ones. On a busy machine compare CPU times.

Memory: the peak of a process of its own, which shows so many synthetic images to a network of 1.2 million parameters
and makes all tables from them. The images have 64 x 64 pixels and are made as they are asked for.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from extract.enrichment.pipeline import measure
from extract.network.network import Network
from extract.network.preprocessing import BATCH
from extract.network.weights import load_network
from extract.probes.picture_folder import PictureFolder
from extract.probes.probe import Probe
from extract.read_report import LeftOut
from extract.recording.recording import keep_freed_memory, record
from tests.builders.extractions import without_edges

SMALL = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 2], "width": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1},
}
Timing = tuple[float, float]  # seconds: wall, CPU


class Synthetic:
    """A number of small images, each made when it is asked for: noise in the colours of ten concepts."""

    forgiving = False

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def digest(self) -> str:
        return hashlib.sha256(str(self.count).encode()).hexdigest()

    def left_out(self) -> Iterable[LeftOut]:
        return ()

    def __iter__(self) -> Iterator[Probe]:
        for n in range(self.count):
            split = ("discovery", "held-out")[n // 10 % 2]
            yield Probe(str(n), "picture", str(n % 10), "synthetic", split, False, partial(picture, n))


def picture(n: int, size: tuple[int, int] = (64, 64), form: str = "bmp") -> bytes:
    rng = np.random.default_rng(n)
    pixels = rng.integers(0, 128, (8, 8, 3)) + np.random.default_rng(n % 10).integers(0, 128, 3)
    stream = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).save(stream, form)
    return stream.getvalue()


def timed(run: Callable[[], object]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def speed(network: Network, folder: Path, rounds: int) -> dict[str, Timing]:
    layers, source = list(network.architecture.layers), PictureFolder.at(folder)
    cuts = [network.cut(Image.open(BytesIO(probe.load())).convert("RGB")) for probe in source]
    made = [network.normalise(cuts[first : first + BATCH]) for first in range(0, len(cuts), BATCH)]

    @torch.inference_mode()
    def bare() -> None:
        for some in made:
            network.clip.encode_image(some)

    def probe_pass() -> None:
        with tempfile.TemporaryDirectory() as place:
            record(network, without_edges(network, Path(place) / "x"), source, layers, progress=False)

    passes = {"bare forward pass": (bare, False), "bare, memory kept": (bare, True), "probe pass": (probe_pass, True)}
    turns: dict[str, list[Timing]] = {name: [] for name in passes}
    for _ in range(rounds):
        for name, (run, keep) in passes.items():
            keep_freed_memory(keep)
            turns[name].append(timed(run))
    return {name: (min(wall for wall, _ in some), min(cpu for _, cpu in some)) for name, some in turns.items()}


def compare(names: list[str], images: int, rounds: int, size: tuple[int, int]) -> None:
    print(f"{torch.get_num_threads()} threads of torch, {images} images of {size[0]} x {size[1]}")
    print(f"{'':28} images/s  images/s of CPU")
    with tempfile.TemporaryDirectory() as place:
        for n in range(images):
            Path(place, f"{n:05}.jpg").write_bytes(picture(n, size, "jpeg"))
        for name in names:
            times = speed(load_network(name), Path(place), rounds)
            for what, (wall, cpu) in times.items():
                print(f"{name:7} {what:20} {images / wall:8.1f} {images / cpu:16.1f}")
            *bares, (whole, whole_cpu) = times.values()
            for what, (bare, bare_cpu) in zip(("of the bare pass", "of that, memory kept"), bares, strict=True):
                print(f"{name:7} {what:20} {bare / whole:8.0%} {bare_cpu / whole_cpu:16.0%}", flush=True)


def peak(images: int) -> None:
    """Show so many images in this process, and print its peak memory in MiB, before and after."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "small.json"
        file.write_text(json.dumps(SMALL))
        network = load_network(str(file))
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        measure(network, without_edges(network, Path(place) / "x"), Synthetic(images), progress=False)
        print(f"{start:.0f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def memory(counts: list[int]) -> None:
    print("images     MiB before   peak MiB   seconds")
    for count in counts:
        begun = time.perf_counter()
        command = [sys.executable, __file__, "--peak", str(count)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        before, after = said.split()
        print(f"{count:<10} {before:>10} {after:>10} {time.perf_counter() - begun:9.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", nargs="+", default=["demo", "RN50"])
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(400, 300))
    parser.add_argument("--memory", type=int, nargs="+")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.peak)
    elif options.memory:
        memory(options.memory)
    else:
        compare(options.network, options.images, options.rounds, tuple(options.size))


if __name__ == "__main__":
    main()
