import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.circuits.drawing import ADDS, EXCITES, INHIBITS, draw
from catalog.circuits.drawing_files import FORMS, MOST, DrawingForm, render, write
from catalog.errors import ExportError
from catalog.hiding.smear import address
from catalog.hiding.veil import Veil
from extract.units import Unit
from graph.records import TopProbe

LOUD = (255, 0, 255), (0, 255, 255)  # colours that nothing else in a drawing has


def thumbnail(kind: str) -> str:
    """A chequered picture in loud colours, as base64 text."""
    squares = np.indices((8, 8)).sum(0).repeat(12, 0).repeat(12, 1) % 2
    stream = io.BytesIO()
    Image.fromarray(np.array(LOUD, np.uint8)[squares]).save(stream, kind, lossless=True)
    return base64.b64encode(stream.getvalue()).decode()


def circuit(picture: str = "", labels: tuple[str, ...] = ("you + wound",)) -> Circuit:
    edges = (
        CircuitEdge(Unit.parse("4/2/5/0"), Unit.parse("4/2/6/0"), "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch="conv"),
        CircuitEdge(Unit.parse("4/2/3/0"), Unit.parse("4/2/5/0"), "CONTRIBUTES", 0.5, 0.1, 0.9, 9, direct=True),
        CircuitEdge(Unit.parse("4/2/3/1"), Unit.parse("4/2/5/0"), "CONTRIBUTES", 0.4, -0.1, -0.9, 9, direct=True),
    )
    conv = Node(Unit.parse("4/2/5/0"), "conv", ("blood",), sensitive=True, picture=picture)
    units = (
        Node(Unit.parse("4/2/6/0"), "sum", labels),
        conv,
        Node(Unit.parse("4/2/3/0"), "input"),
        Node(Unit.parse("4/2/3/1"), "input"),
    )
    return Circuit("Enrichment circuit of 4/2/6/0", "enrichment", "m", units, edges)


@pytest.fixture
def drawing() -> str:
    return draw(circuit(address(thumbnail("WEBP"))))


def pixels(data: bytes, form: DrawingForm) -> np.ndarray:
    """A drawing of any form as an image (height, width, 3), twice its size."""
    if form == "pdf":
        page = pypdfium2.PdfDocument(data)[0]
        return np.asarray(page.render(scale=2).to_pil().convert("RGB"), int)
    png = render(data.decode(), "png") if form == "svg" else data
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), int)


def shows(image: np.ndarray, colour: tuple[int, int, int], near: int = 40) -> int:
    """How many pixels are about of this colour."""
    return int((np.abs(image - colour).max(axis=-1) <= near).sum())


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def size(svg: str) -> tuple[int, int]:
    _, _, width, height = svg.partition('viewBox="')[2].partition('"')[0].split()
    return int(width), int(height)


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.5])
def test_a_png_is_as_large_as_the_scale_says_on_white(drawing: str, scale: float) -> None:
    width, height = size(drawing)
    with Image.open(io.BytesIO(render(drawing, "png", scale))) as image:
        assert image.format == "PNG"
        assert image.size == (round(width * scale), round(height * scale))
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


def test_a_png_is_never_larger_than_what_fits_into_memory(drawing: str) -> None:
    with Image.open(io.BytesIO(render(drawing, "png", 1e6))) as image:
        assert 0.98 * MOST < image.width * image.height <= 1.02 * MOST


def test_a_pdf_is_one_page_of_the_drawing_s_size_with_text_that_can_be_copied(drawing: str) -> None:
    document = pypdfium2.PdfDocument(render(drawing, "pdf"))
    assert len(document) == 1
    assert document[0].get_size() == size(drawing)
    text = document[0].get_textpage().get_text_bounded()
    for told in ("4/2/6/0", "4/2/3/1", "you + wound", "+0.5", "\u22120.4", "conv", "+ excitatory"):
        assert told in text


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_colours_of_all_edges_and_the_picture(drawing: str, form: DrawingForm) -> None:
    image = pixels(render(drawing, form), form)
    for colour in (EXCITES.colour, INHIBITS.colour, ADDS.colour):
        assert shows(image, rgb(colour), near=12) > 300  # line and arrowhead
    for loud in LOUD:
        assert shows(image, loud, near=12) > 0.35 * (62 * 2) ** 2  # half of the picture's square, but for its edges


@pytest.mark.parametrize("form", FORMS)
def test_inhibition_is_dashed_in_every_form(drawing: str, form: DrawingForm) -> None:
    image = pixels(render(drawing, form), form)
    legend = image[-50:, 250:295]  # its line, of which the arrowhead stands further right
    dashes = (np.abs(legend - rgb(INHIBITS.colour)).max(axis=-1) < 60).any(axis=0)
    assert np.abs(np.diff(dashes.astype(int))).sum() >= 3


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
@pytest.mark.parametrize("form", FORMS)
def test_no_pixel_of_a_sensitive_picture_is_in_any_form_until_revealed(form: DrawingForm, kind: str) -> None:
    example = TopProbe("a", "picture", "blood", "noto", True, "conv", 1, 0.5, 3.0, thumbnail(kind))
    hidden = render(draw(circuit(Veil().picture(example))), form)
    assert thumbnail(kind).encode() not in hidden
    assert not [loud for loud in LOUD if shows(pixels(hidden, form), loud)]
    revealed = render(draw(circuit(Veil(revealed=True).picture(example)), revealed=True), form)
    assert all(shows(pixels(revealed, form), loud) for loud in LOUD)


def test_a_sensitive_label_is_in_no_text_of_a_file(drawing: str) -> None:
    assert b"blood" not in render(drawing, "svg")
    assert "blood" not in pypdfium2.PdfDocument(render(drawing, "pdf"))[0].get_textpage().get_text_bounded()


def test_svg_files_hold_no_webp_and_ask_for_nothing(drawing: str) -> None:
    saved = render(drawing, "svg").decode()
    assert "image/webp" in drawing
    assert "image/webp" not in saved
    assert saved.count("data:image/png;base64,") == 1
    assert "http" not in saved.replace('xmlns="http://www.w3.org/2000/svg"', "")


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_cannot_be_read_is_grey(form: DrawingForm) -> None:
    broken = draw(circuit(address(base64.b64encode(b"no picture").decode())))
    assert shows(pixels(render(broken, form), form), (128, 128, 128), near=3) > 0.9 * (58 * 2) ** 2


def test_equal_drawings_give_equal_bytes_and_pdfs_that_look_the_same(drawing: str) -> None:
    script = "sys.stdout.buffer.write(render(sys.stdin.read(), 'png'))"
    code = f"import sys; from catalog.circuits.drawing_files import render; {script}"
    other = subprocess.run([sys.executable, "-c", code], input=drawing.encode(), capture_output=True, check=True).stdout
    assert other == render(drawing, "png")
    assert render(drawing, "svg") == render(drawing, "svg")
    one, two = (pixels(render(drawing, "pdf"), "pdf") for _ in range(2))
    assert (one == two).all()


def test_hebrew_is_set_in_letters_and_not_in_boxes() -> None:
    drawn = [pixels(render(draw(circuit(labels=(text,))), "png"), "png") for text in ("\u05d0\u05d1", "\u05d2\u05d3")]
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize(
    "label", ["<script>alert(1)</script> & \"'", "bell\x07 \x00", "\u202eleft", "\U0001f642" * 9, "x" * 9999]
)
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_no_label_breaks_a_file(form: DrawingForm, label: str) -> None:
    assert pixels(render(draw(circuit(labels=(label,))), form), form).size


@pytest.mark.parametrize("form", FORMS)
def test_the_name_tells_the_form(tmp_path: Path, drawing: str, form: DrawingForm) -> None:
    file = tmp_path / f"cap.{form.upper() if form == 'png' else form}"
    write(drawing, file, 1.0)
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert file.read_bytes().startswith(starts[form])


def test_places_that_cannot_be_written_are_told(tmp_path: Path, drawing: str) -> None:
    with pytest.raises(ExportError, match="does not show the picture's format"):
        write(drawing, tmp_path / "cap.gif")
    with pytest.raises(ExportError, match="cannot be written"):
        write(drawing, tmp_path / "nowhere" / "cap.svg")
    assert list(tmp_path.iterdir()) == []
