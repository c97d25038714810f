"""What an extraction was forecast to take, and what it took: seconds, bytes on disk, memory, edges kept.

    python -m tests.benchmarks.atlas demo                     # every layer
    python -m tests.benchmarks.atlas RN50 --targets "4/*"
    python -m tests.benchmarks.atlas RN50 --pretrained openai

The folder is thrown away unless --output names it. Memory is the most that the process held, the network included.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from extract.expansion.atlas import extract
from extract.expansion.forecast import Forecast, resident
from extract.folder.extraction import Extraction
from extract.network.weights import load_network


def fact(extraction: Extraction, seconds: float) -> dict[str, float]:
    kept = sum(table["kept"].to_numpy().sum() for table in extraction.parts("sweeps"))
    size = sum(file.size for file in extraction.manifest.files.values())
    return {"seconds": seconds, "GB on disk": size / 1e9, "GB of memory": resident() / 1e9, "million edges": kept / 1e6}


def forecasts(forecast: Forecast) -> dict[str, float]:
    sizes = {"GB on disk": forecast.size / 1e9, "GB of memory": forecast.memory / 1e9}
    return {"seconds": forecast.seconds} | sizes | {"million edges": forecast.edges / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--pretrained")
    parser.add_argument("--targets", nargs="*")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--memory", type=float, default=2, help="GiB")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    network = load_network(arguments.name, arguments.pretrained)
    with TemporaryDirectory() as place:
        announced, path = list[tuple[Forecast, float, float]](), arguments.output or Path(place) / "x.extraction"
        extraction = extract(
            network,
            path,
            arguments.targets,
            memory=int(arguments.memory * 2**30),
            device=arguments.device,
            precision=arguments.precision,
            announce=lambda forecast: announced.append((forecast, time.perf_counter(), time.process_time())),
        )
        if not announced:
            sys.exit(f"{path} is finished: there was nothing to forecast. Name another folder.")
        (forecast, wall, cpu), end = announced[0], time.perf_counter()
        place = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else "no card"
        print(f"{arguments.name} into {arguments.targets or 'every layer'}: {forecast}")
        print(f"{torch.get_num_threads()} threads, {place}, {arguments.precision}")
        print(f"CPU seconds {time.process_time() - cpu:.0f}")
        print(f"{'':16} forecast    fact  fact / forecast")
        for name, value in fact(extraction, end - wall).items():
            print(f"{name:16} {forecasts(forecast)[name]:8.2f} {value:7.2f} {value / forecasts(forecast)[name]:16.2f}")


if __name__ == "__main__":
    main()
