import io
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pypdfium2
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli.main import cli
from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.circuits.drawing import draw
from catalog.circuits.drawing_files import render
from catalog.circuits.export import write
from catalog.circuits.local import enrichment_circuit, neighbourhood
from catalog.circuits.pictures import with_pictures
from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"
SVG = "{http://www.w3.org/2000/svg}"
Run = Callable[..., Result]


@pytest.fixture
def figure(planted_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `circuits figure` against the planted catalog, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    environment = {"CIRCUITS_DATABASE": str(planted_folder), "CIRCUITS_HOME": str(tmp_path)}
    return lambda *arguments: CliRunner().invoke(cli, ["figure", *map(str, arguments)], env=environment)


def images(file: Path) -> list[str]:
    return [image.get("href", "") for image in fromstring(file.read_bytes()).iter(f"{SVG}image")]  # noqa: S314, our own


def test_a_unit_s_neighbourhood_and_enrichment_circuit_are_drawn_as_the_catalog_draws_them(
    figure: Run, tmp_path: Path, planted_store: ModelStore
) -> None:
    for flag, trace in (("--neighbourhood", neighbourhood), ("--circuit", enrichment_circuit)):
        done = figure("4/2/6/14", flag, "--limit", 2, "--output", "cap.svg")

        traced = with_pictures(planted_store, trace(planted_store, Unit.parse("4/2/6/14"), 2))
        assert done.exit_code == 0, done.output
        assert (tmp_path / "cap.svg").read_bytes() == render(draw(traced), "svg")
        assert done.stdout.startswith(f"{traced.name}: {len(traced.units)} units and {len(traced.edges)} edges")
    assert images(tmp_path / "cap.svg")


def test_png_and_pdf_are_told_by_the_name(figure: Run, tmp_path: Path) -> None:
    for name in ("cap.svg", "cap.png", "cap.pdf"):
        assert figure("layer4.2.act3:14", "--limit", 1, "--scale", 3, "--output", name).exit_code == 0

    width, height = (int(n) for n in fromstring((tmp_path / "cap.svg").read_bytes()).get("viewBox", "").split()[2:])  # noqa: S314, our own
    with Image.open(tmp_path / "cap.png") as image:
        assert image.size == (3 * width, 3 * height)
    assert pypdfium2.PdfDocument(tmp_path / "cap.pdf")[0].get_size() == (width, height)


def test_what_is_sensitive_is_drawn_when_it_is_asked_for(
    figure: Run, tmp_path: Path, planted_store: ModelStore
) -> None:
    Labels(planted_store).add(Unit.parse("4/2/6/15"), "gruesome", "ada", sensitive=True)

    figure("4/2/6/15", "--circuit", "--limit", 1, "--output", "hidden.svg")
    figure("4/2/6/15", "--circuit", "--limit", 1, "--reveal", "--output", "shown.svg")

    assert "gruesome" not in (tmp_path / "hidden.svg").read_text()
    assert "gruesome" in (tmp_path / "shown.svg").read_text()
    assert images(tmp_path / "hidden.svg") != images(tmp_path / "shown.svg")  # the conv branch's probe is sensitive


def test_an_exported_circuit_is_drawn_without_a_database_and_with_pictures_out_of_one(
    figure: Run, tmp_path: Path, planted_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/16"), 1)
    write(circuit, tmp_path / "unit.json")

    assert figure("unit.json", "--pictures", "--output", "pictured.svg").exit_code == 0
    done = figure("unit.json", "--output", "plain.svg")

    assert (done.exit_code, images(tmp_path / "plain.svg")) == (0, [])
    assert (tmp_path / "plain.svg").read_bytes() == render(draw(circuit), "svg")
    assert (tmp_path / "pictured.svg").read_bytes() == render(draw(with_pictures(planted_store, circuit)), "svg")
    nowhere = CliRunner().invoke(
        cli, ["figure", "unit.json", "--output", "x.svg"], env={"CIRCUITS_DATABASE": "bolt://127.0.0.1:1"}
    )
    assert nowhere.exit_code == 0
    assert not images(tmp_path / "x.svg")


def test_a_unit_is_drawn_without_its_pictures_if_asked(figure: Run, tmp_path: Path) -> None:
    assert figure("4/2/6/14", "--no-pictures", "--output", "plain.svg").exit_code == 0
    assert images(tmp_path / "plain.svg") == []


def test_a_name_out_of_a_file_is_no_terminal_command_and_stays_behind_the_veil(figure: Run, tmp_path: Path) -> None:
    for name in ("\x1b[2Jcap", "dildo"):
        write(Circuit(name, "neighbourhood", "m", (Node(Unit.parse("1/0/1/0"), "unit"),), ()), tmp_path / "one.json")
        done = figure("one.json", "--output", "one.svg")
        assert done.exit_code == 0
        assert name not in done.stdout
        assert name not in (tmp_path / "one.svg").read_text()


def test_mistakes_are_one_line_and_exit_code_2(figure: Run, tmp_path: Path) -> None:
    edges = tuple(
        CircuitEdge(Unit.parse(s), Unit.parse(t), "CONTRIBUTES", 1.0, 1.0, 1.0, 1, True)
        for s, t in (("1/0/1/0", "1/0/1/1"), ("1/0/1/1", "1/0/1/0"))
    )
    write(
        Circuit("o", "k", "m", (Node(Unit.parse("1/0/1/0"), "unit"), Node(Unit.parse("1/0/1/1"), "unit")), edges),
        tmp_path / "circle.json",
    )
    vast = tuple(Node(Unit.parse(f"1/0/1/{channel}"), "unit") for channel in range(20_000))
    write(Circuit("o", "k", "m", vast, ()), tmp_path / "vast.json")
    for arguments, told in {
        ("vast.json", "--output", "cap.png"): "at most 2,000 units and 4,000 edges, and this circuit has 20,000 and 0",
        ("4/2/6/14", "--output", "cap.gif"): "End it in .svg, .png or .pdf",
        ("4/2/6/99", "--output", "cap.svg"): "4/2/6",
        ("missing.json", "--output", "cap.svg"): "cannot be read",
        ("circle.json", "--output", "cap.svg"): "The edges form a loop",
        ("4/2/5/14", "--circuit", "--output", "cap.svg"): "is not a sum",
        ("4/2/6/14", "--output", "nowhere/cap.svg"): "cannot be written",
        ("circle.json", "--pictures", "--output", "cap.svg"): "'m'",
    }.items():
        done = figure(*arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert told in done.stderr
    assert not list(tmp_path.glob("cap.*"))


def test_the_same_command_gives_the_same_bytes(figure: Run, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg", "one.png", "two.png"):
        figure("4/2/6/14", "--circuit", "--limit", 2, "--output", name)
    for ending in ("svg", "png"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    assert Image.open(io.BytesIO((tmp_path / "one.png").read_bytes())).format == "PNG"
