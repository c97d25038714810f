"""The network itself, its extraction, and what is shown to it first."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli.main import cli
from catalog.article.last_sums import visualisation_folders
from catalog.article.report import Report
from catalog.errors import ArticleError
from catalog.extraction_view import ExtractionView
from catalog.live_network import LiveNetwork
from extract.errors import ExtractionError, VisualisationsError
from extract.folder.extraction import Extraction
from extract.network.network import Network
from extract.probes.sources import ProbeTable
from extract.units import Architecture, Layer
from tests.builders.extractions import without_edges
from tests.builders.tiny_network import TINY


def findings_of(report: Report) -> dict[str, str]:
    return {r.claim.name: r.outcome.finding for r in report.results}


def test_an_extraction_at_hand_decides_what_it_holds(tiny: Network, measured: Extraction) -> None:
    report = LiveNetwork(tiny).reproduce(ExtractionView(measured))
    findings = findings_of(report)
    assert "of the 256 units of 4/2/6; 226 are measured" in findings["near identity, 4/2, on top probes"]
    assert "which this extraction does not hold" in findings["near identity, 4/1, on top probes"]
    assert report.settings["probes"] == "88"
    assert len(report.figures) == 4  # three definitions of the share, and the overlaps by share


def test_probes_and_visualisations_are_shown_first_where_there_is_no_extraction(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    for place in ("scrape4_2_6", "scrape4_1_6"):
        (tmp_path / place).mkdir()
        for channel in range(3):
            pixels = generator.integers(0, 256, (64, 64, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / place / f"channel{channel}.png")
    report = LiveNetwork(tiny).reproduce(probes=ProbeTable.of(noise), visualisations=tmp_path, progress=False)
    findings = findings_of(report)
    for block, layer in (("4/2", "4/2/6"), ("4/1", "4/1/6"), ("4/0", "4/0/8")):
        assert f"of the 256 units of {layer}; " in findings[f"near identity, {block}, on top probes"]
        assert f"of the 256 units of {layer}; " in findings[f"near identity, {block}, exact"]
        assert f"of the 256 units of {layer}; " in findings[f"near identity, {block}, exact, top 100 probes"]
    assert "of the 256 units of 4/1/6; 3 are measured" in findings["near identity, 4/1, on visualisations"]
    assert "which this extraction does not hold" in findings["near identity, 4/0, on visualisations"]


def test_a_folder_of_one_sums_pictures_is_that_sums(tmp_path: Path) -> None:
    shape, folder = Architecture((1, 1, 1, 3), 8, 64), tmp_path / "scrape4_1_6"
    folder.mkdir()
    assert visualisation_folders(folder, shape) == {Layer(4, 1, 6): folder}
    assert visualisation_folders(tmp_path, shape) == {Layer(4, 1, 6): folder}
    (tmp_path / "pictures").mkdir()
    assert visualisation_folders(tmp_path / "pictures", shape) == {shape.final: tmp_path / "pictures"}


def test_an_extraction_of_other_weights_is_refused(measured: Extraction, tmp_path: Path) -> None:
    other = LiveNetwork.open(str(_configuration(tmp_path)), seed=8)
    with pytest.raises(ExtractionError, match="was extracted from other weights"):
        other.reproduce(ExtractionView(measured))


def test_folders_that_hold_nothing_are_named(tiny: Network, tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match=r"relu_conv_bottleneck_4_0.txt"):
        LiveNetwork(tiny).reproduce(authors=tmp_path)
    with pytest.raises(ArticleError, match="is not a folder"):
        LiveNetwork(tiny).reproduce(visualisations=tmp_path / "none")


def test_the_command_writes_the_report_and_ends_well_whatever_the_verdicts_are(tmp_path: Path) -> None:
    extraction = without_edges(LiveNetwork.open(str(_configuration(tmp_path)))._network, tmp_path / "x")
    arguments = ["reproduce", str(tmp_path / "tiny.json"), "--extraction", str(extraction.path)]
    result = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "report.html")])
    assert result.exit_code == 0, result.output
    assert "deviation" in result.stdout
    assert "0 pass, 1 deviate" in result.stdout
    assert "tiny:random-0" in (tmp_path / "report.html").read_text()
    content = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert content["counts"]["deviation"] == 1


def test_what_was_left_out_and_what_was_replaced_is_printed_and_all_of_it_before_the_report_is_written(
    tmp_path: Path,
) -> None:
    extraction = without_edges(LiveNetwork.open(str(_configuration(tmp_path)))._network, tmp_path / "x")
    pictures = tmp_path / "scrape4_1_6"
    pictures.mkdir()
    for channel in range(3):
        Image.new("RGB", (64, 64), (90 * channel, 9, 9)).save(pictures / f"channel{channel}.png")
    (tmp_path / "report.html").mkdir()  # so that no file can be written there
    arguments = ["reproduce", str(tmp_path / "tiny.json"), "--extraction", str(extraction.path)]
    arguments += ["--visualisations", str(pictures)]
    (pictures / "channel9999.png").write_bytes((pictures / "channel0.png").read_bytes())

    first = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "report.html")])
    assert first.exit_code == 2, first.output
    assert "channel9999.png was left out" in first.stderr
    assert "deviation" in first.stdout
    (pictures / "channel1.png").unlink()
    again = CliRunner().invoke(cli, arguments)
    assert again.exit_code == 0, again.output
    assert "earlier pictures removed, because they are no longer in the folder: 1" in again.stderr


def test_pictures_of_no_unit_are_refused_before_anything_is_shown(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    extraction = without_edges(tiny, tmp_path / "x")
    (tmp_path / "scrape4_1_6").mkdir()
    with pytest.raises(VisualisationsError, match="holds no picture"):
        LiveNetwork(tiny).reproduce(ExtractionView(extraction), ProbeTable.of(noise), tmp_path, progress=False)
    assert not extraction.table("probes").num_rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "report.pdf"], "End it in .html or .json"),
        (["--extraction", "nowhere"], "is not an extraction"),
        (["--authors", "nowhere"], "relu_conv_bottleneck_4_0.txt"),
        (["--output", "nowhere/report.html"], "nowhere is not a folder"),
        (["--visualisations", "."], "holds no picture"),
    ],
)
def test_a_mistake_of_the_users_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["reproduce", str(_configuration(tmp_path)), *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def _configuration(folder: Path) -> Path:
    """The file that a network of the tiny one's shape is made from."""
    file = folder / "tiny.json"
    file.write_text(json.dumps(TINY))
    return file
