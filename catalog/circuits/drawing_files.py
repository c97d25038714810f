"""Render drawings as files: SVG that any program opens, PNG for slides, PDF for papers.

A file needs no other file. Text is in Liberation Sans, which the renderer includes, or for other scripts in the DejaVu
Sans of `extract/probes/fonts`, so the picture is the same on every machine. The bytes of a PDF may differ, because the
renderer orders its parts freely.
"""

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import vl_convert
from PIL import Image

from catalog.errors import ExportError
from extract.files import replace_file
from extract.probes.pictures import decode_thumbnail
from extract.probes.rasterised_words import DEJAVU

DrawingForm = Literal["svg", "png", "pdf"]
FORMS: tuple[DrawingForm, ...] = get_args(DrawingForm)
KINDS: Mapping[DrawingForm, str] = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}
SCALE = 2.0  # PNG pixels per pixel of the drawing
MOST = 8e7  # pixels of a PNG: far beyond this, the renderer finds no memory and the whole process ends

_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
_WEBP = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]*)")
_FOREIGN = re.compile(r"<text(?=[^>]*>[^<]*[^\u0000-\u052f\u1e00-\u23ff<])")  # with letters not in Liberation Sans

vl_convert.register_font_directory(str(DEJAVU.parent))


def render(svg: str, form: DrawingForm, scale: float = SCALE) -> bytes:
    """Render a drawing of `catalog.circuits.drawing` as the bytes of a file.

    `scale` is the number of PNG pixels per pixel of the drawing; it is reduced if the PNG would exceed `MOST` pixels.
    """
    drawing = _WEBP.sub(_png, svg)
    if form == "svg":
        return drawing.encode()
    drawing = _FOREIGN.sub('<text font-family="DejaVu Sans"', drawing)
    if form == "pdf":
        return vl_convert.svg_to_pdf(drawing)
    return vl_convert.svg_to_png(drawing, scale=min(scale, _largest(drawing)))


def _largest(svg: str) -> float:
    """Return the scale at which a PNG of the drawing has `MOST` pixels."""
    width, height = map(int, _SIZE.search(svg).groups())  # type: ignore[union-attr]  # which every drawing has
    return float((MOST / (width * height)) ** 0.5)


def write(svg: str, path: Path, scale: float = SCALE) -> None:
    """Write a drawing; the suffix of the file's name decides the form. Raises ExportError."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise ExportError(f"The name {path.name!r} does not show the picture's format. End it in .svg, .png or .pdf.")
    replace_file(path, render(svg, form, scale), ExportError)


def _png(webp: re.Match[str]) -> str:
    """Convert a WebP picture to PNG, because PDF and many programs lack WebP; grey if the picture cannot be read."""
    plain = decode_thumbnail(base64.b64decode(webp[1])) or Image.new("RGBA", (1, 1), "grey")
    stream = io.BytesIO()
    plain.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
