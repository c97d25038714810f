import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from scipy.stats import linregress, rankdata
from torch import Tensor
from typer.testing import CliRunner, Result

from app.cli.calibrate import scatter_plot
from app.cli.main import cli
from extract.ablation.calibration import ChosenEdges, agreements, calibrate, choose, measure, pairs
from extract.errors import AblationError, ExtractionError, NoPath, UnknownUnit
from extract.expansion.atlas import extract
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.table import images
from extract.units import ARCHITECTURES, Layer
from tests.builders.extractions import without_edges

NONLINEAR = [  # within a block, over its border, behind a pool, to a sum and into a downsample
    ("4/2/1", "4/2/5"),
    ("4/1/6", "4/2/3"),
    ("3/0/8", "4/1/5"),
    ("2/0/3", "4/2/6"),
    ("2/0/1", "4/0/7"),
]
LINEAR = [("4/2/3", "4/2/5"), ("2/0/3", "2/0/5"), ("3/0/8", "4/0/7"), ("4/1/6", "4/2/1")]


@pytest.fixture(scope="module")
def shown(noise: pa.Table) -> list[Image.Image]:
    """Noise of different contrast, more than a batch; else all images would be alike."""
    grey = Image.new("RGB", (64, 64), "grey")
    return [Image.blend(grey, image, 0.1 + number / 50) for number, image in enumerate(list(images(noise))[:40])]


@pytest.fixture
def extraction(tiny: Network, tmp_path: Path) -> Extraction:
    return without_edges(tiny, tmp_path / "x")


def written_out(visual: Any, pixels: Tensor, edited: str = "", channel: int = 0, value: float = 0) -> dict[str, Tensor]:
    """All layers' maps, behind the ReLU as `4/2/6 fired`; of one layer a channel is replaced behind its ReLU."""
    maps: dict[str, Tensor] = {}

    def fire(name: str) -> Tensor:
        fired = maps[f"{name} fired"] = maps[name].clamp(min=0)
        if name == edited:
            fired[:, channel] = value
        return fired

    with torch.no_grad():
        flow = visual.stem(pixels)
        for stage, blocks in enumerate((visual.layer1, visual.layer2, visual.layer3, visual.layer4), start=1):
            for number, block in enumerate(blocks):
                name, over = f"{stage}/{number}", flow
                maps[f"{name}/1"] = block.bn1(block.conv1(flow))
                maps[f"{name}/3"] = block.bn2(block.conv2(fire(f"{name}/1")))
                maps[f"{name}/5"] = block.bn3(block.conv3(block.avgpool(fire(f"{name}/3"))))
                if block.downsample is not None:
                    over = maps[f"{name}/7"] = block.downsample(flow)
                total = f"{name}/{6 if number else 8}"
                maps[total] = maps[f"{name}/5"] + over
                flow = fire(total)
    return maps


def pixels(network: Network, shown: list[Image.Image]) -> Tensor:
    return torch.stack([network.preprocess(image) for image in shown])


def means(maps: Tensor) -> np.ndarray:
    values: np.ndarray = maps.double().mean((2, 3)).numpy()
    return values


@pytest.mark.parametrize(("source", "target"), NONLINEAR)
def test_an_edge_is_measured_as_by_hand(tiny: Network, shown: list[Image.Image], source: str, target: str) -> None:
    seen = pixels(tiny, shown)
    before = written_out(tiny.visual, seen)
    activity = means(before[f"{source} fired"])
    channels = np.argsort(-activity.std(axis=0))[[0, 1, 2]]
    ends = np.array([2, 5, 7])
    slope, zero = measure(
        tiny, Layer.parse(source), Layer.parse(target), shown, ChosenEdges(channels, ends, 1), progress=False
    )
    alive = _alive(before, target)[ends]
    assert alive.any()
    for place, (channel, end) in enumerate(zip(channels.tolist(), ends.tolist(), strict=True)):
        own, lost = activity[:, channel], {}
        for name, value in (("mean", own.mean()), ("zero", 0)):
            after = written_out(tiny.visual, seen, source, channel, value)
            lost[name] = (means(before[target]) - means(after[target]))[:, end]
        if alive[place]:
            expected = linregress(own, lost["mean"])
            assert slope[place] == pytest.approx(expected.slope, rel=1e-3, abs=2e-5)
            assert zero[place] == pytest.approx(lost["zero"].mean() / own.mean(), rel=1e-3, abs=2e-5)


def _alive(maps: dict[str, Tensor], target: str) -> np.ndarray:
    layer = Layer.parse(target)
    fired = maps[f"{layer if layer.role in ('bn1', 'bn2') else layer.output} fired"]
    found: np.ndarray = (fired.amax((0, 2, 3)) > 0).numpy()
    return found


@pytest.mark.parametrize(("source", "target"), LINEAR)
def test_without_a_relu_between_static_and_measured_weights_are_one(
    tiny: Network, extraction: Extraction, shown: list[Image.Image], source: str, target: str
) -> None:
    table = calibrate(tiny, extraction, Layer.parse(source), Layer.parse(target), shown, progress=False)
    known = table.filter(table["slope"].is_valid()).to_pandas()
    assert len(known) > 30
    total = known["mean"] * known["span"]
    np.testing.assert_allclose(known["slope"], total, atol=1e-3 * total.abs().max())
    np.testing.assert_allclose(known["zero"], total, atol=1e-3 * total.abs().max())


def test_what_hardly_fires_has_no_number_and_is_counted(
    tiny: Network, extraction: Extraction, shown: list[Image.Image]
) -> None:
    maps = written_out(tiny.visual, pixels(tiny, shown))
    for source, target in (("4/1/6", "4/2/5"), ("4/1/6", "4/2/3")):
        spread = means(maps[f"{source} fired"]).std(axis=0)
        fires = spread > spread.mean() / 100
        assert (spread == 0).any()
        alive = _alive(maps, target)
        table = calibrate(tiny, extraction, Layer.parse(source), Layer.parse(target), shown, progress=False)
        expected = fires[table["source_channel"].to_numpy()] & alive[table["target_channel"].to_numpy()]
        for name in ("slope", "zero"):
            assert table[name].is_valid().to_pylist() == expected.tolist()
        assert 0 < expected.sum() < len(expected)
        told = agreements(table)
        assert sum(each.n for each in told) == expected.sum()
        assert sum(each.left_out for each in told) == (~expected).sum()


def test_half_of_the_edges_are_the_strongest_and_half_are_others() -> None:
    magnitude = np.random.default_rng(0).random((30, 20))
    found = choose(magnitude, 100)
    assert (len(found.source), found.strongest) == (100, 50)
    values = magnitude[found.target, found.source]
    assert values[:50].tolist() == np.sort(magnitude, axis=None)[::-1][:50].tolist()
    assert values[50:].max() < values[:50].min()
    assert len(set(zip(found.target, found.source, strict=True))) == 100
    assert (found.source == choose(magnitude, 100).source).all()
    assert (found.source != choose(magnitude, 100, seed=1).source).any()
    every = choose(magnitude, 10_000)
    assert len(set(zip(every.target, every.source, strict=True))) == 600


def test_rows_of_a_pair_replace_its_old_ones_alone(
    tiny: Network, extraction: Extraction, shown: list[Image.Image]
) -> None:
    near, far = (Layer(4, 2, 3), Layer(4, 2, 5)), (Layer(4, 2, 1), Layer(4, 2, 5))
    first = calibrate(tiny, extraction, *near, shown, edges=20, progress=False)
    other = calibrate(tiny, extraction, *far, shown, edges=30, progress=False)
    again = calibrate(tiny, extraction, *near, shown[:20], edges=10, progress=False)
    stored = Extraction.open(extraction.path).table("calibration")
    assert stored.schema.equals(SCHEMAS["calibration"])
    assert (first.num_rows, stored.num_rows) == (20, 40)
    rows = stored.to_pylist()
    assert [row for row in rows if row["source"] == "4/2/3"] == again.to_pylist()
    assert [row for row in rows if row["source"] == "4/2/1"] == other.to_pylist()


def test_an_interrupted_run_leaves_a_whole_folder(
    tiny: Network, extraction: Extraction, shown: list[Image.Image]
) -> None:
    pair = Layer(4, 2, 1), Layer(4, 2, 5)
    before = calibrate(tiny, extraction, *pair, shown, edges=20, progress=False)
    extraction.drop(["calibration.parquet/4-2-1-4-2-5.parquet"])
    (extraction.path / "calibration.parquet/4-2-1-4-2-5.parquet").write_bytes(b"half of it")  # killed while writing
    opened = Extraction.open(extraction.path)
    assert opened.table("calibration").num_rows == 0
    assert calibrate(tiny, opened, *pair, shown, edges=20, progress=False).equals(before)
    assert Extraction.open(extraction.path).table("calibration").equals(before)


def test_a_manifest_that_cannot_be_written_costs_no_rows(
    tiny: Network, extraction: Extraction, shown: list[Image.Image]
) -> None:
    pair = Layer(4, 2, 1), Layer(4, 2, 5)
    before = calibrate(tiny, extraction, *pair, shown, edges=20, progress=False)
    (extraction.path / "manifest.json.tmp").mkdir()
    with pytest.raises(ExtractionError, match="cannot be written"):
        calibrate(tiny, extraction, *pair, shown, edges=30, progress=False)
    assert Extraction.open(extraction.path).table("calibration").equals(before)


def test_static_weights_are_the_extractions_or_else_computed(
    tiny: Network, extraction: Extraction, shown: list[Image.Image], tmp_path: Path
) -> None:
    pair = Layer(4, 1, 6), Layer(4, 2, 5)
    swept = extract(tiny, tmp_path / "swept", ["4/2/5"], progress=False)
    tables = [calibrate(tiny, each, *pair, shown, edges=100_000, progress=False) for each in (swept, extraction)]
    stored, computed = (
        each.to_pandas().sort_values(["target_channel", "source_channel"]).reset_index(drop=True) for each in tables
    )
    assert len(stored) == 256 * 256
    for name in ("magnitude", "mean"):
        np.testing.assert_allclose(stored[name], computed[name], atol=1e-3 * computed[name].abs().max())
    assert (stored["span"] == computed["span"]).all()
    np.testing.assert_array_equal(stored["slope"], computed["slope"])
    dense = swept.matrix(*pair, "mean")
    assert dense is not None
    np.testing.assert_array_equal(stored["mean"], dense.astype(np.float32).ravel())


def test_what_cannot_be_calibrated_is_refused_and_nothing_is_lost(
    tiny: Network, extraction: Extraction, shown: list[Image.Image]
) -> None:
    pair = Layer(4, 2, 1), Layer(4, 2, 5)
    calibrate(tiny, extraction, *pair, shown, edges=20, progress=False)
    for source, target in (("4/2/5", "4/2/1"), ("4/1/5", "4/2/5"), ("4/2/6", "4/2/6")):
        with pytest.raises(NoPath, match="Edges start at"):
            calibrate(tiny, extraction, Layer.parse(source), Layer.parse(target), shown, progress=False)
    with pytest.raises(UnknownUnit):
        calibrate(tiny, extraction, Layer(4, 1, 6), Layer(4, 3, 5), shown, progress=False)
    with pytest.raises(AblationError, match="there are fewer than two"):
        calibrate(tiny, extraction, *pair, shown[:1], progress=False)
    with pytest.raises(ExtractionError, match="other weights"):
        calibrate(load_network("demo"), extraction, *pair, shown, progress=False)
    assert Extraction.open(extraction.path).table("calibration").num_rows == 20
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.visual.modules())


def test_the_pairs_go_deeper_and_deeper() -> None:
    found = pairs(ARCHITECTURES["RN50"])
    assert {str(target) for _, target in found} == {"4/2/5"}
    assert [str(source) for source, _ in found] == ["4/2/1", "4/1/6", "4/0/8", "3/5/6", "2/3/6", "1/2/6"]


@pytest.fixture(scope="module")
def made_up() -> pa.Table:
    """40 edges of two layer pairs, every fifth not measured."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "source": "4/1/6", "source_channel": n, "target": ("4/2/5", "4/2/3")[n % 2], "target_channel": n,
            "chosen": ("strongest", "random")[n // 20], "magnitude": generator.random(), "mean": generator.normal(),
            "span": 9, "slope": generator.normal() if n % 5 else None, "zero": generator.normal() if n % 5 else None,
        }
        for n in range(40)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMAS["calibration"])


def test_agreement_is_the_correlation_of_ranks(made_up: pa.Table) -> None:
    frame = made_up.to_pandas()
    found = agreements(made_up)
    assert [(each.target, each.chosen) for each in found] == [
        ("4/2/5", "strongest"), ("4/2/3", "strongest"), ("4/2/5", "random"), ("4/2/3", "random"),
    ]  # fmt: skip
    for each in found:
        mine = frame[(frame["target"] == each.target) & (frame["chosen"] == each.chosen)]
        known = mine.dropna()
        assert (each.n, each.left_out) == (len(known), len(mine) - len(known)) == (8, 2)
        compared = [(known["mean"], known["slope"]), (known["mean"], known["zero"])]
        compared.append((known["magnitude"], known["slope"].abs()))
        expected = [np.corrcoef(rankdata(one), rankdata(other))[0, 1] for one, other in compared]
        assert [each.means, each.zeros, each.magnitudes] == pytest.approx(expected)
        assert each.signs == pytest.approx((known["mean"] * known["slope"] > 0).mean())


def test_too_few_edges_agree_on_nothing(made_up: pa.Table) -> None:
    (found,) = agreements(made_up.slice(0, 1))
    assert (found.n, found.left_out) == (0, 1)
    assert found.means is found.zeros is found.magnitudes is found.signs is None
    assert agreements(made_up.slice(0, 0)) == []


SVG = "{http://www.w3.org/2000/svg}"
COLOURS = {"strongest": "#6d4aff", "random": "#33333f"}


def test_every_measured_edge_is_a_dot_where_its_numbers_put_it(made_up: pa.Table) -> None:
    drawn = ElementTree.fromstring(scatter_plot(made_up.to_pylist(), agreements(made_up)))  # noqa: S314, our own
    panels = [group for group in drawn.iter(f"{SVG}g") if re.search(r"concat_\d_group", group.get("class", ""))]
    assert len(panels) == 2
    frame = made_up.to_pandas().dropna()
    for panel, target in zip(panels, ("4/2/5", "4/2/3"), strict=True):
        some = frame[frame["target"] == target]
        for kind in ("strongest", "random"):
            dots = [place(dot) for dot in panel.iter(f"{SVG}path") if is_dot(dot, kind)]
            mine = some[some["chosen"] == kind]
            across = mine["mean"] / some["mean"].abs().max()
            up = mine["slope"] / some["slope"].abs().max()
            assert [x for x, _ in dots] == pytest.approx((110 + 110 * across).tolist(), abs=0.06)
            assert [y for _, y in dots] == pytest.approx((110 - 110 * up).tolist(), abs=0.06)
        written = " ".join(text.text or "" for text in panel.iter(f"{SVG}text"))
        assert f"4/1/6 to {target}" in written
        assert "8 random, 2 left out" in written


def is_dot(path: ElementTree.Element, kind: str) -> bool:
    return path.get("aria-roledescription") == "circle" and path.get("fill") == COLOURS[kind]


def place(dot: ElementTree.Element) -> tuple[float, float]:
    x, y = re.fullmatch(r"translate\((.+),(.+)\)", dot.attrib["transform"]).groups()  # type: ignore[union-attr]
    return float(x), float(y)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["calibrate", *map(str, arguments)], env={"COLUMNS": "250"})


def test_the_command_line_measures_draws_and_tells(tmp_path: Path) -> None:
    folder = without_edges(load_network("demo"), tmp_path / "x").path
    options = ("--folder", folder, "--count", 4, "--edges", 10, "--plot", tmp_path / "x.svg")
    result = asked("demo", "--pair", "4/2/3:4/2/5", "--pair", "4/2/1:4/2/5", *options, "--json")
    assert result.exit_code == 0, result.output
    stored = Extraction.open(folder).table("calibration")
    told = json.loads(result.stdout)
    assert [(row["source"], row["chosen"], row["n"]) for row in told] == [
        ("4/2/3", "strongest", 5), ("4/2/3", "random", 5), ("4/2/1", "strongest", 5), ("4/2/1", "random", 5),
    ]  # fmt: skip
    assert stored.num_rows == 20
    assert (told[0]["signs"], told[1]["signs"]) == (1, 1)
    assert (tmp_path / "x.svg").read_text().count('aria-roledescription="circle"') == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pair", "4/2/3"], "SOURCE:TARGET"),
        (["--pair", "4/2/9:4/2/5"], "no layer 4/2/9"),
        (["--pair", "4/2/5:4/2/3"], "No edge leads"),
        (["--pictures", "nowhere"], "nowhere"),
        (["--folder", "elsewhere"], "elsewhere is not an extraction"),
    ],
)
def test_the_command_line_says_what_it_cannot_do(options: list[str], message: str, tmp_path: Path) -> None:
    folder = without_edges(load_network("demo"), tmp_path / "x").path
    result = asked("demo", "--folder", folder, "--count", 4, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
