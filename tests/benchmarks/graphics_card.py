"""The sweep against autograd on one graphics card: RN50's 4/2/5 from all 47 source layers, statistics included.

Prints milliseconds a unit and the largest relative error of a source's magnitudes against autograd in float64:

    python -m tests.benchmarks.graphics_card [--device cuda] [--units 16 64 256 1024]

Autograd's convolutions round to TF32, which is torch's default; the sweep's do so where the table says tf32. Whole
extractions are timed by `python -m tests.benchmarks.atlas RN50 --device cuda`.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch

from extract.expansion.expanded_weights import sweep_together
from extract.expansion.precision import dtype
from extract.expansion.sweep_statistics import Weights
from extract.folder.manifest import Precision
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer
from tests.benchmarks.sweep import TARGET, Autograd, Statistics, statistics

PRECISIONS: tuple[Precision, ...] = ("float32", "tf32", "bfloat16")
CHECKED = 16  # units whose statistics are compared with float64's


def batched(autograd: Autograd, channels: range) -> list[Statistics]:
    """Compute the statistics of several units by one vectorised backward pass."""
    directions = torch.eye(len(autograd.units), device=autograd.units.device, dtype=autograd.units.dtype)
    kernels = torch.autograd.grad(
        autograd.units, autograd.below, directions[list(channels)], retain_graph=True, is_grads_batched=True
    )
    return [[statistics(kernel[place]) for kernel in kernels] for place in range(len(channels))]


def singly(autograd: Autograd, channels: range) -> list[Statistics]:
    return [autograd.together(channel) for channel in channels]


def swept(network: Network, units: int, precision: Precision, channels: range) -> list[dict[Layer, Weights]]:
    """Compute the statistics of units, a batch at a time; those of a batch are keyed by source."""
    lower, tf32 = dtype(precision), precision == "tf32"
    batches = sweep_together(network, [TARGET], channels, dtype=lower, units=units, tf32=tf32)
    return [by_target[TARGET] for _, by_target in batches]


def by_unit(batches: list[dict[Layer, Weights]]) -> list[Statistics]:
    return [
        [(weights.magnitude[place], weights.sum[place]) for weights in by_source.values()]
        for by_source in batches
        for place in range(len(next(iter(by_source.values())).sum))
    ]


def milliseconds(run: Callable[[range], object], units: int) -> float:
    """Return the milliseconds that a unit takes in the best of three turns."""
    times = []
    for _ in range(4):  # the first warms up
        start = time.perf_counter()
        run(range(units))
        _finish()
        times.append(time.perf_counter() - start)
    return min(times[1:]) * 1e3 / units


def _finish() -> None:
    """Wait for the card, which still computes while Python runs on."""
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
    arguments = parser.parse_args()
    network = load_network("RN50").on(arguments.device)
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "no card", torch.__version__, flush=True)
    compare(network, arguments.units)


class Method(NamedTuple):
    run: Callable[[range], Any]
    units: int  # that are timed
    read: Callable[[Any], list[Statistics]] = list


def methods(network: Network, units: list[int]) -> dict[str, Method]:
    plain, last = (Autograd(network, order) for order in (torch.contiguous_format, torch.channels_last))
    return {
        "one backward a unit": Method(partial(singly, plain), CHECKED),
        "one backward a unit, channels-last": Method(partial(singly, last), CHECKED),
        "vectorised backward of 16 units": Method(partial(batched, last), CHECKED),
    } | {
        f"sweep of {count} units, {precision}": Method(partial(swept, network, count, precision), count, by_unit)
        for count in units
        for precision in PRECISIONS
    }


def compare(network: Network, units: list[int]) -> None:
    visual = network.visual.double()
    exact = singly(Autograd(network, torch.contiguous_format), range(CHECKED))
    visual.float()
    print(f"{'a unit of 4/2/5, 47 sources':36}      ms   error", flush=True)
    for name, method in methods(network, units).items():
        spent = milliseconds(method.run, method.units)
        print(f"{name:36} {spent:7.2f} {error(method.read(method.run(range(CHECKED))), exact):7.1e}", flush=True)


if __name__ == "__main__":
    main()
