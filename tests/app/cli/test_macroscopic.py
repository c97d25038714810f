"""`circuits macroscopic` on planted contributions: two lobes by the sign of gamma into the one conv branch."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from app.cli.main import cli
from catalog.macroscopic.paired_shares import paired_shares
from extract.enrichment.pipeline import measure
from extract.expansion.atlas import extract
from extract.network.network import Network
from extract.units import Layer
from graph.plain_json import as_json
from tests.builders.planted_matrices import SHAPE, TARGET, planted_matrices

SIGNS = np.where(np.arange(SHAPE.channels(TARGET)) % 3 == 0, -0.5, 0.5)
UNIT = "4/1/3/7"
FINAL_CONV = Layer(4, 2, 5)  # of the tiny network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("macroscopic") / "x"
    planted_matrices(path, lambda rng, targets, sources: rng.normal(3, 1, (targets, sources)), SIGNS)
    return path


def circuits(*arguments: object, columns: int = 250) -> Result:
    return CliRunner().invoke(cli, ["macroscopic", *map(str, arguments)], env={"COLUMNS": str(columns)})


def test_every_conv_branch_has_its_numbers_beside_both_controls_in_80_columns(folder: Path) -> None:
    result = circuits(folder, "--units", 8, columns=80)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "more column" not in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert " ".join(rows[0]) == "Contributions into conv branches: medians over 8 units of each layer"
    names = ["forward", "scaled", "backward", "signs", "folded", "offset", "rank", "1", "peaks"]
    assert rows[1] == ["into", "weights", *names]
    observed, random, shuffled = rows[2:5]
    assert observed[:2] == [str(TARGET), "observed"]
    assert (random[0], shuffled[0]) == ("random", "shuffled")
    assert observed[-1] == "1.00"
    assert float(observed[-3]) == pytest.approx(3, abs=0.2)
    assert "holds no randomised weights, the second control. Extract again with the same settings" in result.stderr


def test_json_has_every_comparison_with_intervals_units_and_values(folder: Path) -> None:
    answer = json.loads(circuits(folder, "--layer", TARGET, "--units", 8, "--json").stdout)
    [layer] = answer["layers"]
    folded = next(
        c
        for c in layer["comparisons"]
        if (c["statistic"], c["variant"], c["direction"]) == ("offset", "folded", "forward")
    )
    assert folded["observed"]["low"] < 3 < folded["observed"]["high"]
    assert folded["observed"]["units"] == 8 * 14
    assert (folded["n_low"], folded["n_high"]) == (256, 256)
    assert folded["randomised"] is None
    assert {(trend["statistic"], trend["layers"]) for trend in answer["trends"]} == {
        ("breadth", 14),
        ("density_at_zero", 14),
    }
    assert answer["bottlenecks"] == []


def test_shares_stand_beside_those_of_branches_paired_anew_where_probes_were_shown(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    extraction = extract(tiny, tmp_path / "x", [str(FINAL_CONV)], strongest=1, progress=False)
    measure(tiny, extraction, noise, [tiny.architecture.final], progress=False)
    [whole] = [part for part in paired_shares(extraction) if part.stratum is None]
    answer = json.loads(circuits(extraction.path, "--units", 2, "--json").stdout)
    assert answer["paired_shares"][0] == as_json(whole)
    lines = circuits(extraction.path, "--units", 2).stdout.splitlines()
    title = lines.index("By shares of means, beside conv branches of like units")
    rounded = [f"{number:.2g}" for number in (whole.as_it_is, whole.paired_anew, whole.sd, whole.p)]
    columns, row = (line.split() for line in lines[title + 1 : title + 3])
    assert columns == ["sum", "units", "above", "0.9", "paired", "anew", "sd", "p"]
    assert row[:2] == ["4/2/6", str(whole.units)]
    assert list(map(float, row[2:])) == pytest.approx(list(map(float, rounded)), rel=0.06)


def test_a_layer_has_all_statistics_and_what_they_mean(folder: Path) -> None:
    table = circuits(folder, "--layer", TARGET, "--units", 8).stdout
    assert f"Contributions into {TARGET}" in table
    for statistic in ("exponent", "imbalance", "density_at_zero", "breadth", "offset", "dip", "two_peaks", "rank_one"):
        assert table.count(f"{statistic} ") >= 3
    assert "1 for a Laplace" in table


def test_a_unit_has_its_shapes_and_its_versatility(folder: Path) -> None:
    table = circuits(folder, "--unit", UNIT, "--variant", "folded").stdout
    assert f"{UNIT} into every conv branch above (folded)" in table
    assert "Versatility" in table
    answer = json.loads(circuits(folder, "--unit", UNIT, "--json").stdout)
    [panel] = answer["forward"]["panels"]
    assert (panel["other"], panel["n"], sum(panel["counts"])) == (str(TARGET), 256, 256)
    assert panel["dip"] > 1
    assert answer["backward"]["panels"] == []


def test_the_figure_is_a_drawing_that_needs_no_other_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "macroscopic.svg"
    result = circuits(folder, "--units", 4, "--output", file)
    assert f"are drawn in {file}" in result.stderr
    drawing = ElementTree.fromstring(file.read_text())  # noqa: S314, our own file
    panels = [group for group in drawing.iter("{http://www.w3.org/2000/svg}g") if group.get("class") == "panel"]
    assert len(panels) == 1 + 12
    assert all("href" not in name for element in drawing.iter() for name in element.attrib)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layer", "4/0/5"], "holds no dense matrices into 4/0/5"),
        (["--layer", "9/9/9"], "There is no layer 9/9/9"),
        (["--unit", "4/1/5/999"], "There is no unit 4/1/5/999"),
        (["--layer", TARGET, "--output", "figure.txt"], "End it in .svg, .png or .pdf"),
        (["--variant", "other"], "'other' is not one of"),
        (["--units", 0], "greater than or equal to 1"),
    ],
)
def test_a_mistake_ends_in_one_message_and_exit_code_2(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = circuits(folder, *options)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_matrices_says_which_option_makes_them(tmp_path: Path) -> None:
    planted_matrices(tmp_path / "x", lambda *_: np.empty(0), SIGNS, matrices=False)
    result = circuits(tmp_path / "x")
    assert result.exit_code == 2
    assert "Extract this target layer into a new folder with its matrices (--matrices)." in result.stderr


def test_a_unit_of_a_sum_needs_no_variant(tmp_path: Path) -> None:
    planted_matrices(tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), SIGNS, target=Layer(4, 1, 6))
    result = circuits(tmp_path / "x", "--unit", "4/1/6/34", "--json")
    assert result.exit_code == 0
    assert {panel["variant"] for panel in json.loads(result.stdout)["backward"]["panels"]} == {"scaled"}


def test_a_unit_beside_layers_has_these_alone(folder: Path) -> None:
    arguments = "--unit", f"{TARGET}/5", "--layer", "4/1/3", "--layer", "1/0/1", "--json"
    answer = json.loads(circuits(folder, *arguments).stdout)
    assert [panel["other"] for panel in answer["backward"]["panels"]] == ["1/0/1", "4/1/3"]
    assert [row["other"] for row in answer["versatility"]] == ["1/0/1", "4/1/3"]


def test_every_layer_that_is_named_is_drawn(tmp_path: Path) -> None:
    def normal(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        return rng.normal(size=(targets, sources))

    planted_matrices(tmp_path / "x", normal, SIGNS, others={Layer(4, 0, 5): normal})
    file = tmp_path / "macroscopic.svg"
    circuits(tmp_path / "x", "--units", 4, "--layer", "4/0/5", "--layer", TARGET, "--output", file)
    drawing = file.read_text()
    assert all(f"A unit of every layer below into {layer} (raw)" in drawing for layer in ("4/0/5", TARGET))
