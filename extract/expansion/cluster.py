"""Sweep shards on a Ray cluster: every shard is a task, and this process writes the folder.

A shard is a group of target layers, or a run of their channels, that is swept as one piece of work. The network's
vision tower goes through Ray's object store once to every machine, so the machines need no shared file. A worker
process loads the tower for its first shard and keeps it. A shard whose worker or machine is lost is swept again
elsewhere. The number of shards under way is limited, so that their rows fit into half of the object store.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from platform import node
from typing import Any

import torch

from extract.errors import CircuitsError, ExtractionError, WeightsError
from extract.expansion.plan import Shard, rows_size, sweep_memory
from extract.expansion.precision import check, deviations
from extract.expansion.rows import rows
from extract.expansion.sweepers import Bar, Swept, describe, processor, tools
from extract.folder.manifest import CARD, Deviation, Precision
from extract.network.network import Network

# Ray would pack up the folder where `uv run` was called, and have every machine install from it.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ModuleNotFoundError as error:
    raise ExtractionError(
        f"Extraction on several machines needs Ray, which is not installed here ({error}). "
        "Install it: pip install 'clip-circuits[ray]'"
    ) from error

LOCAL = "local"  # stands for a cluster of only this machine, which is started and ended with the run
_ADDRESS = re.compile(r"local|(ray://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d+")
_STARTING = 120_000  # milliseconds that Ray's own processes may take on a busy machine
_REACHED = 10  # seconds in which the head of a cluster answers
RETRIES = 3  # of a shard whose worker was lost
_LOOK = 60  # seconds without a result, after which the machines are checked again
_PROCESS = 2**30  # bytes of a process that has loaded torch


@dataclass(frozen=True)
class Work:
    """What every task needs.

    Ray resolves no reference inside a record, so a worker loads the network itself and can keep it.
    """

    network: Any  # ObjectRef of a Network
    device: str
    threads: int
    precision: Precision
    tools: Mapping[str, str]


class Cluster:
    """Sweeps shards in tasks that each take `threads` threads, and one GPU where the `device` is `cuda`."""

    def __init__(self, network: Network, device: str, threads: int, precision: Precision = "float32") -> None:
        self.network, self._device, self._threads = network, device, threads
        if self._device not in ("cpu", "cuda"):
            raise WeightsError(f"Tasks of a cluster compute on cpu or cuda, not on {device!r}. Choose one of these.")
        check(precision, torch.device(self._device))
        self._precision, self._tower = precision, _vision_tower(network)
        self.tools: Mapping[str, str] = _result(self._remote(tools_there, self._process_memory).remote(self._device))
        _refuse_other_tools(tools(torch.device("cpu")), {**self.tools, CARD: ""})  # the folder is written here

    def sweep(self, shards: Sequence[Shard], bar: Bar) -> Iterator[Swept]:
        """Sweep shards in parallel, and yield each one as soon as it is done.

        Raises ExtractionError if weights overflow, if a shard's worker is lost again and again, if no machine has room
        for a task, or if a machine has other tools or cards than the first one.
        """
        if not shards:
            return
        shape = self.network.architecture
        threads = self._threads if self._device == "cpu" else 1
        memory = self._process_memory + max(
            rows_size(shape, shard) + sweep_memory(shape, shard, threads)  # rows twice, because they are sent
            for shard in shards
        )
        task, ahead = (
            self._remote(sweep_there, memory),
            self._ahead(memory, max(rows_size(shape, shard) for shard in shards)),
        )
        work = self._work()
        waiting, under_way = iter(shards), dict[Any, Shard]()
        try:
            while True:
                for shard in islice(waiting, ahead - len(under_way)):
                    under_way[task.remote(work, shard)] = shard
                if not under_way:
                    return
                if not (ready := ray.wait(list(under_way), timeout=_LOOK)[0]):
                    self._refuse_no_place(memory)  # the machine that had room may be gone
                    continue
                shard = under_way.pop(ready[0])
                swept = _result(ready[0])
                describe(bar, shard)
                bar.update(len(shard.targets) * len(shard.channels))
                yield swept
        finally:
            for left in under_way:
                ray.cancel(left)

    def deviations(self, shards: Sequence[Shard]) -> tuple[Deviation, ...]:
        """Measure how far the precision is from float32 on a sample of these shards. Raises the errors of `sweep`."""
        task = self._remote(deviations_there, self._process_memory)
        measured: tuple[Deviation, ...] = _result(task.remote(self._work(), shards))
        return measured

    def _work(self) -> "Work":
        return Work(ray.put(self._tower), self._device, self._threads, self._precision, self.tools)

    @property
    def _process_memory(self) -> int:
        tower: int = sum(value.nbytes for value in self._tower.visual.state_dict().values())
        return _PROCESS + 3 * tower  # in the object store, loaded, and linearised

    def _remote(self, function: Callable[..., Any], memory: int) -> Any:
        """Return the function as a task; ExtractionError if no machine could take the task."""
        self._refuse_no_place(memory)
        task = ray.remote(  # without max_calls, a process that used a GPU would end with its first task
            num_cpus=self._threads,
            num_gpus=int(self._device == "cuda"),
            memory=memory,
            max_retries=RETRIES,
            max_calls=0,
        )
        remote: Any = task(function)
        return remote

    def _refuse_no_place(self, memory: int) -> None:
        """Raise ExtractionError if no machine could take a task that needs `memory` bytes."""
        if not self._places(memory):
            card = " and a GPU" if self._device == "cuda" else ""
            raise ExtractionError(
                f"No machine of the cluster has {self._threads} processors, {memory / 2**30:.1f} GiB of memory{card} "
                "for a task. Start Ray on one that has, or ask for fewer threads or less memory."
            )

    def _places(self, memory: int) -> int:
        """Count the tasks that the machines can take in parallel, each with `memory` bytes."""
        wanted = {"CPU": self._threads, "memory": memory} | ({"GPU": 1} if self._device == "cuda" else {})
        return sum(min(int(has.get(name, 0) // amount) for name, amount in wanted.items()) for has in _machines())

    def _ahead(self, memory: int, rows_size: int) -> int:
        """Return how many shards may be under way or wait to be written.

        That is two for each task that the machines can take, or fewer if half of the object store cannot hold their
        rows.
        """
        store = sum(has.get("object_store_memory", 0) for has in _machines())
        return max(1, min(2 * self._places(memory), int(store // (2 * rows_size))))


@contextmanager
def joined(
    network: Network, address: str, device: str, threads: int, precision: Precision = "float32"
) -> Iterator[Cluster]:
    """Join the cluster at an address, or with the address `local` start Ray here until the context ends.

    Meanwhile this process computes with as many threads as a task. If the process has joined a cluster before, that
    cluster is used and stays joined. Raises ExtractionError if there is no cluster at the address.
    """
    before, was_there = torch.get_num_threads(), ray.is_initialized()
    if not _ADDRESS.fullmatch(address):
        raise ExtractionError(
            f"{address!r} is not an address of Ray. Name the HOST:PORT that `ray start --head` prints, or local to "
            "start Ray here."
        )
    if not was_there:
        _start(address)
    try:
        torch.set_num_threads(threads)
        yield Cluster(network, device, threads, precision)
    finally:
        torch.set_num_threads(before)
        if not was_there:
            ray.shutdown()


def _start(address: str) -> None:
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "error"}
    if address != LOCAL:
        _refuse_unreachable(address)
    else:
        patience = {"agent_register_timeout_ms": _STARTING}
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "_system_config": patience}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises one kind for each of its parts, some of them Exception itself
        ray.shutdown()
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ExtractionError(
            f"Ray at {address!r} cannot be used ({reason}). Check that all machines have the same versions of Python "
            "and Ray, the cluster's token, and RAY_AUTH_MODE=token. If Ray does not start here, try again when the "
            "machine is less busy."
        ) from error


def _refuse_unreachable(address: str) -> None:
    """Raise ExtractionError if nothing listens at HOST:PORT, because Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACHED).close()
    except (OSError, OverflowError) as error:
        raise ExtractionError(
            f"No Ray answers at {address!r} ({error}). Start its head with `ray start --head` and name the address "
            "that it prints, or name local to start Ray here."
        ) from error


def _machines() -> list[dict[str, float]]:
    """Return what each machine that is alive has: CPU, GPU, and bytes of memory and object_store_memory."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in nodes if node["Alive"]]


def _vision_tower(network: Network) -> Network:
    """Return the network without its text tower, which no shard uses."""
    clip = copy(network.clip)
    clip._modules, clip._parameters = {"visual": network.visual}, {}
    return replace(network, clip=clip, has_text=False)


def _result(task: Any) -> Any:
    """Return the result of a task. Raises the task's own error, or ExtractionError if Ray lost its workers."""
    try:
        return ray.get(task)
    except RayTaskError as error:
        if isinstance(error.cause, CircuitsError):
            raise error.cause from error
        raise
    except RayError as error:
        raise ExtractionError(
            f"The worker that computed a shard was lost {RETRIES + 1} times ({str(error).splitlines()[0]}). Usually a "
            "machine has too little memory. Allow each task less memory, or more threads so that fewer tasks run at "
            "once. Then repeat this: it resumes where it stopped."
        ) from error


def tools_there(device: str) -> dict[str, str]:
    """Return the tools of the machine on which this task runs."""
    return tools(torch.device(device))


def sweep_there(work: Work, shard: Shard) -> Swept:
    """Sweep a shard within a task. Raises ExtractionError if the machine's tools differ from those of `work`."""
    network = _loaded(work)
    return Swept(shard, rows(network, shard, lambda _: None, work.precision), processor())


def deviations_there(work: Work, shards: Sequence[Shard]) -> tuple[Deviation, ...]:
    """Measure within a task how far the work's precision is from float32. Raises the errors of `sweep_there`."""
    return deviations(_loaded(work), shards, work.precision)


def _loaded(work: Work) -> Network:
    """Return the network on the worker's device, after setting the threads and checking the tools that `work` names."""
    torch.set_num_threads(work.threads)
    _refuse_other_tools(tools(torch.device(work.device)), work.tools)
    return _kept(work.network, work.device)


def _refuse_other_tools(here: Mapping[str, str], first: Mapping[str, str]) -> None:
    """Raise ExtractionError if this machine's tools differ from those of the first worker."""
    others = sorted(f"{name} {here.get(name)}" for name, value in first.items() if value and here.get(name) != value)
    if others:
        versions = ", ".join(f"{name} {value}" for name, value in first.items() if value)
        raise ExtractionError(
            f"The machines of the cluster differ: {node()} has {' and '.join(others)}, and the first had {versions}. "
            "Install the same versions on all, and use cards of one kind."
        )


@lru_cache(maxsize=1)
def _kept(network: Any, device: str) -> Network:
    """Load the network on a device, once per worker process, and keep it from task to task."""
    loaded: Network = ray.get(network)
    return loaded.on(device)
