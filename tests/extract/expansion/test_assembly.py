"""Rows of runs of channels, put together in any order and over interruptions, give the files of an unbroken run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from extract.errors import ExtractionError
from extract.expansion.assembly import Assembly
from extract.expansion.atlas import extract, scope
from extract.expansion.plan import Shard, pairs_at_once, peak, plan, sweeps_at_once
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


def sweep(network: Network, extraction: Extraction, shards: Sequence[Shard], pairs_at_once: int = 1) -> Assembly:
    assembly = Assembly(network, extraction, SHARDS, pairs_at_once)
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


def test_tables_of_several_pairs_at_a_time_are_the_same_bytes(tiny: Network, whole: Extraction, tmp_path: Path) -> None:
    extraction = begun(whole, tmp_path / "x")
    sweep(tiny, extraction, SHARDS, pairs_at_once=3).finish()
    assert same_files(extraction, whole)


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


def test_nothing_is_removed_behind_a_linked_rows_folder(tiny: Network, whole: Extraction, tmp_path: Path) -> None:
    extraction, elsewhere = begun(whole, tmp_path / "x"), tmp_path / "elsewhere"
    sweep(tiny, extraction, SHARDS[:1])
    (extraction.path / "rows").rename(elsewhere)
    (elsewhere / "4-2-1.0-32.safetensors.tmp").write_bytes(b"half")
    (extraction.path / "rows").symlink_to(elsewhere)
    before = {file.name: file.read_bytes() for file in elsewhere.iterdir()}
    with pytest.raises(ExtractionError, match="rows is a link"):
        sweep(tiny, extraction, SHARDS[1:])
    with pytest.raises(ExtractionError, match="rows is a link"):
        Assembly(tiny, extraction, SHARDS[:1]).finish()
    assert {file.name: file.read_bytes() for file in elsewhere.iterdir()} == before


def test_files_in_rows_that_are_no_runs_of_the_targets_stay(tiny: Network, whole: Extraction, tmp_path: Path) -> None:
    extraction = begun(whole, tmp_path / "x")
    extraction.add({"rows/4-2-1.notes": {"x": np.zeros(1)}})
    (extraction.path / "rows" / "letter.txt").write_text("dear")
    sweep(tiny, extraction, SHARDS).finish()
    assert sorted(file.name for file in (extraction.path / "rows").iterdir()) == ["4-2-1.notes", "letter.txt"]


@pytest.mark.parametrize("damage", ["dtype", "shape", "key"])
def test_rows_that_are_not_those_of_their_run_are_refused(
    tiny: Network, whole: Extraction, tmp_path: Path, damage: str
) -> None:
    extraction, source = begun(whole, tmp_path / "x"), Layer(4, 1, 6)
    sweep(tiny, extraction, SHARDS[:1])
    name, key = "rows/4-2-1.0-32.safetensors", f"{source} mean"
    arrays = {f"{source} {kind}": extraction.array(name, f"{source} {kind}") for kind in ("magnitude", "mean")}
    contents = {each: array for each, array in arrays.items() if array is not None}
    damaged = {"dtype": contents[key].astype(np.float64), "shape": contents[key][:-1]}
    contents = contents | {key: damaged[damage]} if damage in damaged else {f"{source} magnitude": contents[key]}
    extraction.add({name: contents})
    with pytest.raises(ExtractionError, match=r"4-2-1\.0-32\.safetensors is missing, cut short or altered"):
        sweep(tiny, extraction, SHARDS[1:2])


def test_rows_are_let_go_of_before_the_tables_of_a_whole_target_are_made(
    tiny: Network, whole: Extraction, tmp_path: Path
) -> None:
    swept = rows(tiny, SHARDS[0], lambda _: None)
    Assembly(tiny, begun(whole, tmp_path / "x"), SHARDS).add(SHARDS[0], swept)
    assert swept == {}


@pytest.mark.parametrize(
    ("model", "stages", "memories"),
    [("RN50", "1234", (1.3, 2, 2.5)), ("RN50x4", "34", (3, 4, 8)), ("RN50x64", "3", (12, 16))],
)
def test_a_plan_takes_no_more_memory_than_it_may(model: str, stages: str, memories: tuple[float, ...]) -> None:
    architecture = ARCHITECTURES[model]
    targets = [layer for layer in scope(architecture) if str(layer.stage) in stages]
    for memory in memories:
        shards = plan(architecture, targets, round(memory * 2**30))
        threads = sweeps_at_once(architecture, shards, round(memory * 2**30))
        assert peak(architecture, shards, 20, threads) <= memory * 2**30 < peak(architecture, shards, 20, 100 * threads)


def test_more_memory_lets_more_threads_sweep() -> None:
    architecture = ARCHITECTURES["RN50"]
    targets = scope(architecture, ["4/*"])
    small, large = (
        sweeps_at_once(architecture, plan(architecture, targets, memory), memory) for memory in (2**31, 2**34)
    )
    assert 2 <= small < large


def test_more_memory_lets_tables_of_more_pairs_be_made_at_once() -> None:
    architecture = ARCHITECTURES["RN50"]
    targets = scope(architecture, ["4/*"])
    small, large = (
        pairs_at_once(architecture, plan(architecture, targets, memory), memory, 20) for memory in (2**31, 2**33)
    )
    assert 2 <= small < large
    assert pairs_at_once(architecture, plan(architecture, targets, 2**30 * 2), 2**20, 20) == 1


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
