"""Rows of runs of channels, put together in any order and over interruptions, give the files of an unbroken run."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from extract.errors import ExtractionError
from extract.expansion.assembly import Assembly
from extract.expansion.atlas import extract
from extract.expansion.plan import Shard, plan
from extract.expansion.rows import rows
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.units import ARCHITECTURES, Layer

TARGETS = (Layer(4, 2, 1), Layer(4, 2, 3))
SHARDS = [Shard((target,), range(first, first + 32)) for target in TARGETS for first in (0, 32)]


@pytest.fixture(scope="module")
def whole(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    path = tmp_path_factory.mktemp("assembly") / "whole"
    return extract(tiny, path, map(str, TARGETS), matrices=True, progress=False)


def begun(whole: Extraction, path: Path) -> Extraction:
    return Extraction.create(path, whole.manifest.model_copy(update={"files": {}}))


def sweep(network: Network, extraction: Extraction, shards: Sequence[Shard]) -> Assembly:
    assembly = Assembly(network, extraction, SHARDS)
    for shard in shards:
        assembly.add(shard, rows(network, shard, lambda _: None))
    return assembly


def same_files(extraction: Extraction, whole: Extraction) -> bool:
    files = {name: file for name, file in whole.manifest.files.items() if "4-2-" in name and "random" not in name}
    return extraction.manifest.files == files


def test_runs_that_come_in_any_order_give_the_bytes_of_the_whole(
    tiny: Network, whole: Extraction, tmp_path: Path
) -> None:
    extraction = begun(whole, tmp_path / "x")
    sweep(tiny, extraction, [SHARDS[i] for i in (3, 0, 2, 1)]).finish()
    assert same_files(extraction, whole)
    assert not (extraction.path / "rows").exists()


def test_a_run_that_is_there_is_not_swept_again(tiny: Network, whole: Extraction, tmp_path: Path) -> None:
    extraction = begun(whole, tmp_path / "x")
    sweep(tiny, extraction, [SHARDS[1], SHARDS[2]])
    missing = Assembly(tiny, Extraction.open(extraction.path), SHARDS).missing()
    assert missing == (SHARDS[0], SHARDS[3])
    sweep(tiny, extraction, missing).finish()
    assert same_files(extraction, whole)


def test_rows_left_by_a_killed_run_are_put_together_or_removed(
    tiny: Network, whole: Extraction, tmp_path: Path
) -> None:
    extraction = begun(whole, tmp_path / "x")
    sweep(tiny, extraction, SHARDS[:3])
    other = Shard(TARGETS[1:], range(16))  # of a run with another memory
    Assembly(tiny, extraction, [other, *SHARDS]).add(other, rows(tiny, other, lambda _: None))
    (extraction.path / "rows" / "4-2-3.32-64.safetensors.tmp").write_bytes(b"half")
    sweep(tiny, extraction, SHARDS[3:]).finish()
    assert same_files(extraction, whole)
    assert not (extraction.path / "rows").exists()


def test_targets_that_are_swept_together_in_runs_give_the_bytes_of_all_channels_at_once(
    tiny: Network, tmp_path: Path
) -> None:
    together = [Layer(2, 0, 5), Layer(2, 0, 7), Layer(2, 0, 8)]
    whole = extract(tiny, tmp_path / "whole", map(str, together), matrices=False, progress=False)
    (shard,) = plan(tiny.architecture, together, 2**31)
    assert shard.targets == tuple(together)
    runs = [Shard(shard.targets, shard.channels[first : first + 16]) for first in range(0, len(shard.channels), 16)]
    assert len(runs) > 1
    extraction = begun(whole, tmp_path / "x")
    assembly = Assembly(tiny, extraction, runs)
    for run in reversed(runs):
        assembly.add(run, rows(tiny, run, lambda _: None))
    assembly.finish()
    assert extraction.manifest.files == {n: f for n, f in whole.manifest.files.items() if n != "units.parquet"}


def test_a_plan_covers_every_channel_of_every_target_once() -> None:
    rn50 = ARCHITECTURES["RN50"]
    targets = [layer for layer in rn50.layers if layer.stage == 4]
    for memory in (2**31, 2**40):
        shards = plan(rn50, targets, memory)
        for target in targets:
            runs = [shard.channels for shard in shards if target in shard.targets]
            assert [channel for run in runs for channel in run] == list(range(rn50.channels(target)))
            assert all(run.start % 256 == 0 for run in runs)


def test_sums_are_planned_with_their_branches_whatever_the_memory() -> None:
    rn50 = ARCHITECTURES["RN50"]
    for memory in (2**31, 2**40):
        groups = {shard.targets for shard in plan(rn50, [x for x in rn50.layers if x.stage == 4], memory)}
        assert sorted(" ".join(map(str, group)) for group in groups) == [
            *("4/0/1", "4/0/3", "4/0/5 4/0/7 4/0/8 4/1/5 4/1/6 4/2/5 4/2/6"),
            *("4/1/1", "4/1/3", "4/2/1", "4/2/3"),
        ]
    without = [Layer(4, 1, 6), Layer(4, 2, 5), Layer(4, 2, 6), Layer(4, 0, 8)]
    groups = {shard.targets for shard in plan(rn50, sorted(without), 2**31)}
    assert groups == {(Layer(4, 0, 8),), (Layer(4, 1, 6), Layer(4, 2, 5), Layer(4, 2, 6))}


def test_a_target_that_does_not_fit_is_refused_by_its_name() -> None:
    with pytest.raises(ExtractionError, match="target layer 4/2/6"):
        plan(ARCHITECTURES["RN50"], [Layer(4, 2, 6)], 2**28)
