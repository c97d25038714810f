"""Sweepers, which sweep shards: this process or, in `cluster`, the machines of a Ray cluster."""

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from tqdm import tqdm

from extract.expansion.plan import Shard
from extract.expansion.precision import check, deviations
from extract.expansion.rows import Dense, rows
from extract.folder.manifest import CARD, PROCESSOR, THREADS, Deviation, Precision
from extract.network.network import Network
from extract.units import Layer

_TOOLS = ("open_clip_torch", "numpy", "pyarrow", "safetensors")
Bar: TypeAlias = "tqdm[Any]"


class Swept(NamedTuple):
    """A swept shard: its rows keyed by target, and the `processor` that computed them.

    Whoever stores the rows takes them out of the dictionary.
    """

    shard: Shard
    rows: dict[Layer, Dense]
    processor: Mapping[str, str]


class Sweeper(Protocol):
    """Sweeps shards in any order, and holds the network for everything else that this process computes."""

    network: Network
    tools: Mapping[str, str]  # what `tools` returns where shards are swept

    def sweep(self, shards: Sequence[Shard], bar: Bar) -> Iterator[Swept]:
        """Sweep shards, and show on a bar how many units are swept. Raises ExtractionError if weights overflow."""

    def deviations(self, shards: Sequence[Shard]) -> tuple[Deviation, ...]:
        """Measure how far the precision is from float32 on a sample of these shards."""


class ThisProcess:
    """Sweeps shards in this process, one after the other, with at most `at_once` batches of channels in parallel.

    Raises WeightsError for TF32 on a processor.
    """

    def __init__(self, network: Network, precision: Precision = "float32", at_once: int | None = None) -> None:
        check(precision, network.device)
        self.network: Network = network
        self.tools: Mapping[str, str] = tools(network.device)
        self._precision, self._at_once = precision, at_once

    def sweep(self, shards: Sequence[Shard], bar: Bar) -> Iterator[Swept]:
        """Sweep shards in their order."""
        for shard in shards:
            describe(bar, shard)
            yield Swept(shard, rows(self.network, shard, bar.update, self._precision, self._at_once), processor())

    def deviations(self, shards: Sequence[Shard]) -> tuple[Deviation, ...]:
        """Measure how far the precision is from float32 on a sample of these shards."""
        return deviations(self.network, shards, self._precision)


def describe(bar: Bar, shard: Shard) -> None:
    """Show on a bar which targets a shard has."""
    bar.set_description(" to ".join(["target " + str(shard.targets[0]), *map(str, shard.targets[1:][-1:])]))


def tools(device: torch.device) -> dict[str, str]:
    """Return the tools that an extraction must be finished with: versions, and the card if it computes the weights."""
    versions = {"torch": str(torch.__version__)} | {name: version(name) for name in _TOOLS}
    return versions | ({CARD: torch.cuda.get_device_name(device)} if device.type == "cuda" else {})


def processor() -> dict[str, str]:
    """Return the kind of processor here and its threads, which may decide the order of additions and so rounding."""
    instructions = torch.backends.cpu.get_cpu_capability()
    return {PROCESSOR: f"{_model()} ({instructions})", THREADS: str(torch.get_num_threads())}


def _model() -> str:
    """Return the processor's name as the system gives it, or else its architecture."""
    cpus = Path("/proc/cpuinfo")  # Linux
    name = re.search(r"^model name\s*:\s*(.+)$", cpus.read_text(), re.MULTILINE) if cpus.exists() else None
    return name[1].strip() if name else platform.processor() or platform.machine()
