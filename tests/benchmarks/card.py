"""A graphics card against autograd on the same card: RN50's 4/2/5 from all 47 source layers, statistics included.

Prints milliseconds a unit and the largest relative error of a source's magnitudes against autograd in float64; then the
seconds of whole extractions, files written. Autograd's convolutions round to TF32, torch's default; ours do not:

    python -m tests.benchmarks.card [--device cuda] [--units 16 64 256 1024] [--targets "4/*" "*"]
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from extract.expansion.atlas import extract
from extract.expansion.expanded_weights import sweep
from extract.network.network import Network
from extract.network.weights import load_network
from tests.benchmarks.sweep import TARGET, Autograd, Statistics, statistics

CHECKED = 16  # units whose statistics are compared with float64's


def batched(autograd: Autograd, channels: range) -> list[Statistics]:
    """The statistics of several units by one vectorised backward pass."""
    directions = torch.eye(len(autograd.units), device=autograd.units.device, dtype=autograd.units.dtype)
    kernels = torch.autograd.grad(
        autograd.units, autograd.below, directions[list(channels)], retain_graph=True, is_grads_batched=True
    )
    return [[statistics(kernel[place]) for kernel in kernels] for place in range(len(channels))]


def singly(autograd: Autograd, channels: range) -> list[Statistics]:
    return [autograd.together(channel) for channel in channels]


def swept(network: Network, units: int, dtype: torch.dtype, channels: range) -> list[Statistics]:
    batches = sweep(network, TARGET, channels, dtype=dtype, units=units)
    return [
        [(weights.magnitude[place], weights.sum[place]) for weights in by_source.values()]
        for batch, by_source in batches
        for place in range(len(batch))
    ]


def milliseconds(run: Callable[[range], object], units: int) -> float:
    """The best of three turns, a unit."""
    times = []
    for _ in range(4):  # the first warms up
        start = time.perf_counter()
        run(range(units))
        _finish()
        times.append(time.perf_counter() - start)
    return min(times[1:]) * 1e3 / units


def _finish() -> None:
    """Wait for the card, which computes while Python goes on."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def error(ours: Iterable[Statistics], exact: Iterable[Statistics]) -> float:
    return max(
        float((a[0].double() - b[0]).norm() / b[0].norm())
        for unit, true in zip(ours, exact, strict=True)
        for a, b in zip(unit, true, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--units", type=int, nargs="+", default=[16, 64, 256, 1024])
    parser.add_argument("--targets", nargs="*", default=["4/*"])
    arguments = parser.parse_args()
    network = load_network("RN50").on(arguments.device)
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "no card", torch.__version__, flush=True)
    compare(network, arguments.units)
    for targets in arguments.targets:
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            extraction = extract(load_network("RN50"), Path(folder) / "x", [targets], device=arguments.device)
            seconds, size = time.perf_counter() - start, sum(f.stat().st_size for f in extraction.path.rglob("*.*"))
            print(f"extract --targets '{targets}': {seconds:.0f} s, {size / 1e9:.2f} GB", flush=True)


def compare(network: Network, units: list[int]) -> None:
    visual = network.visual.double()
    exact = singly(Autograd(network, torch.contiguous_format), range(CHECKED))
    visual.float()
    plain, last = (Autograd(network, order) for order in (torch.contiguous_format, torch.channels_last))
    methods: dict[str, tuple[Callable[[range], list[Statistics]], int]] = {
        "one backward a unit": (partial(singly, plain), CHECKED),
        "one backward a unit, channels-last": (partial(singly, last), CHECKED),
        "vectorised backward of 16 units": (partial(batched, last), CHECKED),
    }
    for count in units:
        for dtype in (torch.float32, torch.bfloat16):
            name = f"sweep of {count} units, {str(dtype).removeprefix('torch.')}"
            methods[name] = partial(swept, network, count, dtype), max(count, CHECKED)
    print(f"{'a unit of 4/2/5, 47 sources':36}      ms   error", flush=True)
    for name, (run, count) in methods.items():
        spent = milliseconds(run, count)
        print(f"{name:36} {spent:7.2f} {error(run(range(CHECKED)), exact):7.1e}", flush=True)


if __name__ == "__main__":
    main()
