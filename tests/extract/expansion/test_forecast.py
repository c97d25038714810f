"""Forecasts against what is counted: operations by torch, and the units, pairs, bytes and memory of a real folder."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from extract.expansion.atlas import extract, forecast
from extract.expansion.expanded_weights import sweep
from extract.expansion.forecast import Forecast, forecast_plan
from extract.expansion.operations import control_sources, shard_operations, sweep_operations
from extract.expansion.plan import Shard, plan
from extract.expansion.randomised_weights import sweep_randomised
from extract.expansion.table_samples import TableSamples
from extract.folder.kernel_support import sources
from extract.folder.manifest import ExtractionSettings
from extract.network.network import Network
from extract.units import ARCHITECTURES, Layer

TARGETS = ["4/0/*", "3/0/5"]


def operations(run: Callable[[], object]) -> float:
    """Operations of convolutions, as torch counts them."""

    def product(values: list[int], weight: list[int], *_: object, out_shape: list[int], **__: object) -> int:
        return conv_flop_count(values, weight, out_shape)

    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_convolution: product}) as counter:
        run()
    return float(counter.get_total_flops())


def counted(network: Network, target: Layer) -> float:
    """Operations a unit."""
    return operations(lambda: next(sweep(network, target, range(4)))) / 4


def test_operations_of_a_sweep_are_those_that_torch_counts(tiny: Network) -> None:
    for target in tiny.architecture.layers:
        if sources(tiny.architecture, target):
            assert sweep_operations(tiny.architecture, target) == pytest.approx(counted(tiny, target), rel=0.3), target


def test_sums_that_are_added_up_cost_less_than_their_sweep() -> None:
    rn50 = ARCHITECTURES["RN50"]
    last = [layer for layer in rn50.layers if layer.stage == 4]
    (wide,) = (shard for shard in plan(rn50, last, 2**40) if len(shard.targets) > 1)
    singly = 2048 * sum(sweep_operations(rn50, target) for target in wide.targets)
    branches = 2048 * sum(sweep_operations(rn50, target) for target in wide.targets if target.role != "sum")
    assert branches < shard_operations(rn50, wide) < 0.7 * singly


def test_a_forecast_is_announced_before_the_first_sweep_and_comes_near(tiny: Network, tmp_path: Path) -> None:
    announced = list[tuple[Forecast, int]]()
    path = tmp_path / "x"

    def announce(forecast: Forecast) -> None:
        announced.append((forecast, len(list(path.glob("edges.parquet/*")))))

    extraction = extract(tiny, path, TARGETS, progress=False, announce=announce)
    ((expected, finished),) = announced
    assert finished == 0
    sweeps = extraction.table("sweeps").to_pandas()
    targets = [Layer.parse(target) for target in extraction.manifest.settings.targets]
    assert expected.units == sum(map(tiny.architecture.channels, targets))
    assert expected.pairs == sweeps.n.sum()
    assert expected.edges == pytest.approx(sweeps.kept.sum(), rel=0.35)
    size = sum(file.size for file in extraction.manifest.files.values())
    assert np.log(expected.size / size) == pytest.approx(0, abs=0.5)
    assert expected.seconds > 0
    extract(tiny, path, TARGETS, progress=False, announce=announce)
    assert len(announced) == 1


def test_a_forecast_can_be_had_without_a_folder_and_is_one_line(tiny: Network) -> None:
    expected = forecast(tiny, TARGETS, matrices=False)
    assert expected.size < forecast(tiny, TARGETS).size
    assert str(expected).startswith(f"{expected.units:,} units, ")
    assert "\n" not in str(expected)


def seconds(network: Network, shards: list[Shard], control: tuple[Layer, ...] = ()) -> float:
    """Forecast by a clock on which every batch of 16 units, and every step of a table, takes a second."""
    settings = ExtractionSettings(targets=(), strongest=20, matrices=True)
    clock = map(float, count())
    return forecast_plan(network, shards, settings, control, clock=lambda: next(clock)).seconds


def test_a_resumed_run_is_forecast_by_the_channels_that_are_missing(tiny: Network) -> None:
    target = Layer(4, 2, 3)
    channels = range(tiny.architecture.channels(target))
    runs = [Shard((target,), channels[first : first + 16]) for first in range(0, len(channels), 16)]
    assert seconds(tiny, runs) - seconds(tiny, runs[-1:]) == pytest.approx(len(runs) - 1)
    tables = 2.25 * len(sources(tiny.architecture, target))
    assert seconds(tiny, runs) == pytest.approx(tables + len(runs))


def test_the_control_is_forecast_from_the_layers_where_it_is_missing(tiny: Network, tmp_path: Path) -> None:
    target = Layer(4, 2, 3)
    shards = list(plan(tiny.architecture, [target], 2**31))
    control = control_sources(tiny.architecture, [target])
    extraction = extract(tiny, tmp_path / "x", [str(target)], matrices=False, progress=False)
    by_layer = operations(lambda: sweep_randomised(tiny, extraction, [target], 2**31, progress=False))
    rate = counted(tiny, target) * 16  # operations a second of the planted clock
    forecast_of_all = seconds(tiny, shards, control) - seconds(tiny, shards)
    assert forecast_of_all == pytest.approx(by_layer / rate, rel=0.25)
    last = seconds(tiny, shards, control[-1:]) - seconds(tiny, shards)
    assert 0 < last < forecast_of_all / len(control)


def test_tables_without_edges_are_sampled_too() -> None:
    tables = TableSamples.take([(8, 4), (16, 8)], strongest=0, matrices=False)
    assert tables.edges((8, 4)) == 0
    assert tables.bytes((8, 4)) == 0


def test_a_forecast_of_a_folder_without_edges_can_be_had(tiny: Network) -> None:
    assert forecast(tiny, ["4/2/3"], strongest=0).edges == 0
