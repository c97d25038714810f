"""Shards swept by Ray's workers, on a Ray started here: workers killed in a shard, other threads, errors on the way."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm
from typer.testing import CliRunner

from app.cli.main import cli
from extract.errors import ExtractionError, WeightsError
from extract.expansion import cluster
from extract.expansion.atlas import extract
from extract.expansion.plan import Shard
from extract.expansion.rows import rows
from extract.folder.extraction import Extraction
from extract.folder.manifest import PROCESSOR, THREADS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer

TARGETS = ("4/2/*",)
PATIENCE = 120.0  # seconds, on a busy machine
SHARD = Shard((Layer(4, 2, 3),), range(32))


@pytest.fixture(scope="module")
def demo() -> Network:
    """Large enough that a shard takes a moment."""
    return load_network("demo")


@pytest.fixture(scope="module")
def ray(demo: Network) -> Iterator[str]:
    """A Ray for all tests, since it takes seconds to start: an extraction uses the one that its process has joined."""
    with cluster.joined(demo, "local", "cpu", 1):
        yield "local"


@pytest.fixture(scope="module")
def here(demo: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return extract(demo, tmp_path_factory.mktemp("here") / "x", TARGETS, progress=False)


def contents(extraction: Extraction) -> dict[str, bytes]:
    files = [path for path in extraction.path.rglob("*") if path.is_file()]
    return {str(file.relative_to(extraction.path)): file.read_bytes() for file in files}


def sweeping() -> list[int]:
    """The processes begun by this one that sweep a shard at this moment."""
    titles, parents = dict[int, bytes](), dict[int, int]()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            titles[int(path.name)] = (path / "cmdline").read_bytes()
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue

    def is_ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and is_ours(parents[process]))

    return [process for process, title in titles.items() if title.startswith(b"ray::sweep_there") and is_ours(process)]


def killing(enough: int, begun: Callable[[], bool] = lambda: True) -> tuple[threading.Thread, set[int]]:
    """A thread that kills so many processes in a shard, once it is `begun`, and whom it killed."""
    killed, deadline = set[int](), time.monotonic() + PATIENCE

    def kill() -> None:
        while len(killed) < enough and time.monotonic() < deadline:
            for process in sweeping() if begun() else []:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    killed.add(process)
                if len(killed) == enough:
                    return
            time.sleep(0.01)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread, killed


def test_without_ray_a_message_says_how_to_get_it(
    demo: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "extract.expansion.cluster")
    with pytest.raises(ExtractionError, match=r"pip install 'clip-circuits\[ray\]'"):
        extract(demo, tmp_path / "x", TARGETS, progress=False, ray="local")
    assert (
        CliRunner().invoke(cli, ["extract", "demo", "--output", str(tmp_path / "x"), "--ray", "local"]).exit_code == 2
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:9", "No Ray answers"),
        ("auto", "not an address of Ray"),
        ("nowhere", "not an address"),
        ("", "not an address"),
    ],
)
def test_an_address_without_ray_is_refused(demo: Network, tmp_path: Path, address: str, reason: str) -> None:
    with pytest.raises(ExtractionError, match=reason):
        extract(demo, tmp_path / "x", TARGETS, progress=False, ray=address)


def test_a_worker_killed_in_a_shard_costs_no_byte(demo: Network, here: Extraction, tmp_path: Path, ray: str) -> None:
    killer, killed = killing(1, lambda: bool([*tmp_path.glob("x/rows/*"), *tmp_path.glob("x/edges.parquet/*")]))
    there = extract(demo, tmp_path / "x", TARGETS, progress=False, ray=ray)
    killer.join()
    assert killed
    assert contents(there) == contents(here)


def test_a_shard_that_was_retried_in_vain_ends_the_run(
    demo: Network, ray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "RETRIES", 0)
    killer, _ = killing(1)
    with pytest.raises(ExtractionError, match="The worker that computed a shard was lost 1 times"):
        list(cluster.Cluster(demo, "cpu", 2).sweep([SHARD], tqdm(disable=True)))
    killer.join()


def test_other_threads_sweep_the_same_bytes(demo: Network, ray: str) -> None:
    (swept,) = cluster.Cluster(demo, "cpu", 2).sweep([SHARD], tqdm(disable=True))
    assert swept.processor[THREADS] == "2"
    (expected,) = rows(demo, SHARD, lambda _: None).values()
    (found,) = swept.rows.values()
    for source, matrices in expected.items():
        for one, other in zip(matrices, found[source], strict=True):
            assert np.array_equal(one, other)


def test_the_manifest_names_processor_and_threads_of_every_part(demo: Network, tmp_path: Path, ray: str) -> None:
    targets = ["1/1/1", "1/1/3"]
    here = extract(demo, tmp_path / "here", targets, progress=False)
    tools = {name: tool for name, tool in here.manifest.tools.items() if name not in (PROCESSOR, THREADS)}
    assert here.manifest.tools[THREADS] == "1"
    earlier = here.manifest.model_copy(update={"files": {}, "tools": tools})  # as earlier versions wrote it
    begun = Extraction.create(tmp_path / "x", earlier)
    begun.add({name: here.part(name) for name in here.manifest.files if name.endswith("parquet/1-1-1.parquet")})
    begun.name_processor({PROCESSOR: here.manifest.tools[PROCESSOR], THREADS: "1"})
    there = extract(demo, tmp_path / "x", targets, progress=False, ray=ray, threads=2)
    assert there.manifest.tools == here.manifest.tools | {THREADS: "1 and 2"}


def test_a_lower_precision_is_swept_and_measured_there_as_here(demo: Network, tmp_path: Path, ray: str) -> None:
    here = extract(demo, tmp_path / "x", ["4/2/1"], precision="bfloat16", matrices=False, progress=False)
    there = extract(demo, tmp_path / "y", ["4/2/1"], precision="bfloat16", matrices=False, progress=False, ray=ray)
    assert here.manifest.deviations
    assert contents(there) == contents(here)


def test_an_error_of_the_network_is_told_as_it_is_here(demo: Network, tmp_path: Path, ray: str) -> None:
    clip = deepcopy(demo.clip)
    clip.visual.layer4[2].conv3.weight.fill_(1e38)
    with pytest.raises(ExtractionError, match="target layer 4/2/5 overflow"):
        extract(replace(demo, clip=clip), tmp_path / "x", ["4/2/5"], progress=False, ray=ray)


def test_threads_without_a_cluster_are_refused(demo: Network, tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="The number of threads applies to tasks of a Ray cluster"):
        extract(demo, tmp_path / "x", TARGETS, progress=False, threads=2)


def test_a_name_of_many_processors_can_be_read_again(here: Extraction, tmp_path: Path) -> None:
    shutil.copytree(here.path, tmp_path / "x")
    many = Extraction.open(tmp_path / "x")
    for model in range(30):
        many.name_processor({PROCESSOR: f"A processor of the model {model} (AVX512)", THREADS: "1"})
    assert Extraction.open(tmp_path / "x").manifest.tools[PROCESSOR].count(" and ") == 30


def test_a_task_that_no_machine_can_take_is_refused(demo: Network, tmp_path: Path, ray: str) -> None:
    with pytest.raises(ExtractionError, match="No machine of the cluster has 1000 processors"):
        extract(demo, tmp_path / "x", TARGETS, progress=False, ray=ray, threads=1000)
    with pytest.raises(ExtractionError, match="GiB of memory and a GPU for a task"):
        extract(demo, tmp_path / "x", TARGETS, progress=False, ray=ray, device="cuda", threads=1000)
    for device in ("meta", "cuda:1"):
        with pytest.raises(WeightsError, match="compute on cpu or cuda"):
            extract(demo, tmp_path / "x", TARGETS, progress=False, ray=ray, device=device)


def test_machines_with_other_tools_are_refused(demo: Network) -> None:
    work = cluster.Work(network=None, device="cpu", threads=1, precision="float32", tools={"torch": "1.0"})
    with pytest.raises(ExtractionError, match=r"has torch .*, and the first had torch 1\.0"):
        cluster.sweep_there(work, SHARD)
